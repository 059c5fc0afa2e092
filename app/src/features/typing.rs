//! Who is typing: said while one writes, and shown of others.

mod state;
mod words;

pub(crate) use state::Typing;
pub(crate) use words::words;
