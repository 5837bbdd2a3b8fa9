//! One error for all system calls: what was attempted, why it failed, what would help.

use std::fmt;
use std::io;

/// A system call failed. Nothing changed, except perhaps where the kernel did not answer in time
/// ([`io::ErrorKind::TimedOut`]).
#[derive(Debug)]
pub struct Error {
    attempted: String,
    cause: io::Error,
}

impl Error {
    pub(super) fn new(attempted: impl Into<String>, cause: io::Error) -> Error {
        Error {
            attempted: attempted.into(),
            cause,
        }
    }

    /// For [`Result::map_err`]; the description is only made on failure.
    pub(super) fn at(attempted: impl FnOnce() -> String) -> impl FnOnce(io::Error) -> Error {
        |cause| Error::new(attempted(), cause)
    }

    /// What kind of failure it is. [`io::ErrorKind::PermissionDenied`] is a missing capability.
    pub fn kind(&self) -> io::ErrorKind {
        self.cause.kind()
    }

    /// The number of the failure, where the kernel gave one.
    pub fn raw_os_error(&self) -> Option<i32> {
        self.cause.raw_os_error()
    }

    /// What an operator can do, where that is known.
    pub fn remedy(&self) -> Option<&'static str> {
        match self.cause.raw_os_error()? {
            libc::EPERM | libc::EACCES => Some(
                "it needs CAP_NET_RAW and CAP_NET_ADMIN: run as root, or \
                 `setcap cap_net_raw,cap_net_admin+ep` on the program, or \
                 `AmbientCapabilities=CAP_NET_RAW CAP_NET_ADMIN` in its systemd unit, or \
                 `--cap-add NET_RAW --cap-add NET_ADMIN` for its container",
            ),
            libc::ENODEV | libc::ENXIO => Some("`ip link` lists the interfaces that exist"),
            libc::EADDRNOTAVAIL => Some("`ip address` lists the addresses of this host"),
            libc::ENETDOWN => Some("the interface is down: `ip link set ... up`"),
            libc::EAFNOSUPPORT => Some("this protocol family is switched off in the kernel"),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {}: {}", self.attempted, self.cause)?;
        self.remedy()
            .map_or(Ok(()), |remedy| write!(f, "; {remedy}"))
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.cause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_capability_names_the_attempt_and_the_remedies() {
        let cause = io::Error::from_raw_os_error(libc::EPERM);
        let text = Error::new("open a raw socket", cause).to_string();
        assert!(
            text.starts_with("cannot open a raw socket: Operation not permitted"),
            "{text}"
        );
        assert!(
            text.contains("setcap cap_net_raw,cap_net_admin+ep"),
            "{text}"
        );
        assert!(
            text.contains("AmbientCapabilities=CAP_NET_RAW CAP_NET_ADMIN"),
            "{text}"
        );
    }

    #[test]
    fn an_unknown_failure_has_no_remedy() {
        let error = Error::new("send", io::Error::from_raw_os_error(libc::EIO));
        assert_eq!(error.remedy(), None);
        assert_eq!(
            error.to_string(),
            "cannot send: Input/output error (os error 5)"
        );
    }
}
