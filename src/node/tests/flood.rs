//! Anybody on the LAN may send as much as he likes; the log does not grow with it.

use super::*;

/// A BACKUP that hears these advertisements, a thousand a second for 61 seconds. What it logs.
fn logged(packets: &[Vec<u8>]) -> Vec<String> {
    let mut backup = holder(at(1_000), 0, 200, true);
    backup.start(at(1_000));
    lines(|| {
        for number in 0..61_000 {
            let packet = &packets[number % packets.len()];
            let now = at(1_000 + number as u64);
            backup.set_workers_at(now);
            backup.handle_datagram(now, Datagram::Ipv4(packet));
        }
    })
}

/// With the host part of the source changed, which no checksum of ours covers.
fn from(source: u8, mut packet: Vec<u8>) -> Vec<u8> {
    packet[15] = source;
    packet
}

#[test]
fn rejected_advertisements_are_told_once_a_minute_and_reason() {
    let broken = |at: usize| {
        let mut packet = advertisement(1, 240);
        packet[at] ^= 0x08;
        packet
    };
    let (checksum, ttl) = (broken(26), broken(8));
    let told = logged(&[checksum.clone(), checksum, ttl]);
    let of = |reason: &str| told.iter().filter(|line| line.contains(reason)).count();
    let counts = (of("checksum"), of("TTL"), of("rejected"));
    assert_eq!(counts, (2, 2, 4), "{told:?}");
    assert!(
        told.iter().any(|line| line.contains("40000 times")),
        "{told:?}"
    );
}

#[test]
fn masters_that_come_and_go_are_told_of_once_a_minute() {
    let told = logged(&[advertisement(1, 240), advertisement(1, 0)]);
    let routine = |line: &&String| line.contains("is master") || line.contains("leaves");
    let count = told.iter().filter(routine).count();
    assert!((2..=4).contains(&count), "{told:?}");
}

#[test]
fn third_routers_without_end_are_told_of_once_a_minute() {
    let mut backup = holder(at(1_000), 0, 200, true);
    backup.start(at(1_000));
    backup.handle_hello(at(1_000), 240, Some(address(1)));
    let told = lines(|| {
        for number in 0..61_000u64 {
            let third = from(100 + (number % 2) as u8, advertisement(1, 250));
            backup.set_workers_at(at(1_000 + number));
            backup.handle_datagram(at(1_000 + number), Datagram::Ipv4(&third));
        }
    });
    let third = told.iter().filter(|line| line.contains("third router"));
    assert_eq!(third.count(), 2, "{told:?}");
}

#[test]
fn differences_without_end_are_told_of_one_by_one_and_then_once_a_minute() {
    let mut backup = holder(at(1_000), 0, 200, true);
    backup.start(at(1_000));
    let told = lines(|| {
        for number in 0..61_000u64 {
            let other = IpAddr::V4(Ipv4Addr::from(0x0a01_0000 + number as u32));
            let packet = advertisement_of(1, 240, other);
            backup.set_workers_at(at(1_000 + number));
            backup.handle_datagram(at(1_000 + number), Datagram::Ipv4(&packet));
        }
    });
    let differs = told.iter().filter(|line| line.contains("differently"));
    assert_eq!(differs.count(), 8 + 2, "{told:?}");
}
