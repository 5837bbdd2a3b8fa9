//! The section `replication.tls`: this host's certificate and key, and the peer's certificate.
//!
//! The certificates are pinned: the peer is who holds the key of exactly that certificate. No
//! authority is asked, and the names and dates in it do not matter.

use super::draft::{Setting, TlsDraft};
use super::error::{ConfigError, Fault, Sourced};
use super::private;
use super::settings::{PrivateKey, Tls};
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use std::path::{Path, PathBuf};

/// Longest file in bytes, so that a wrong path cannot fill the memory.
const LENGTH_MAX: u64 = 256 * 1024;

const HOW_TO_MAKE: &str = "make a pair of files on each host (openssl req -x509 -newkey ec -pkeyopt \
     ec_paramgen_curve:P-256 -nodes -days 36500 -subj /CN=NAME -keyout KEY -out CERTIFICATE) \
     and copy each certificate to the other";

/// The certificates and the key of `draft`, whose relative paths start at `directory`.
pub(super) fn tls(
    draft: &TlsDraft,
    directory: &Path,
    warnings: &mut Vec<String>,
) -> Result<Tls, ConfigError> {
    let certificate_file = required(draft, &draft.certificate, "certificate: PATH")?;
    let key_file = required(draft, &draft.key, "key: PATH")?;
    let peer_file = required(draft, &draft.peer_certificate, "peer_certificate: PATH")?;
    let certificate = certificate(certificate_file, directory)?;
    let key = key(key_file, directory, warnings)?;
    let peer_certificate = certificate_of(peer_file, directory, "on the other host")?;
    check_pair(&certificate, &key, key_file)?;
    Ok(Tls {
        certificate: certificate.to_vec(),
        key: PrivateKey(key.secret_der().to_vec()),
        peer_certificate: peer_certificate.to_vec(),
    })
}

fn required<'a>(
    draft: &TlsDraft,
    setting: &'a Setting<PathBuf>,
    example: &str,
) -> Result<&'a Sourced<PathBuf>, ConfigError> {
    let missing = || {
        let key = example.split(':').next().unwrap_or(example);
        draft.origin.refuse(Fault::new(
            format!("{key} is missing"),
            format!("add a line `{example}`, indented below tls"),
        ))
    };
    setting.as_ref().ok_or_else(missing)
}

fn certificate(
    file: &Sourced<PathBuf>,
    directory: &Path,
) -> Result<CertificateDer<'static>, ConfigError> {
    certificate_of(file, directory, "on this host")
}

/// The one certificate of a file.
fn certificate_of(
    file: &Sourced<PathBuf>,
    directory: &Path,
    whose: &str,
) -> Result<CertificateDer<'static>, ConfigError> {
    let path = directory.join(&file.value);
    let shown = path.display();
    let (text, _) = read(file, &path)?;
    let found: Result<Vec<_>, PemError> = CertificateDer::pem_slice_iter(&text).collect();
    let refused = |what: String| file.refuse(what, HOW_TO_MAKE);
    let found = found.map_err(|error| refused(format!("{shown} is not PEM text: {error}")))?;
    let [certificate] = <[_; 1]>::try_from(found).map_err(|found| {
        file.refuse(
            format!("{shown} holds {} certificates", found.len()),
            format!("name a file with the one certificate that is used {whose}"),
        )
    })?;
    ParsedCertificate::try_from(&certificate).map_err(|error| {
        refused(format!(
            "the certificate in {shown} cannot be used: {error}"
        ))
    })?;
    Ok(certificate)
}

fn key(
    file: &Sourced<PathBuf>,
    directory: &Path,
    warnings: &mut Vec<String>,
) -> Result<PrivateKeyDer<'static>, ConfigError> {
    let path = directory.join(&file.value);
    let shown = path.display();
    let (text, mode) = read(file, &path)?;
    let key = PrivateKeyDer::from_pem_slice(&text).map_err(|error| match error {
        PemError::NoItemsFound => file.refuse(
            format!("{shown} holds no private key that is not encrypted"),
            HOW_TO_MAKE,
        ),
        error => file.refuse(format!("{shown} is not PEM text: {error}"), HOW_TO_MAKE),
    })?;
    private::warn("the private key", &path, mode, warnings);
    Ok(key)
}

fn check_pair(
    certificate: &CertificateDer<'static>,
    key: &PrivateKeyDer<'static>,
    key_file: &Sourced<PathBuf>,
) -> Result<(), ConfigError> {
    let signing = any_supported_type(key).map_err(|error| {
        key_file.refuse(format!("this key cannot be used: {error}"), HOW_TO_MAKE)
    })?;
    CertifiedKey::new(vec![certificate.clone()], signing)
        .keys_match()
        .map_err(|_| {
            key_file.refuse(
                "this is not the key of the certificate",
                "name the two files that were made together",
            )
        })
}

/// The bytes of a file and its access mode.
fn read(file: &Sourced<PathBuf>, path: &Path) -> Result<(Vec<u8>, u32), ConfigError> {
    private::read(path, LENGTH_MAX).map_err(|error| {
        file.refuse(
            format!("cannot read {}: {error}", path.display()),
            private::advice(&error, HOW_TO_MAKE),
        )
    })
}
