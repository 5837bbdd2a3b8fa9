//! The configuration file: any bytes are a configuration or one mistake with exit code 78.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use twincached::config;

/// What inputs are made of.
pub const WORDS: &[&[u8]] = &[
    b"memory: 1GiB\n",
    b"threads: 4\n",
    b"listen: [\"0.0.0.0:11211\", \"[::]:11211\"]\n",
    b"item_size_max: 8MiB\n",
    b"connections_max: 1024\n",
    b"idle_timeout: 5m\n",
    b"unix_socket_mode: 0700\n",
    b"replication:\n  listen: 10.0.0.1:11212\n  peer: 10.0.0.2:11212\n",
    b"  acknowledge: local\n",
    b"  acknowledge_timeout: 250ms\n",
    b"vrrp:\n  interface: eth0\n  virtual_router_id: 51\n  virtual_addresses: [10.0.0.100]\n",
    b"  priority: 240\n",
    b"  advertisement_interval: 200ms\n",
    b"  version: 3\n",
    b"  password: secret\n",
    b"  unicast_peer: 10.0.0.2\n",
    b"  join_hold: 5s\n",
    b"admin:\n  listen: 127.0.0.1:11280\n",
    b": ",
    b"\n- ",
    b"&a ",
    b"*a",
    b"<<: *a",
    b"!!binary ",
    b"{",
    b"}",
    b"[",
    b"]",
    b"|\n",
    b">\n",
    b"? ",
    b"---\n",
    b"%YAML 1.2\n",
    b"\xef\xbb\xbf",
    b"\xff",
    b"'",
    b"\"",
    b"\\x",
    b"#",
    b"\t",
    b"99999999999999999999",
    b"-1",
    b"0x",
    b"~",
    b"null",
];

/// Whole files.
pub fn seeds() -> Vec<Vec<u8>> {
    let file =
        |words: &[usize]| -> Vec<u8> { words.iter().flat_map(|at| WORDS[*at].to_vec()).collect() };
    vec![
        file(&[0, 2, 3, 7, 9, 10, 11, 17]),
        file(&[0, 1, 4, 5, 6]),
        file(&[10, 12, 13, 16]),
        file(&[7, 8, 10, 14, 15]),
    ]
}

/// Loads `input` as a file.
///
/// Inputs that would read another file, or ask the resolver for a host name, are left out: what
/// those answer is not ours.
pub fn run(input: &[u8]) {
    let names_a_file = contains(input, b"secret_file") || contains(input, b"certificate");
    if names_a_file || names_a_host(input) {
        return;
    }
    let file = TemporaryFile::new(input);
    match config::load(&file.0) {
        Ok(config) => assert!(!format!("{config:?}").is_empty()),
        Err(error) => {
            assert_eq!(error.exit_code(), 78);
            assert!(!error.to_string().is_empty());
        }
    }
}

fn contains(input: &[u8], word: &[u8]) -> bool {
    input.windows(word.len()).any(|window| window == word)
}

/// Whether a value of `listen` may be a name. Everything after the key up to the next one that is
/// known to be a value of addresses is made of these characters only.
fn names_a_host(input: &[u8]) -> bool {
    let is_address = |byte: &u8| b"0123456789.:[]\"', -*\r\n".contains(byte);
    let mut rest = input;
    while let Some(at) = rest.windows(6).position(|window| window == b"listen") {
        rest = &rest[at + 6..];
        let line_end = rest.iter().position(|byte| *byte == b'\n');
        let line = &rest[..line_end.unwrap_or(rest.len())];
        let follows = rest.get(line.len() + 1..).and_then(|next| next.first());
        let goes_on = matches!(follows, Some(b' ' | b'-' | b'\t'));
        let is_section = line == b": 10.0.0.1:11212" || line == b": 127.0.0.1:11280";
        if !line.iter().all(is_address) || goes_on && !is_section {
            return true;
        }
    }
    false
}

/// A file of this process, removed when it goes out of scope.
struct TemporaryFile(PathBuf);

impl TemporaryFile {
    fn new(content: &[u8]) -> TemporaryFile {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("twincached-fuzz-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, content).expect("the temporary directory is writable");
        TemporaryFile(path)
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        // A leftover in the temporary directory harms nobody.
        let _ = std::fs::remove_file(&self.0);
    }
}
