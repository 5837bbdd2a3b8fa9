//! However the bytes are cut, the steps are the same; and no bytes make a decoder panic or stand
//! still. Seeded: a failure names its seed, and the same seed gives the same run.

use super::{LIMITS, describe};
use crate::protocol::{Decoder, Step};

/// What streams are made of: good requests, broken ones, and halves of both.
const PIECES: &[&[u8]] = &[
    b"get a\r\n",
    b"get a b c\r\n",
    b"gets  a\n",
    b"gat 10 a\r\n",
    b"set a 1 2 3\r\nxyz\r\n",
    b"set a 1 2 3 noreply\r\nxyz\r\n",
    b"set a 1 2 3\r\nxyzzy",
    b"set a 1 2 30\r\n",
    b"set a x 2 3\r\nxyz\r\n",
    b"set a 0 0 2000\r\n",
    b"set a 0 0 5000000\r\n",
    b"cas a 0 0 3\r\nxyz\r\n",
    b"append a 0 0 0\r\n\r\n",
    b"delete a\r\n",
    b"incr n 5\r\n",
    b"touch a 5 noreply\r\n",
    b"flush_all\r\n",
    b"stats \r\n",
    b"mg a v t Oabc\r\n",
    b"mg Zm9v b k\r\n",
    b"mg Zm9v= b k\r\n",
    b"ms a 3 c\r\nxyz\r\n",
    b"ms Zm9v 3 b\r\nxyz\r\n",
    b"ms a 3 Z\r\nxyz\r\n",
    b"md a q\r\n",
    b"ma n v\r\n",
    b"mn\r\n",
    b"bogus\r\n",
    b"\r\n",
    b"\n",
    b"get ",
    b" ",
    b"set ",
    b"\r",
    b"\x80",
    b"\0",
];

/// Packets for binary streams: get, set, noop, unknown, append, a broken one.
const PACKETS: &[&[u8]] = &[
    b"\x80\0\0\x01\0\0\0\0\0\0\0\x01\0\0\0\x01\0\0\0\0\0\0\0\0a",
    b"\x80\x01\0\x01\x08\0\0\0\0\0\0\x0c\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\x05\0\0\0\0axyz",
    b"\x80\x0a\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0",
    b"\x80\x55\0\0\0\0\0\0\0\0\0\x03\0\0\0\x01\0\0\0\0\0\0\0\0xyz",
    b"\x80\x0e\0\x01\0\0\0\0\0\0\0\x02\0\0\0\x01\0\0\0\0\0\0\0\x09ax",
    b"\x80\x01\0\x01\x08\0\0\0\0\x50\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0a",
    b"\x80\0\0\x09\0\0\0\0\0\0\0\x01\0\0\0\x01\0\0\0\0\0\0\0\0a",
];

/// An xorshift generator: enough to shuffle test input.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound
    }
}

/// All steps of `input` as it arrives in segments that end at `cuts`. Requests and refusals are
/// described with the place they end at; skips are not, since only their sum is fixed.
fn steps(input: &[u8], cuts: &[usize]) -> Vec<String> {
    let mut decoder = Decoder::new(LIMITS);
    let mut found = Vec::new();
    let mut position = 0;
    for &arrived in cuts.iter().chain([&input.len()]) {
        loop {
            let step = decoder.decode(&input[position..arrived]);
            match step {
                Step::Incomplete { need } => {
                    assert!(
                        need == 0 || need > arrived - position,
                        "it has what it needs"
                    );
                    break;
                }
                Step::Skipped { consumed } => {
                    assert!(consumed > 0 && consumed <= arrived - position);
                    position += consumed;
                }
                Step::Refused { close: true, .. } => {
                    found.push(describe(&step));
                    return found;
                }
                Step::Request { consumed, .. } | Step::Refused { consumed, .. } => {
                    assert!(consumed > 0 && consumed <= arrived - position);
                    position += consumed;
                    found.push(format!("{position}: {}", describe(&step)));
                }
            }
        }
    }
    found.push(format!("skipped to {position}"));
    found
}

fn cuts(random: &mut Random, length: usize) -> Vec<usize> {
    let mut cuts: Vec<usize> = (0..random.below(12))
        .map(|_| random.below(length + 1))
        .collect();
    cuts.sort_unstable();
    cuts
}

/// Pieces in a row, some of them damaged, sometimes a list of keys longer than a line may be.
fn stream(random: &mut Random, pieces: &[&[u8]]) -> Vec<u8> {
    let mut stream = Vec::new();
    for _ in 0..1 + random.below(12) {
        let start = stream.len();
        stream.extend_from_slice(pieces[random.below(pieces.len())]);
        match random.below(12) {
            0 => {
                let place = start + random.below(stream.len() - start);
                stream[place] = random.below(256) as u8;
            }
            1 => stream.truncate(start + random.below(stream.len() - start + 1)),
            2 => {
                stream.extend_from_slice(b"get ");
                let key = vec![b'k'; 1 + random.below(260)];
                for _ in 0..random.below(60) {
                    stream.extend_from_slice(&key[random.below(key.len())..]);
                    stream.push(b' ');
                }
                stream.extend_from_slice(b"\r\n");
            }
            _ => {}
        }
    }
    stream
}

fn check_all_cuts_agree(seed: u64, pieces: &[&[u8]]) {
    let mut random = Random::new(seed);
    let stream = stream(&mut random, pieces);
    let whole = steps(&stream, &[]);
    for _ in 0..6 {
        let cuts = cuts(&mut random, stream.len());
        let input = stream.escape_ascii();
        assert_eq!(
            steps(&stream, &cuts),
            whole,
            "seed {seed}, cuts {cuts:?}, input {input}"
        );
    }
}

#[test]
fn text_gives_the_same_steps_however_it_is_cut() {
    for seed in 0..6_000 {
        check_all_cuts_agree(seed, PIECES);
    }
}

#[test]
fn binary_gives_the_same_steps_however_it_is_cut() {
    for seed in 0..6_000 {
        check_all_cuts_agree(seed, PACKETS);
    }
}

#[test]
fn every_single_byte_may_arrive_alone() {
    let streams = [PIECES.concat(), PACKETS.concat()];
    for stream in &streams {
        let every_byte: Vec<usize> = (0..stream.len()).collect();
        assert_eq!(steps(stream, &every_byte), steps(stream, &[]));
    }
}

#[test]
fn garbage_is_always_consumed_or_refused() {
    let alphabet = b"getsmadn 0123456789\r\n\r\n  -kvbO\x80\x00\xff";
    for seed in 0..6_000 {
        let mut random = Random::new(seed);
        let length = random.below(4_000);
        let mut input: Vec<u8> = (0..length)
            .map(|_| alphabet[random.below(alphabet.len())])
            .collect();
        if seed % 3 == 0 {
            input
                .iter_mut()
                .for_each(|byte| *byte = random.below(256) as u8);
        }
        if seed % 5 == 0 {
            input.insert(0, 0x80);
        }
        let cuts = cuts(&mut random, input.len());
        assert_eq!(steps(&input, &cuts), steps(&input, &[]), "seed {seed}");
    }
}
