//! twincached.
pub mod command;
pub mod store;
