use super::*;
use crate::command::{Life, MARK_STALE, Mutation, Record, Value};
use crate::replication::record::ChangesWriter;

fn check(frame: &Frame<'_>) {
    let mut bytes = Vec::new();
    frame.encode(&mut bytes);
    let (decoded, length) = decode(&bytes).expect("well formed").expect("complete");
    assert_eq!((&decoded, length), (frame, bytes.len()));
    for cut in 0..bytes.len() {
        assert_eq!(decode(&bytes[..cut]), Ok(None), "cut at {cut}");
    }
}

#[test]
fn every_frame_survives_the_wire_and_waits_for_its_last_byte() {
    check(&Frame::Greeting(Greeting {
        version_oldest: 1,
        version_newest: 2,
        nonce: [7; 32],
        secret: true,
    }));
    check(&Frame::Proof([9; 32]));
    let mut hello = Hello {
        node_id: 1,
        boot_id: 2,
        newest: vec![3, 4],
        ..Hello::default()
    };
    hello.settings.virtual_addresses = vec!["10.0.0.100/32".to_owned()];
    check(&Frame::Hello(hello));
    check(&Frame::Heartbeat(Heartbeat {
        clock_ms: 5,
        ..Heartbeat::default()
    }));
    for (refused, unheard) in [(7, false), (0, true), (7, true)] {
        check(&Frame::Heartbeat(Heartbeat {
            refused,
            unheard,
            ..Heartbeat::default()
        }));
    }
    check(&Frame::Want(b"key"));
    check(&Frame::Flush(77));
    check(&Frame::InSync);
    check(&Frame::Goodbye("why".to_owned()));
    check(&Frame::Part {
        last: true,
        bytes: b"piece",
    });
}

#[test]
fn a_greeting_looks_like_this_on_the_wire() {
    let mut bytes = Vec::new();
    Frame::Greeting(Greeting {
        version_oldest: 1,
        version_newest: 1,
        nonce: [0; 32],
        secret: false,
    })
    .encode(&mut bytes);
    assert_eq!(bytes[..4], [50, 0, 0, 0]);
    assert_eq!(bytes[8..17], *b"\x01TWINCACH");
    assert_eq!(bytes[17..25], [1, 0, 0, 0, 1, 0, 0, 0]);
    assert_eq!(bytes.len(), 58);
}

#[test]
fn records_come_back_as_they_were_written() {
    let records = [
        Record::Mutation(Mutation::Item {
            key: b"k",
            value: Value::whole(b"value"),
            flags: 3,
            life: Life::Remaining { millis: 1500 },
            version: 42,
            cas: Some(7),
            marks: MARK_STALE,
        }),
        Record::Mutation(Mutation::Tombstone {
            key: b"gone",
            version: 43,
        }),
        Record::Mutation(Mutation::Touch {
            key: b"t",
            version: 44,
            cas: 9,
            life: Life::Forever,
        }),
        Record::Listed(b"still here"),
        Record::TooLarge {
            key: b"huge",
            version: 12,
        },
    ];
    let mut bytes = Vec::new();
    let mut writer = ChangesWriter::begin(&mut bytes, 5, 1000);
    records
        .iter()
        .for_each(|record| writer.push(&mut bytes, record));
    writer.end(&mut bytes, 99);
    let (Frame::Changes(changes), _) = decode(&bytes).unwrap().unwrap() else {
        panic!()
    };
    assert_eq!(
        (changes.shard, changes.position, changes.sent_at_ns),
        (5, 99, 1000)
    );
    assert_eq!(
        changes.records().map(Option::unwrap).collect::<Vec<_>>(),
        records
    );
}

#[test]
fn broken_frames_are_refused_by_name() {
    assert_eq!(
        decode(b"GET / HTTP/1.1\r\n"),
        Err(FrameError::Length(0x2054_4547))
    );
    let mut bytes = Vec::new();
    Frame::Flush(1).encode(&mut bytes);
    bytes[10] ^= 1;
    assert_eq!(decode(&bytes), Err(FrameError::Checksum));
    let mut bytes = Vec::new();
    let start = begin(&mut bytes, 200);
    end(&mut bytes, start);
    assert_eq!(decode(&bytes), Err(FrameError::Type(200)));
    let mut bytes = Vec::new();
    let start = begin(&mut bytes, HEARTBEAT);
    end(&mut bytes, start);
    assert_eq!(decode(&bytes), Err(FrameError::Body(HEARTBEAT)));
}

#[test]
fn a_count_larger_than_the_frame_allocates_nothing() {
    let mut reader = Reader(&[0xff, 0xff, 0xff, 0xff, 1, 2, 3]);
    assert_eq!(reader.u64s(), None);
}

#[test]
fn a_frame_that_begins_in_one_piece_and_ends_in_another_takes_no_byte_of_the_next() {
    let mut wire = Vec::new();
    Frame::Want(b"a key").encode(&mut wire);
    for at in 1..wire.len() {
        let mut partial = wire[..at].to_vec();
        let next = [&wire[at..], b"next"].concat();
        assert_eq!(complete(&mut partial, &next), b"next", "cut at {at}");
        assert_eq!(partial, wire, "cut at {at}");
    }
}

#[test]
fn of_a_frame_that_is_refused_no_more_than_its_prefix_is_put_together() {
    let mut partial = vec![0xFF, 0xFF];
    let rest = complete(&mut partial, &[0xFF; 100]);
    assert_eq!((partial.len(), rest.len()), (8, 94));
    assert_eq!(decode(&partial), Err(FrameError::Length(0xFFFF_FFFF)));
}

#[test]
fn where_no_frame_has_begun_nothing_is_put_together() {
    let mut partial = Vec::new();
    assert_eq!(complete(&mut partial, b"bytes"), b"bytes");
    assert!(partial.is_empty());
}
