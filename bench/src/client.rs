//! The public API, spoken as a stranger would: plain HTTP and WebSocket, nothing of the server's own code.
//!
//! | module | holds |
//! |---|---|
//! | [`http`] | one HTTP connection |
//! | [`api`] | the requests of the protocol |
//! | [`socket`] | WebSocket with small buffers |

pub(crate) mod api;
pub(crate) mod http;
pub(crate) mod socket;
