//! Replying to a message, with what it says.

mod bar;
mod quote;

pub(crate) use bar::{ReplyBar, Replying, action, provide};
pub(crate) use quote::QuoteView;
