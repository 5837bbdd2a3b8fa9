//! The Linux parts against a real kernel and a real keepalived, in network namespaces of our own.
//!
//! Needs root (CAP_NET_ADMIN, CAP_NET_RAW, CAP_SYS_ADMIN) and iproute2; the keepalived tests need
//! keepalived. Where something is missing a test says so and ends early; with
//! TWINCACHED_REQUIRE_PRIVILEGED=1 that is a failure.

mod addresses;
mod advertisements;
mod announcements;
mod keepalived;
mod monitor;
mod namespace;
