//! What one can do in a conversation besides writing and reading: a folder each.
//!
//! A feature has its command (what the outbox keeps and sends, and what the message looks like meanwhile) and its parts
//! of the page. It is registered in [`crate::client::Command`] and in [`crate::conversation`].

pub mod delete;
pub mod edit;
pub mod members;
pub mod react;
pub mod reply;

/// What the parts of the features share while a conversation is open, as context.
pub(crate) fn provide() {
    edit::provide();
    members::provide();
    react::provide();
    reply::provide();
}
