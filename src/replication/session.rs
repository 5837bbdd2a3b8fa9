//! One connection to the peer, from the first byte to the hello: greeting, proof, introduction.
//!
//! ```text
//!             greeting            proof               hello
//!  Greeting ------------> Proving -------> Introducing -----> Established
//!        \________no secret on both ends______/
//! ```
//!
//! A stranger gets as far as the greeting and holds a few bytes of memory until the handshake
//! times out. Which of several established sessions feeds the store is decided in `peer.rs`.

use vrrp::time::Instant;

use super::age::Age;
use super::frame::{Frame, VERSION_NEWEST, VERSION_OLDEST};
use super::hello::{Greeting, Hello};
use super::secret;

/// Names a connection; given by the caller, never used twice.
pub type SessionId = u64;

/// How far the handshake has come.
#[derive(Debug)]
pub(super) enum Phase {
    Greeting,
    Proving { theirs: Greeting },
    Introducing,
    Established,
}

/// How TLS begins (RFC 8446 §5.1): as the length of a frame it would be no greeting's.
const TLS_HANDSHAKE: [u8; 2] = [22, 3];

/// Why a connection cannot go on. Its text is for both ends' logs.
pub(super) type Refusal = String;

/// One connection.
pub(super) struct Session {
    pub dialled: bool,
    pub phase: Phase,
    pub opened_at: Instant,
    pub heard_at: Instant,
    /// Bytes received that are no whole frame yet.
    pub input: Vec<u8>,
    /// Frames of the handshake and other rare ones, ready to send.
    pub output: Vec<u8>,
    /// A frame that arrives in parts.
    pub assembling: Vec<u8>,
    /// A frame that leaves in parts, and how much of it has left.
    pub leaving: (Vec<u8>, usize),
    /// The positions told in our hello: the peer has caught up when it reaches them.
    pub told: Vec<u64>,
    pub heartbeat_due: bool,
    pub watermark_sent: u64,
    /// It is being closed: what still arrives is not read.
    pub closing: bool,
    /// The other end has said why it does not want it.
    pub dismissed: bool,
    /// How old the peer's frames are.
    pub age: Age,
    greeting: Greeting,
}

impl Session {
    pub fn open(now: Instant, dialled: bool, nonce: [u8; 32], secret: bool) -> Session {
        let greeting = Greeting {
            version_oldest: VERSION_OLDEST,
            version_newest: VERSION_NEWEST,
            nonce,
            secret,
        };
        let mut output = Vec::new();
        Frame::Greeting(greeting.clone()).encode(&mut output);
        Session {
            dialled,
            phase: Phase::Greeting,
            opened_at: now,
            heard_at: now,
            input: Vec::new(),
            output,
            assembling: Vec::new(),
            leaving: (Vec::new(), 0),
            told: Vec::new(),
            heartbeat_due: true,
            watermark_sent: 0,
            closing: false,
            dismissed: false,
            age: Age::default(),
            greeting,
        }
    }

    pub const fn is_established(&self) -> bool {
        matches!(self.phase, Phase::Established)
    }

    /// Looks at the first bytes of a connection, before they are taken for a frame.
    pub fn check_start(&self, input: &[u8]) -> Result<(), Refusal> {
        if matches!(self.phase, Phase::Greeting) && input.starts_with(&TLS_HANDSHAKE) {
            return Err("replication.tls is set on the peer but not here".to_owned());
        }
        Ok(())
    }

    /// Takes the peer's greeting. True when it is our turn to say hello.
    pub fn take_greeting(
        &mut self,
        theirs: Greeting,
        secret: Option<&[u8]>,
    ) -> Result<bool, Refusal> {
        if theirs.version_oldest > VERSION_NEWEST || theirs.version_newest < VERSION_OLDEST {
            return Err(format!(
                "the peer speaks protocol versions {} to {}, this node {VERSION_OLDEST} to \
                 {VERSION_NEWEST}; upgrade the older one",
                theirs.version_oldest, theirs.version_newest
            ));
        }
        match (secret, theirs.secret) {
            (None, false) => {
                self.phase = Phase::Introducing;
                Ok(true)
            }
            (Some(secret), true) => {
                let proof = secret::prove(secret, self.dialled, &self.greeting, &theirs);
                Frame::Proof(proof).encode(&mut self.output);
                self.phase = Phase::Proving { theirs };
                Ok(false)
            }
            (Some(_), false) => {
                Err("replication.secret_file is set here but not on the peer".to_owned())
            }
            (None, true) => {
                Err("replication.secret_file is set on the peer but not here".to_owned())
            }
        }
    }

    /// Takes the peer's proof; afterwards it is our turn to say hello.
    pub fn take_proof(&mut self, proof: &[u8; 32], secret: Option<&[u8]>) -> Result<(), Refusal> {
        let (Phase::Proving { theirs }, Some(secret)) = (&self.phase, secret) else {
            return Err("a proof nobody asked for".to_owned());
        };
        if !secret::verify(secret, !self.dialled, theirs, &self.greeting, proof) {
            return Err(
                "the peer has another secret; replication.secret_file must hold the same \
                        bytes on both hosts"
                    .to_owned(),
            );
        }
        self.phase = Phase::Introducing;
        Ok(())
    }

    pub fn say_hello(&mut self, hello: Hello) {
        self.told.clone_from(&hello.newest);
        self.watermark_sent = hello.watermark;
        Frame::Hello(hello).encode(&mut self.output);
    }
}

/// Checks that the other end is another node.
pub(super) fn check_identity(ours: (u64, u64), theirs: &Hello) -> Result<(), Refusal> {
    let (node_id, boot_id) = ours;
    if theirs.boot_id == boot_id {
        return Err(
            "this node is connected to itself; replication.peer must name the other host \
             (with -x and -X on one host: the other instance does not run)"
                .to_owned(),
        );
    }
    if theirs.node_id == node_id {
        return Err(format!(
            "both nodes have node id {node_id}; give each host its own replication.node_id, or none"
        ));
    }
    Ok(())
}
