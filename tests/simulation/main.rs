//! The whole pair in one process under a virtual clock: two hosts, each with the store, the node
//! and the client connections that ship, a virtual LAN, a virtual replication link and faults
//! driven by a seed. See README.md in this folder.

// Some of the world serves the swarm alone, which is built on demand (`make swarm`).
#![cfg_attr(not(feature = "swarm"), allow(dead_code, unused_imports))]

mod checks;
mod clients;
mod host;
mod lan;
mod link;
mod model;
mod random;
mod scenarios;
mod swarm;
mod trace;
mod world;
