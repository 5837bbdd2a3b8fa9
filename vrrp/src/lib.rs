//! VRRP as a library.
pub mod packet;
pub mod router;
pub mod time;
