//! User, conversation and message, as every client sees them.

use crate::{
    Body, ConversationId, MessageId, Offset, Timestamp, UserId, Username,
    member::{GroupName, Notice, Role},
    reaction::Reaction,
    reply::Quote,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A registered person.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct User {
    /// Their id, for ever.
    pub id: UserId,
    /// Their name.
    pub username: Username,
}

/// A private conversation, as one of its members sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Conversation {
    /// Its id, and that of its stream.
    pub id: ConversationId,
    /// Everyone in it, the viewer included, by username.
    pub members: Vec<User>,
    /// When it was opened.
    pub created_at: Timestamp,
    /// The newest message.
    pub last_message: Option<Message>,
    /// Messages of others after the viewer's read position.
    pub unread: u64,
    /// How far each member has read; a member who has read nothing is absent.
    #[serde(default)]
    pub read: BTreeMap<UserId, Offset>,
    /// The offset of the last visible record whose effect is in this state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<Offset>,
    /// The first offset that the viewer may see, where that is not the first of the conversation. A `previous` or
    /// `previous_record` below it counts as held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sees_from: Option<Offset>,
    /// Whether it is a group: members come and go, and it may have a name.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub group: bool,
    /// The group's name, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<GroupName>,
    /// The owners and admins of a group. Who is not named here is a member.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub roles: BTreeMap<UserId, Role>,
}

impl Conversation {
    /// A conversation in which nothing has happened.
    pub fn new(id: ConversationId, members: Vec<User>, created_at: Timestamp) -> Self {
        Self {
            id,
            members,
            created_at,
            last_message: None,
            unread: 0,
            read: BTreeMap::new(),
            record: None,
            sees_from: None,
            group: false,
            name: None,
            roles: BTreeMap::new(),
        }
    }
}

/// A message in its conversation's order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Message {
    /// Where it was said.
    pub conversation: ConversationId,
    /// Its position in the conversation's log.
    pub offset: Offset,
    /// The offset of the message before it that a reader sees; none before the first. A client that holds `previous`
    /// knows that nothing is missing in between.
    pub previous: Option<Offset>,
    /// The sender's own id for it.
    pub id: MessageId,
    /// Who said it.
    pub sender: User,
    /// When the node took it in.
    pub sent_at: Timestamp,
    /// What was said.
    #[serde(deserialize_with = "crate::text::kept_body")]
    pub body: Body,
    /// The offset of the record that last changed the message, where one has. Of two states of a message the one with
    /// the higher [`Message::revision`] is the later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<Offset>,
    /// When the sender last changed the text, where they did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<Timestamp>,
    /// Whether it was deleted for everyone: what is left is its place, its sender and its time, and a fixed text.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
    /// Who reacted to it, in the order in which the emoji were first used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reactions: Vec<Reaction>,
    /// The message that it replies to, where it replies to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<Quote>,
    /// What the sender did to the group, where this is a notice of that and no message; then the text says the same in
    /// words, for clients that know no notices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<Notice>,
}

impl Message {
    /// A message as it was posted, with nothing before it.
    pub fn new(
        conversation: ConversationId,
        offset: Offset,
        id: MessageId,
        sender: User,
        sent_at: Timestamp,
        body: Body,
    ) -> Self {
        Self {
            conversation,
            offset,
            previous: None,
            id,
            sender,
            sent_at,
            body,
            revision: None,
            edited_at: None,
            deleted: false,
            reactions: Vec::new(),
            reply_to: None,
            notice: None,
        }
    }

    /// The offset of the record that brought the message into this state: its own, or that of the last change.
    pub fn revision(&self) -> Offset {
        self.revision.unwrap_or(self.offset)
    }
}
