//! Changing the text of an own message.

mod bar;
mod begun;
mod command;

pub(crate) use bar::{EditBar, Editing, action, last_editable, provide};
pub use begun::BegunEdits;
pub use command::Edit;
pub(crate) use command::KIND;
