//! The two things that IPv6 raw sockets need and no safe wrapper offers: a datagram together with
//! its hop limit (RFC 3542 §6.3), and the place of the checksum (RFC 3542 §3.1).

use std::io;
use std::mem;
use std::net::Ipv6Addr;
use std::os::fd::{AsRawFd, BorrowedFd};

/// A datagram beside its bytes.
pub(super) struct Received {
    pub(super) length: usize,
    pub(super) source: Ipv6Addr,
    /// 0, which no router accepts, where the kernel said nothing.
    pub(super) hop_limit: u8,
}

/// Room for control messages, aligned as their headers need it.
#[repr(C, align(8))]
struct Control([u8; 128]);

/// One datagram from a socket with IPV6_RECVHOPLIMIT.
pub(super) fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<Received> {
    let mut control = Control([0; 128]);
    // SAFETY: both are plain C structures of integers and pointers; all zero is a value of them.
    let (mut source, mut header) = unsafe {
        (
            mem::zeroed::<libc::sockaddr_in6>(),
            mem::zeroed::<libc::msghdr>(),
        )
    };
    let mut part = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: buffer.len(),
    };
    header.msg_name = (&raw mut source).cast();
    header.msg_namelen = size_of::<libc::sockaddr_in6>() as libc::socklen_t;
    header.msg_iov = &raw mut part;
    header.msg_iovlen = 1;
    header.msg_control = control.0.as_mut_ptr().cast();
    header.msg_controllen = control.0.len() as _;
    // SAFETY: every pointer in `header` is to a live local or to `buffer`, with its true length.
    let length = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut header, 0) };
    let length = usize::try_from(length).map_err(|_| io::Error::last_os_error())?;
    Ok(Received {
        length,
        source: Ipv6Addr::from(source.sin6_addr.s6_addr),
        hop_limit: hop_limit(&header).unwrap_or(0),
    })
}

fn hop_limit(header: &libc::msghdr) -> Option<u8> {
    // SAFETY: the kernel has filled `header`, whose control buffer is still alive and aligned; the
    // CMSG functions stay inside the length that it has written there.
    unsafe {
        let mut control = libc::CMSG_FIRSTHDR(header);
        while let Some(message) = control.as_ref() {
            if (message.cmsg_level, message.cmsg_type) == (libc::IPPROTO_IPV6, libc::IPV6_HOPLIMIT)
            {
                let value = libc::CMSG_DATA(control)
                    .cast::<libc::c_int>()
                    .read_unaligned();
                return u8::try_from(value).ok();
            }
            control = libc::CMSG_NXTHDR(header, control);
        }
    }
    None
}

/// Makes the kernel fill in and verify the checksum at `offset`, pseudo-header included.
pub(super) fn set_checksum_offset(socket: BorrowedFd<'_>, offset: libc::c_int) -> io::Result<()> {
    // SAFETY: the value is a live integer, and the length is its own.
    let outcome = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_IPV6,
            libc::IPV6_CHECKSUM,
            (&raw const offset).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if outcome == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
