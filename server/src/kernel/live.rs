//! Live sessions: the sockets that are open on this node.
//!
//! | module | holds |
//! |---|---|
//! | [`hub`] | who is connected here; hands what the tail brings to their queues |
//! | [`socket`] | one socket, one task, from upgrade to close |
//! | [`intake`] | what a client may say, parsed |
//! | [`catch_up`] | what a device missed, after its `hello` |
//!
//! Nothing is delivered but by the hub, and nothing feeds the hub but the tail.

pub mod catch_up;
pub mod hub;
pub mod intake;
pub mod socket;

pub use hub::Hub;
