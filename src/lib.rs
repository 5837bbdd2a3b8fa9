//! twincached.
pub mod command;
pub mod replication;
pub mod store;
