//! Who is typing: said while one writes, and shown of others.

pub(crate) mod state;
mod words;

pub(crate) use words::words;
