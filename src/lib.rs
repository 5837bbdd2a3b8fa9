//! twincached.
pub mod command;
pub mod config;
pub mod connection;
pub mod failover;
pub mod node;
pub mod protocol;
pub mod replication;
pub mod server;
pub mod store;
