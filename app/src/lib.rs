//! What people see and touch, and the client's state behind it.
//!
//! | module | holds |
//! |---|---|
//! | [`client`] | the client's state: timelines, outbox, connection, the list of conversations |
//! | [`page`] | what the server gives a page before it is rendered |

pub mod client;
pub mod page;
