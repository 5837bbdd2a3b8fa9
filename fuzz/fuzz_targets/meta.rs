#![no_main]

#[path = "../seeds.rs"]
mod seeds;
#[path = "../targets/mod.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(init: seeds::write("meta"), |input: &[u8]| targets::run("meta", input));
