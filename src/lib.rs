//! twincached: a memcached with a twin. One binary on two hosts: the memcached protocols on a
//! sharded in-memory LRU, every mutation streamed to the one peer, and a VRRP speaker that holds a
//! virtual address on the master.
//!
//! # Code map
//!
//! Each module uses only those above it (and the `vrrp` crate):
//!
//! | module | |
//! |---|---|
//! | `seldom` | which of many like log lines are told |
//! | [`command`] | the vocabulary that all others share |
//! | [`protocol`] | text, meta and binary: bytes to commands, outcomes to bytes |
//! | [`store`] | shards: segments, table, LRU, change list, versions, memory limit |
//! | [`connection`] | one client as a machine |
//! | [`replication`] | the link to the peer as a machine |
//! | [`failover`] | policy: who may hold the address, and when |
//! | [`node`] | replication, policy and VRRP router as one machine |
//! | [`config`] | flags and YAML to one validated configuration |
//! | [`server`] | the only place with sockets, threads, clocks and randomness |
//!
//! # Invariants
//!
//! A mutation and its place in the replication order are made under one shard lock. The store is
//! its own replication log. An answer to a mutation leaves when the peer's position covers it, or
//! when no peer is in sync. The virtual address is a lease, and requests over it are executed only
//! while it holds. Bytes from outside never panic and never grow memory without bound.
//! ARCHITECTURE.md has them all, with the reasons.

// Both panic where they cannot write, and a panic ends the process: see `server::log`.
#![cfg_attr(not(test), warn(clippy::print_stdout, clippy::print_stderr))]

pub mod command;
pub mod config;
pub mod connection;
pub mod failover;
pub mod node;
pub mod protocol;
pub mod replication;
mod seldom;
pub mod server;
pub mod store;
