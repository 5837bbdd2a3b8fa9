//! Sockets that are bound and do not listen yet.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;

use socket2::{Domain, Protocol, Socket, Type};

pub(super) fn bind_tcp(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

pub(super) fn bind_unix(
    path: &std::path::Path,
    mode: u32,
) -> io::Result<std::os::unix::net::UnixListener> {
    use std::os::unix::fs::FileTypeExt;
    // As memcached: a socket left by an earlier run is replaced, any other file is not.
    if std::fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_socket()) {
        std::fs::remove_file(path)?;
    }
    // Nobody may slip in before the mode is set.
    let umask = rustix::process::umask(rustix::fs::Mode::from_bits_truncate(0o777));
    let listener = std::os::unix::net::UnixListener::bind(path);
    rustix::process::umask(umask);
    let listener = listener?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    Ok(listener)
}
