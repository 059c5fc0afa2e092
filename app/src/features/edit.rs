//! Changing the text of an own message.

mod bar;
mod command;

pub(crate) use bar::{EditBar, Editing, action, last_editable, provide};
pub use command::Edit;
pub(crate) use command::KIND;
