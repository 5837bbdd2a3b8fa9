//! Client connections over a virtual address, so that another thread can reset them.
//!
//! They have to be gone before the address is, also when the worker that owns them hangs: a client
//! whose connection is reset reconnects at once, one whose server address vanishes waits for its
//! own timeouts.

use std::collections::BTreeMap;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

/// The open ones.
#[derive(Default)]
pub struct VirtualConnections {
    next: AtomicU64,
    open: Mutex<BTreeMap<u64, RawFd>>,
}

/// Keeps a connection in the list. Drop it before the connection's descriptor is closed.
pub struct Registration {
    list: Arc<dyn AsRef<VirtualConnections> + Send + Sync>,
    number: u64,
}

impl VirtualConnections {
    /// Connections open now.
    pub fn len(&self) -> usize {
        self.open.lock().len()
    }

    /// Whether none is open.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Resets them all. Their owners see the end of the connection and close it.
    pub fn reset_all(&self) -> usize {
        let open = self.open.lock();
        open.values().for_each(|descriptor| disconnect(*descriptor));
        open.len()
    }
}

impl Registration {
    /// Lists a connection.
    pub fn new<L>(list: Arc<L>, connection: &impl AsRawFd) -> Registration
    where
        L: AsRef<VirtualConnections> + Send + Sync + 'static,
    {
        let connections: &VirtualConnections = (*list).as_ref();
        let number = connections.next.fetch_add(1, Ordering::Relaxed);
        connections
            .open
            .lock()
            .insert(number, connection.as_raw_fd());
        Registration { list, number }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        (*self.list).as_ref().open.lock().remove(&self.number);
    }
}

/// Connecting to AF_UNSPEC ends a TCP connection with a reset (Linux `tcp_disconnect`), whoever
/// owns the descriptor and whatever waits in its buffers.
fn disconnect(descriptor: RawFd) {
    let unspecified = libc::sockaddr {
        sa_family: libc::AF_UNSPEC as libc::sa_family_t,
        sa_data: [0; 14],
    };
    let length = size_of::<libc::sockaddr>() as libc::socklen_t;
    // SAFETY: the address outlives the call and has the length given. The descriptor is open: its
    // registration is dropped, under the lock held here, before it is closed. A failure means that
    // the connection has ended already.
    unsafe { libc::connect(descriptor, &raw const unspecified, length) };
}
