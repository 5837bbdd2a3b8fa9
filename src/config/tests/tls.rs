use super::*;

/// Made with openssl for these tests: P-256, valid for a hundred years.
const CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----
MIIBbzCCARWgAwIBAgIUfkin0dtFEJrYKqeBWf5yWHVXbpMwCgYIKoZIzj0EAwIw
DDEKMAgGA1UEAwwBYTAgFw0yNjExMjEwNTM0MTdaGA8yMTI2MTAyODA1MzQxN1ow
DDEKMAgGA1UEAwwBYTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABLPuYf1m3q7J
cZB/VvK9oTyKvj2FnKvcBX+zB0uhDfg49nmvMT4Vsa1c3PCQsSWp8XMndC6GWvEn
pDcegspfHdajUzBRMB0GA1UdDgQWBBQkYiooC6w7iJaYogEdvYW/uUpUVDAfBgNV
HSMEGDAWgBQkYiooC6w7iJaYogEdvYW/uUpUVDAPBgNVHRMBAf8EBTADAQH/MAoG
CCqGSM49BAMCA0gAMEUCIQDeLLkrv9GBLDNSK3VR+VTJpWb4WdGdPZJi6lpD+E8w
nQIgfcM4YwRrPMGh0ctwV6SePFdV5SD8wwi2TPcGmhiYkpE=
-----END CERTIFICATE-----
";
const KEY: &str = "\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg/0FFevsgDeInOVSO
QJHnX3Li4GJImetME7OyN1rmYdWhRANCAASz7mH9Zt6uyXGQf1byvaE8ir49hZyr
3AV/swdLoQ34OPZ5rzE+FbGtXNzwkLElqfFzJ3QuhlrxJ6Q3HoLKXx3W
-----END PRIVATE KEY-----
";
const PEER_CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----
MIIBbzCCARWgAwIBAgIUai/39N2++soT3LFcx2svLyHNJYEwCgYIKoZIzj0EAwIw
DDEKMAgGA1UEAwwBYjAgFw0yNjExMjEwNTM0MTdaGA8yMTI2MTAyODA1MzQxN1ow
DDEKMAgGA1UEAwwBYjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABE13LDqM0hs9
GfFXG3OFYz0pfr1VYcZusT7V+ZHpNcGnsoXwZAKyju641JzyBlv+kkIBkwE0Tw7H
1QI+iM7wK9CjUzBRMB0GA1UdDgQWBBR5ycqJJyZqIPswTeEP39lyL6Ho4zAfBgNV
HSMEGDAWgBR5ycqJJyZqIPswTeEP39lyL6Ho4zAPBgNVHRMBAf8EBTADAQH/MAoG
CCqGSM49BAMCA0gAMEUCIGErcu62spYxgYRh6iLOw6lqBGPFZ6icLLV1k1jHynM9
AiEAu0htHA4DoQvziITbPMHzw9/0MuEzDr93r5QVj9zUJps=
-----END CERTIFICATE-----
";

/// The section `tls` with these files, and nothing else wrong.
fn link(certificate: &TemporaryFile, key: &TemporaryFile, peer: &TemporaryFile) -> String {
    format!(
        "{LINK}  tls:\n    certificate: {}\n    key: {}\n    peer_certificate: {}\n",
        certificate.path(),
        key.path(),
        peer.path()
    )
}

#[test]
fn certificates_and_key_are_read() {
    let (own, peer) = (
        TemporaryFile::new(CERTIFICATE.as_bytes(), 0o644),
        TemporaryFile::new(PEER_CERTIFICATE.as_bytes(), 0o644),
    );
    let key = TemporaryFile::new(KEY.as_bytes(), 0o600);
    let config = accepted(&link(&own, &key, &peer));
    assert!(config.warnings.is_empty());
    let tls = config.replication.and_then(|link| link.tls);
    let tls = tls.expect("the section is there");
    assert_ne!(tls.certificate, tls.peer_certificate);
    // DER: a sequence with a length of two bytes.
    assert_eq!(tls.certificate[..2], [0x30, 0x82]);
    assert_eq!(format!("{:?}", tls.key), "PrivateKey");
}

#[test]
fn the_key_of_another_certificate_is_refused() {
    let peer = TemporaryFile::new(PEER_CERTIFICATE.as_bytes(), 0o644);
    let key = TemporaryFile::new(KEY.as_bytes(), 0o600);
    let message = refused(&link(&peer, &key, &peer));
    let expected = format!(
        "pair.yaml:6:10: key: this is not the key of the certificate\n 6 |     key: {path}\n   |          \
         {caret}\n   = name the two files that were made together",
        path = key.path(),
        caret = "^".repeat(key.path().len())
    );
    assert_eq!(message, expected);
}

#[test]
fn a_missing_key_of_the_section_is_named_at_the_section() {
    check_mistakes(&[(
        "replication:\n  listen: 10.0.0.1:11212\n  peer: 10.0.0.2:11212\n  tls:\n    key: k\n",
        r"pair.yaml:4:3: tls: certificate is missing
 4 |   tls:
   |   ^^^
   = add a line `certificate: PATH`, indented below tls",
    )]);
}
