//! Reacting to a message with an emoji.

mod command;
mod picker;
mod row;

pub(crate) use command::KIND;
pub use command::React;
pub(crate) use picker::{ReactionPicker, action, provide};
pub(crate) use row::Reactions;
