//! Payloads of the records in the log: the public schema, which anyone with a Kafka client may read.
//!
//! A record is an envelope (id, kind, author, time; see the `log` crate) and one of these as JSON. Kinds are versioned
//! by addition only: fields and kinds are added, never changed; a reader keeps and skips a kind that it does not know.
//!
//! | stream | kinds | key |
//! |---|---|---|
//! | `conversation/<uuid>` | [`MessagePosted`], [`MessageEdited`](crate::edit::MessageEdited), [`MessageDeleted`](crate::delete::MessageDeleted), [`ReactionSet`](crate::reaction::ReactionSet), [`MembersAdded`](crate::member::MembersAdded), [`MemberLeft`](crate::member::MemberLeft), [`MemberRemoved`](crate::member::MemberRemoved), [`MemberRoleSet`](crate::member::MemberRoleSet), [`ConversationNamed`](crate::member::ConversationNamed) | record id |
//! | `users` | [`UserClaimed`] | record id: compaction must never lose who claimed a name first |
//! | `sessions` | [`SessionStarted`], [`SessionEnded`] | session id |
//! | `conversations` | [`ConversationCreated`] | record id |
//! | `receipts` | [`ReceiptRead`] | `<conversation>/<user>` |

use crate::{Body, ConversationId, MessageId, Offset, SessionId, UserId, Username};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// A payload and the kind under which it is written.
pub trait Event: Serialize + DeserializeOwned {
    /// The record's `kind`.
    const KIND: &'static str;
}

/// Pairs payloads with their kinds.
macro_rules! events {
    ($($kind:literal => $name:ident),+ $(,)?) => {$(
        impl $crate::event::Event for $name { const KIND: &'static str = $kind; }
    )+};
}
pub(crate) use events;

events! {
    "message.posted" => MessagePosted,
    "user.claimed" => UserClaimed,
    "session.started" => SessionStarted,
    "session.ended" => SessionEnded,
    "conversation.created" => ConversationCreated,
    "receipt.read" => ReceiptRead,
}

/// Somebody said something. The envelope's author is the sender, its time is `sent_at`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessagePosted {
    /// The client's id. It may stand in the log more than once: the first one of a sender counts.
    pub id: MessageId,
    /// What was said.
    #[serde(deserialize_with = "crate::text::kept_body")]
    pub body: Body,
    /// The offset of the message that it replies to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<Offset>,
}

/// Somebody claims a username. The first claim of a name wins; the others count for nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserClaimed {
    /// The id of the person, if they win.
    pub user: UserId,
    /// The name.
    pub username: Username,
    /// The password's argon2id hash in PHC form.
    pub password_hash: String,
}

/// A device signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionStarted {
    /// The session.
    pub session: SessionId,
    /// Whose.
    pub user: UserId,
    /// SHA-256 of the token, in lowercase hex. The token itself is nowhere.
    pub token_hash: String,
    /// What the device called itself.
    pub user_agent: Option<String>,
}

/// A device signed out, or was signed out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionEnded {
    /// The session.
    pub session: SessionId,
}

/// A conversation was opened. The first record of an id counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversationCreated {
    /// Its id.
    pub conversation: ConversationId,
    /// Everyone in it at first.
    pub members: Vec<UserId>,
}

/// A member has read up to an offset. Positions only go forward: a lower one counts for nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptRead {
    /// Where.
    pub conversation: ConversationId,
    /// Who.
    pub user: UserId,
    /// The last offset that was read.
    pub offset: Offset,
}
