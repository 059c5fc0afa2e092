//! What people see and touch, and the client's state behind it.
//!
//! | module | holds |
//! |---|---|
//! | [`page`] | what the server gives a page before it is rendered |

pub mod page;
