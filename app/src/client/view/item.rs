//! One message, and how it stands.

use crate::client::outbox::Entry;
use kafkatalk_protocol::{
    Message, MessageId, Offset, Timestamp, User, UserId, member::Notice, reaction::Reaction, reply::Quote,
};
use std::sync::Arc;

/// A message as it is shown. The key stays the same when a message that waits becomes one of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    source: Source,
    viewer: UserId,
    /// How it stands.
    pub delivery: Delivery,
    /// How a change of it stands.
    pub change: Change,
    quote: Option<Quote>,
}

/// How the viewer's changes of a message stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// There is none but what the server has.
    None,
    /// It is shown, and on its way.
    Pending,
    /// It was refused: the message is shown without it.
    Refused {
        /// The command, for [`crate::client::Action::Retry`] and [`crate::client::Action::Discard`].
        id: MessageId,
        /// Why and what to do.
        reason: Arc<str>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    Log(Arc<Message>),
    Outbox(Arc<Entry>, Arc<User>),
}

/// How a message stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Somebody else's.
    Received,
    /// Own, waits for a connection or for the one before it.
    Queued,
    /// Own, on its way.
    Sending,
    /// Own, in the log.
    Sent,
    /// Own, and everyone else has read it.
    Read,
    /// Own, refused: it waits for the person to send it again or to delete it.
    Failed {
        /// Why and what to do.
        reason: Arc<str>,
    },
}

/// Tells items apart, for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ItemKey(pub UserId, pub MessageId);

impl Item {
    pub(in super::super) fn of_message(
        message: Arc<Message>,
        viewer: UserId,
        delivery: Delivery,
        change: Change,
    ) -> Self {
        Self { source: Source::Log(message), viewer, delivery, change, quote: None }
    }

    /// The same, which replies to that one.
    pub(in super::super) fn with_quote(self, quote: Option<Quote>) -> Self {
        Self { quote, ..self }
    }

    pub(in super::super) fn of_entry(entry: Arc<Entry>, viewer: Arc<User>, delivery: Delivery) -> Self {
        Self {
            viewer: viewer.id,
            source: Source::Outbox(entry, viewer),
            delivery,
            change: Change::None,
            quote: None,
        }
    }

    /// Its key.
    pub fn key(&self) -> ItemKey {
        ItemKey(self.sender().id, self.id())
    }

    /// The sender's id for it.
    pub fn id(&self) -> MessageId {
        match &self.source {
            Source::Log(message) => message.id,
            Source::Outbox(entry, _) => entry.id,
        }
    }

    /// Who wrote it.
    pub fn sender(&self) -> &User {
        match &self.source {
            Source::Log(message) => &message.sender,
            Source::Outbox(_, viewer) => viewer,
        }
    }

    /// Whether the viewer wrote it.
    pub fn own(&self) -> bool {
        self.sender().id == self.viewer
    }

    /// The text.
    pub fn body(&self) -> &str {
        match &self.source {
            Source::Log(message) => message.body.as_str(),
            Source::Outbox(entry, _) => entry.body(),
        }
    }

    /// Whether the log has it, and so others can see it.
    pub fn in_log(&self) -> bool {
        matches!(self.source, Source::Log(_))
    }

    /// Whether its text was changed.
    pub fn edited(&self) -> bool {
        matches!(&self.source, Source::Log(message) if message.edited_at.is_some())
    }

    /// Whether it was deleted for everyone.
    pub fn deleted(&self) -> bool {
        matches!(&self.source, Source::Log(message) if message.deleted)
    }

    /// What happened to the group, where it is no message but says so.
    pub fn notice(&self) -> Option<&Notice> {
        match &self.source {
            Source::Log(message) => message.notice.as_ref(),
            Source::Outbox(..) => None,
        }
    }

    /// A notice in words, as the viewer reads it.
    pub fn notice_text(&self) -> Option<String> {
        let name = |user: &User, you: &str| {
            if user.id == self.viewer { you.to_owned() } else { user.username.to_string() }
        };
        Some(self.notice()?.text(&name(self.sender(), "You"), |user| name(user, "you")))
    }

    /// The message that it replies to, as far as it can be shown.
    pub fn quote(&self) -> Option<&Quote> {
        self.quote.as_ref()
    }

    /// Who reacted to it.
    pub fn reactions(&self) -> &[Reaction] {
        match &self.source {
            Source::Log(message) => &message.reactions,
            Source::Outbox(..) => &[],
        }
    }

    /// When the node took it in; while it waits, when it was typed.
    pub fn at(&self) -> Timestamp {
        match &self.source {
            Source::Log(message) => message.sent_at,
            Source::Outbox(entry, _) => entry.typed_at,
        }
    }

    /// Whether [`crate::client::Action::Discard`] deletes it.
    pub fn deletable(&self) -> bool {
        match &self.source {
            Source::Log(_) => false,
            Source::Outbox(entry, _) => entry.deletable(),
        }
    }

    /// Its position in the log, none while it waits.
    pub fn offset(&self) -> Option<Offset> {
        match &self.source {
            Source::Log(message) => Some(message.offset),
            Source::Outbox(entry, _) => entry.offset(),
        }
    }
}
