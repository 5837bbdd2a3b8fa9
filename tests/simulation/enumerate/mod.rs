//! Small spaces, searched whole.

mod pair;
mod routers;
