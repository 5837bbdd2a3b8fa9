//! The whole pair in one process under a virtual clock: two hosts, each with the store, the node
//! and the client connections that ship, a virtual LAN, a virtual replication link and faults
//! driven by a seed. See README.md in this folder.

mod checks;
mod clients;
mod coverage;
mod enumerate;
mod host;
mod lan;
mod link;
mod model;
mod random;
mod scenarios;
mod swarm;
mod trace;
mod world;
