//! A panic anywhere ends the process.
//!
//! It means that a rule of ours was broken, so nothing that this process holds can be trusted any
//! more. What is left of it must not go on: a node without its address thread would believe in a
//! lease that nobody renews, and a connection that ended half way through a change would leave a
//! store that the peer copies. The end of the process is what everything else is made for: the
//! guard removes the address, and the peer, which has all data, takes over.

/// From now on a panic is reported as always, and then the process ends with SIGABRT.
pub fn end_the_process() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        report(panic);
        std::process::abort();
    }));
}
