//! What one can do in a conversation besides writing and reading, and what is seen of others: a folder each.
//!
//! A feature of messages has its command (what the outbox keeps and sends, and what the message looks like meanwhile) and its parts
//! of the page. It is registered in [`crate::client::Command`] and in [`crate::conversation`].
//! One of signals has its state, which [`crate::client::Client`] holds, and its words.

pub mod delete;
pub mod edit;
pub mod members;
pub mod presence;
pub mod react;
pub mod reply;
pub mod typing;

/// What the parts of the features share while a conversation is open, as context.
pub(crate) fn provide() {
    edit::provide();
    members::provide();
    react::provide();
    reply::provide();
}
