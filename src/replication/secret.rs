//! The shared secret: both ends prove that they know it, neither sends it.
//!
//! Each proof is an HMAC-SHA-256 over the prover's role and both greetings, so it answers a nonce
//! that the other end made up for this connection, and cannot be replayed or reflected.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::hello::Greeting;

/// The proof of the end that dialled, or of the one that listened.
pub(super) fn prove(
    secret: &[u8],
    by_dialler: bool,
    prover: &Greeting,
    verifier: &Greeting,
) -> [u8; 32] {
    mac(secret, by_dialler, prover, verifier)
        .finalize()
        .into_bytes()
        .into()
}

/// Whether the other end's proof holds. Takes the same time whatever it is.
pub(super) fn verify(
    secret: &[u8],
    by_dialler: bool,
    prover: &Greeting,
    verifier: &Greeting,
    proof: &[u8; 32],
) -> bool {
    mac(secret, by_dialler, prover, verifier)
        .verify_slice(proof)
        .is_ok()
}

fn mac(secret: &[u8], by_dialler: bool, prover: &Greeting, verifier: &Greeting) -> Hmac<Sha256> {
    let mut mac = Hmac::new_from_slice(secret).expect("HMAC takes keys of any length");
    let role: &[u8] = if by_dialler {
        b"twincached dialler"
    } else {
        b"twincached listener"
    };
    mac.update(role);
    for greeting in [prover, verifier] {
        let mut bytes = Vec::new();
        greeting.encode_proven(&mut bytes);
        mac.update(&bytes);
    }
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    fn greeting(nonce: u8) -> Greeting {
        Greeting {
            version_oldest: 1,
            version_newest: 1,
            nonce: [nonce; 32],
            secret: true,
        }
    }

    #[test]
    fn a_proof_holds_for_its_secret_role_and_nonces_only() {
        let proof = prove(b"secret", true, &greeting(1), &greeting(2));
        assert!(verify(b"secret", true, &greeting(1), &greeting(2), &proof));
        assert!(!verify(b"other", true, &greeting(1), &greeting(2), &proof));
        assert!(!verify(
            b"secret",
            false,
            &greeting(1),
            &greeting(2),
            &proof
        ));
        assert!(!verify(b"secret", true, &greeting(1), &greeting(3), &proof));
        assert!(!verify(b"secret", true, &greeting(2), &greeting(1), &proof));
    }
}
