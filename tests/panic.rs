//! A panic in any thread, in a task too, ends the whole process, so that the guard and the peer act.
//!
//! This program starts itself once more, installs what the server installs, and panics there.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::thread;

const PLACE: &str = "TWINCACHED_TEST_PANIC";
const SIGABRT: i32 = 6;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime needs a few descriptors")
}

/// Without the hook each of these is caught: by the join, or by the runtime.
fn panic_in(place: &str) {
    match place {
        "thread" => drop(thread::spawn(|| panic!("in a thread")).join()),
        "task" => runtime().block_on(async {
            let _caught = tokio::spawn(async { panic!("in a task") }).await;
        }),
        "destructor" => {
            struct Guarded;
            impl Drop for Guarded {
                fn drop(&mut self) {
                    std::process::exit(0);
                }
            }
            let _guarded = Guarded;
            panic!("nothing is unwound");
        }
        other => unreachable!("{other}"),
    }
}

#[test]
fn a_panic_anywhere_ends_the_process() {
    if let Ok(place) = std::env::var(PLACE) {
        if place != "caught" {
            twincached::server::panics::end_the_process();
        }
        panic_in(if place == "caught" { "task" } else { &place });
        std::process::exit(0);
    }
    for (place, signal) in [
        ("caught", None),
        ("thread", Some(SIGABRT)),
        ("task", Some(SIGABRT)),
        ("destructor", Some(SIGABRT)),
    ] {
        let program = std::env::current_exe().expect("the path of this program");
        let status = Command::new(program)
            .args(["--exact", "a_panic_anywhere_ends_the_process"])
            .env(PLACE, place)
            .env("RUST_BACKTRACE", "0")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .expect("this program can be started");
        assert_eq!(status.signal(), signal, "{place}: {status}");
    }
}
