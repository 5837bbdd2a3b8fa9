//! The replication machine with a store behind it, and a peer that says anything: no panic, the
//! same replies however the bytes are cut, bounded output, and a sound peer finds the link open
//! afterwards.
//!
//! An input is a list of steps. Frames are given by their content, so that mutations get past the
//! checksum; raw bytes are possible too.

use std::time::Duration;

use twincached::command::{Exptime, Read, Store as StoreCommand, StoreMode};
use twincached::replication::{Event, Options, Peer, Settings};
use twincached::store::{self, Store};
use vrrp::time::Instant;

use super::cuts::Random;
use super::frames::{content, framed, greeting, hello, session};

/// Steps of an input. Other first bytes count as [`FRAME`].
const RAW: u8 = 0xf0;
const TIME: u8 = 0xf1;
const CHANGE: u8 = 0xf2;
const RECONNECT: u8 = 0xf3;
const STRANGER: u8 = 0xf4;
const FRAME: u8 = 0xf5;

/// Output of one step, in bytes. A frame of hints may ask for nothing; a touch asks for its key.
const OUTPUT_MAX: usize = 4 << 20;
/// Calls of `poll_transmit` until there is nothing more to send.
const ROUNDS_MAX: usize = 100;

/// What inputs are made of: the words of a frame that say something.
pub const WORDS: &[&[u8]] = &[
    &[RAW, 8],
    &[TIME, 10],
    &[TIME, 255],
    &[CHANGE, 1],
    &[RECONNECT],
    &[STRANGER],
    &[0xff; 8],
    &[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    &[0; 8],
    &[0, 0, 0, 0, 0, 0, 0, 0x80],
    &[0xff; 4],
    &[1, 1, b'k'],
    &[2, 1, b'k'],
    &[3, 1, b'k'],
    &[4, 1, b'k'],
    &[0x41, 1, b'k'],
    b"TWINCACH",
];

/// Plays `input` with every frame whole and with every frame in pieces.
pub fn run(input: &[u8]) {
    let whole = Link::new(input, false).play(input);
    let pieces = Link::new(input, true).play(input);
    assert_eq!(pieces, whole, "frames in pieces");
}

/// A session as a peer plays it, a stranger, and a session that is lost half way.
pub fn seeds() -> Vec<Vec<u8>> {
    let step = |content: &Vec<u8>| {
        let length = (content.len() as u16).to_le_bytes();
        [&[FRAME][..], &length, content].concat()
    };
    let frames: Vec<Vec<u8>> = session().iter().map(step).collect();
    let changes = [[CHANGE, 1], [TIME, 10], [CHANGE, 2], [TIME, 40]].concat();
    let handshake = [content(&greeting()), content(&hello(44))];
    let handshake: Vec<Vec<u8>> = handshake.iter().map(step).collect();
    vec![
        frames.concat(),
        [changes.clone(), frames.concat(), changes.clone()].concat(),
        [frames[..4].concat(), vec![RECONNECT], frames[4..].concat()].concat(),
        [vec![STRANGER], handshake.concat(), changes, frames.concat()].concat(),
        [&[STRANGER, RAW, 16][..], b"GET / HTTP/1.1\r\n"].concat(),
    ]
}

/// One node, its clock, and the connection that it has.
struct Link {
    store: Store,
    peer: Peer,
    now: Instant,
    id: u64,
    /// Present where frames arrive in pieces.
    cuts: Option<Random>,
    /// Everything the node sent and raised.
    told: Vec<String>,
}

impl Link {
    fn new(input: &[u8], in_pieces: bool) -> Link {
        let store = Store::new(&store::Options {
            memory: 2 << 20,
            item_size_max: 64 * 1024,
            threads: 2,
            hash_seed: [1, 2, 3, 4],
            zero_unix_ms: 1_700_000_000_000,
            evict: true,
            replicated: true,
        });
        let options = Options {
            node_id: 1,
            boot_id: 11,
            acknowledge_peer: true,
            acknowledge_timeout: Duration::from_millis(250),
            secret: None,
            settings: Settings::default(),
        };
        Link {
            peer: Peer::new(options, &store),
            store,
            now: Instant::from_millis(10_000),
            id: 0,
            cuts: in_pieces.then(|| Random::new(input.len() as u64)),
            told: Vec::new(),
        }
    }

    fn play(mut self, input: &[u8]) -> Vec<String> {
        self.change(b'k');
        self.connect();
        self.shake_hands(22);
        let mut rest = input;
        while let Some((&kind, after)) = rest.split_first() {
            rest = self.step(kind, after);
            self.pump();
        }
        self.end_soundly();
        self.told
    }

    /// Plays one step; returns what follows it.
    fn step<'a>(&mut self, kind: u8, after: &'a [u8]) -> &'a [u8] {
        let argument = after.first().copied().unwrap_or_default();
        match kind {
            TIME => {
                self.now += Duration::from_millis(u64::from(argument) * 10);
                self.peer.handle_timeout(self.now, &self.store);
                after.get(1..).unwrap_or_default()
            }
            CHANGE => {
                self.change(argument);
                after.get(1..).unwrap_or_default()
            }
            RECONNECT => {
                self.connect();
                self.shake_hands(22);
                after
            }
            STRANGER => {
                self.connect();
                after
            }
            RAW => {
                let after = after.get(1..).unwrap_or_default();
                let (bytes, rest) = after.split_at(usize::from(argument).min(after.len()));
                self.say(bytes);
                rest
            }
            _ => {
                let length = after
                    .first_chunk()
                    .map_or(0, |bytes| usize::from(u16::from_le_bytes(*bytes)));
                let after = after.get(2..).unwrap_or_default();
                let (content, rest) = after.split_at(length.min(after.len()));
                self.say(&framed(content));
                rest
            }
        }
    }

    fn connect(&mut self) {
        self.peer.closed(self.now, self.id, &self.store);
        self.id += 1;
        self.peer.connected(self.now, self.id, false, [5; 32]);
    }

    fn shake_hands(&mut self, boot_id: u64) {
        for frame in [greeting(), hello(boot_id)] {
            self.say(&framed(&content(&frame)));
        }
    }

    fn say(&mut self, bytes: &[u8]) {
        let cut = self
            .cuts
            .as_mut()
            .map_or(0, |cuts| cuts.below(bytes.len() + 1));
        for piece in [&bytes[..cut], &bytes[cut..]] {
            if !piece.is_empty() {
                self.peer
                    .handle_bytes(self.now, self.id, piece, &self.store);
            }
        }
    }

    /// A client writes a key.
    fn change(&mut self, key: u8) {
        let key = [b'k', key];
        let command = StoreCommand {
            key: &key,
            value: b"value",
            flags: 0,
            exptime: Exptime::NEVER,
            mode: StoreMode::Set,
            compare: None,
            new_cas: None,
            invalidate: false,
            vivify: None,
        };
        self.store.store(self.now, &command);
        let read = Read::of(&key);
        self.store.read(self.now, &read, |item| item.is_some());
    }

    /// Takes all events and all output.
    fn pump(&mut self) -> bool {
        let mut connected = false;
        while let Some(event) = self.peer.poll_event() {
            connected |= matches!(event, Event::Connected { .. });
            self.told.push(format!("{event:?}"));
        }
        let (mut out, mut rounds) = (Vec::new(), 0);
        while self
            .peer
            .poll_transmit(self.now, self.id, &self.store, &mut out)
        {
            rounds += 1;
            assert!(rounds < ROUNDS_MAX, "it never stops sending");
        }
        assert!(out.len() <= OUTPUT_MAX, "{} bytes at once", out.len());
        self.told.push(out.escape_ascii().to_string());
        connected
    }

    /// Whatever was said, the next boot of the peer is heard, and the store can still be used.
    fn end_soundly(&mut self) {
        self.connect();
        self.pump();
        self.shake_hands(33);
        assert!(self.pump(), "a sound peer is not heard any more");
        self.change(b'z');
        self.now += Duration::from_secs(1);
        self.peer.handle_timeout(self.now, &self.store);
        self.pump();
    }
}
