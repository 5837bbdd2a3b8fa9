//! A target's good inputs and words as files, in libFuzzer's form.

use std::env;
use std::fmt::Write;
use std::fs;
use std::io;
use std::path::Path;

use crate::targets::{self, Target};

/// If `FUZZ_SEEDS` names a directory, writes the good inputs of the target to DIRECTORY/TARGET/ and
/// its words to DIRECTORY/TARGET.dict. libFuzzer reads them afterwards.
pub fn write(name: &str) {
    let target = targets::ALL.iter().find(|target| target.name == name);
    let target = target.expect("a target of this name");
    if let Some(directory) = env::var_os("FUZZ_SEEDS") {
        write_to(Path::new(&directory), target).expect("the directory of seeds is writable");
    }
}

fn write_to(directory: &Path, target: &Target) -> io::Result<()> {
    let corpus = directory.join(target.name);
    fs::create_dir_all(&corpus)?;
    for (number, seed) in (target.seeds)().iter().enumerate() {
        fs::write(corpus.join(format!("seed-{number}")), seed)?;
    }
    let mut words = String::new();
    for word in target.words {
        let bytes = word.iter().map(|byte| format!("\\x{byte:02x}"));
        writeln!(words, "\"{}\"", bytes.collect::<String>()).expect("a String takes all");
    }
    fs::write(directory.join(format!("{}.dict", target.name)), words)
}
