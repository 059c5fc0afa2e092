//! What one can do with a message besides writing and reading it: a folder each.
//!
//! A feature has its command (what the outbox keeps and sends, and what the message looks like meanwhile) and its parts
//! of the page. It is registered in [`crate::client::Command`] and in [`crate::conversation`].

pub mod delete;
pub mod edit;
pub mod react;
pub mod reply;

/// What the parts of the features share while a conversation is open, as context.
pub(crate) fn provide() {
    edit::provide();
    react::provide();
    reply::provide();
}
