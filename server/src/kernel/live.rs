//! Live sessions: the sockets that are open on this node.
//!
//! | module | holds |
//! |---|---|
//! | [`hub`] | who is connected here; hands what the tail brings to their queues |
//! | [`outgoing`] | a frame, written once for all who get it |
//! | [`lane`] | signals on their way to a socket, which may be lost |
//! | [`socket`] | one socket, one task, from upgrade to close |
//! | [`intake`] | what a client may say, parsed |
//! | [`catch_up`] | what a device missed, after its `hello` |
//!
//! Nothing is delivered but by the hub. Nothing feeds its ordered queues but the tail; its lossy lanes are fed by
//! [`crate::kernel::signals`].

pub mod catch_up;
pub mod hub;
pub mod intake;
pub mod lane;
pub mod outgoing;
pub mod socket;

pub use hub::Hub;
