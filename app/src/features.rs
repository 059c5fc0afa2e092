//! What one can do in a conversation besides writing and reading, and what is seen of others: a folder each.
//!
//! A feature of messages has its command (what the outbox keeps and sends, and what the message looks like meanwhile) and its parts
//! of the page. It is registered here and in [`crate::conversation`].
//! One of signals has its state, a part of the client, and its words.

pub mod delete;
pub mod edit;
pub mod members;
pub mod presence;
pub mod react;
pub mod reply;
pub mod typing;

use crate::client;

/// What the features bring to the client.
pub const ALL: client::Features = client::Features {
    parts: || {
        vec![
            Box::new(typing::Typing::default()),
            Box::new(presence::Presences::default()),
            Box::new(edit::BegunEdits::default()),
        ]
    },
    changes: &[edit::KIND, delete::KIND, react::KIND],
};

/// What the parts of the features share while a conversation is open, as context.
pub(crate) fn provide() {
    edit::provide();
    members::provide();
    react::provide();
    reply::provide();
}
