//! The frames of the replication link: any bytes are a frame, the start of one, or an error; what
//! was decoded survives being encoded again.

use twincached::command::{Conflicts, Standing};
use twincached::replication::{Frame, Greeting, Heartbeat, Hello, Settings, decode};

/// Decodes `input` as a stream, and as the content of one frame whose length and checksum are right.
pub fn run(input: &[u8]) {
    let mut rest = input;
    while let Ok(Some((frame, length))) = decode(rest) {
        assert!((9..=rest.len()).contains(&length), "{length} bytes");
        check(&frame);
        rest = &rest[length..];
    }
    let whole = framed(input);
    match decode(&whole) {
        Ok(Some((frame, length))) => {
            assert_eq!(length, whole.len());
            check(&frame);
            let cut = input.first().map_or(0, |byte| usize::from(*byte) % length);
            assert_eq!(decode(&whole[..cut]), Ok(None), "cut at {cut}");
        }
        Ok(None) => panic!("a whole frame is not seen"),
        Err(_) => {}
    }
}

fn check(frame: &Frame<'_>) {
    if let Frame::Changes(changes) = frame {
        let records = changes.records();
        let broken = records.skip_while(Option::is_some).count();
        assert!(broken <= 1, "nothing follows a malformed record");
    }
    if let Frame::Acknowledge { positions, .. } = frame {
        positions.iter().for_each(drop);
    }
    let mut bytes = Vec::new();
    frame.encode(&mut bytes);
    match decode(&bytes) {
        Ok(Some((again, length))) => assert_eq!((&again, length), (frame, bytes.len())),
        // What was not UTF-8 has become longer.
        other => assert!(bytes.len() > 256 * 1024, "{other:?}"),
    }
}

/// The frame with this content: type and body.
pub fn framed(content: &[u8]) -> Vec<u8> {
    let mut bytes = (content.len() as u32).to_le_bytes().to_vec();
    bytes.extend(crc32c::crc32c(content).to_le_bytes());
    bytes.extend_from_slice(content);
    bytes
}

/// The type and the body of a frame.
pub fn content(frame: &Frame<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame.encode(&mut bytes);
    bytes.split_off(8)
}

/// The content of every frame of a session, in an order that a peer may send them in.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut contents = vec![
        content(&greeting()),
        content(&Frame::Proof([7; 32])),
        content(&hello(22)),
    ];
    contents.extend(session());
    contents
}

/// What opens a session.
pub fn greeting() -> Frame<'static> {
    Frame::Greeting(Greeting {
        version_oldest: 1,
        version_newest: 1,
        nonce: [3; 32],
        secret: false,
    })
}

/// Introduces a node that was started as `boot_id`.
pub fn hello(boot_id: u64) -> Frame<'static> {
    Frame::Hello(Hello {
        node_id: 2,
        boot_id,
        clock_ms: 1_700_000_010_000,
        watermark: 0,
        newest: vec![3, 0],
        applied_boot: 0,
        applied: Vec::new(),
        standing: standing(),
        settings: Settings {
            virtual_addresses: vec!["10.0.0.100/32".to_owned()],
            ..Settings::default()
        },
    })
}

fn standing() -> Standing {
    Standing {
        complete: true,
        effective_priority: 240,
        ..Standing::default()
    }
}

/// What follows the hello.
pub fn session() -> Vec<Vec<u8>> {
    let version = |count: u64| ((1_700_000_010_000_u64 << 16) + 2 * count).to_le_bytes();
    let records: [Vec<u8>; 4] = [
        [
            &[1, 1][..],
            b"k",
            &version(1),
            &[0xff; 8],
            &[5, 0, 0, 0, 0],
            &[3, 0, 0, 0],
            b"abc",
        ]
        .concat(),
        [
            &[3, 1][..],
            b"k",
            &version(2),
            &60_000_u64.to_le_bytes(),
            &version(1),
        ]
        .concat(),
        [&[2, 1][..], b"g", &version(3)].concat(),
        [&[4, 1][..], b"k"].concat(),
    ];
    let changes = [
        &[4, 0, 0, 0, 0][..],
        &3_u64.to_le_bytes(),
        &9_000_u64.to_le_bytes(),
    ];
    let changes = [changes.concat(), records.concat()].concat();
    let whole = framed(&changes);
    let heartbeat = Frame::Heartbeat(Heartbeat {
        sent_at_ns: 9_100,
        clock_ms: 1_700_000_010_100,
        watermark: 0,
        standing: standing(),
        refused: 3,
        conflicts: Conflicts { lost: 1, won: 2 },
        unheard: true,
    });
    let (first, second) = whole.split_at(whole.len() / 2);
    vec![
        changes,
        [&[5][..], &[0; 8], &[0; 4], &1_u64.to_le_bytes()].concat(),
        content(&heartbeat),
        content(&Frame::InSync),
        content(&Frame::Want(b"k")),
        content(&Frame::Hints(b"\x01k\x02no")),
        content(&Frame::Flush(u64::from_le_bytes(version(4)))),
        content(&Frame::FlushLater(1_000)),
        content(&Frame::CompareBegin(1)),
        content(&Frame::CompareEnd),
        content(&Frame::Part {
            last: false,
            bytes: first,
        }),
        content(&Frame::Part {
            last: true,
            bytes: second,
        }),
        content(&Frame::Handover),
        content(&Frame::Goodbye("bye".to_owned())),
    ]
}
