#![no_main]

#[path = "../seeds.rs"]
mod seeds;
#[path = "../targets/mod.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(init: seeds::write("frames"), |input: &[u8]| targets::run("frames", input));
