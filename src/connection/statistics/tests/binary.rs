use super::{parsed, used};
use crate::connection::fixture::{Fixture, connection, seconds};

/// Statistics of a binary answer: status, name, value.
fn binary(fixture: &Fixture, key: &str) -> Vec<(u16, String, String)> {
    let mut request = vec![
        0x80,
        0x10,
        0,
        key.len() as u8,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        key.len() as u8,
    ];
    request.extend_from_slice(&[0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0]);
    request.extend_from_slice(key.as_bytes());
    let answer = fixture.send(&mut connection(), seconds(15), request);
    let (mut rest, mut packets) = (&answer[..], Vec::new());
    while let Some((header, behind)) = rest.split_first_chunk::<24>() {
        let key_length = usize::from(header[2]) * 256 + usize::from(header[3]);
        let length = u32::from_be_bytes([header[8], header[9], header[10], header[11]]) as usize;
        let (key, value) = behind[..length].split_at(key_length);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        packets.push((
            u16::from_be_bytes([header[6], header[7]]),
            text(key),
            text(value),
        ));
        rest = &behind[length..];
    }
    packets
}

#[test]
fn the_binary_protocol_has_the_same_statistics() {
    let fixture = used();
    let end = (0, String::new(), String::new());
    for (key, command) in [
        ("", "stats"),
        ("items", "stats items"),
        ("settings", "stats settings"),
    ] {
        let text = parsed(&fixture.say(seconds(15), format!("{command}\r\n")));
        let mut expected: Vec<_> = text
            .into_iter()
            .map(|(name, value)| (0, name, value))
            .collect();
        expected.push(end.clone());
        assert_eq!(binary(&fixture, key), expected, "{key}");
    }
    for key in ["reset", "detail on", "detail off"] {
        assert_eq!(binary(&fixture, key), std::slice::from_ref(&end), "{key}");
    }
    let detail = (0, "detailed".to_owned(), "END\r\n".to_owned());
    assert_eq!(binary(&fixture, "detail dump"), [detail, end.clone()]);
    let not_found = (1, String::new(), "Not found".to_owned());
    for key in ["foo", "detail", "cachedump 1 0"] {
        assert_eq!(
            binary(&fixture, key),
            std::slice::from_ref(&not_found),
            "{key}"
        );
    }
    fixture.say(seconds(15), "stats sizes_enable\r\n");
    let [small, large] = ["64", "96"].map(|size| (0, size.to_owned(), "1".to_owned()));
    assert_eq!(binary(&fixture, "sizes"), [small, large, end]);
}
