//! Deleting an own message for everyone.

mod command;
mod menu;

pub use command::Delete;
pub(crate) use command::KIND;
pub(crate) use menu::action;
