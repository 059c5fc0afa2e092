//! Bodies of HTTP requests and answers, under `/api/v1`.

use crate::{
    Conversation, CreationId, Message, Offset, SessionId, Timestamp, User, Username,
    member::{GroupName, Role},
};
use serde::{Deserialize, Serialize};

/// Path under which the API lives.
pub const BASE: &str = "/api/v1";
/// Name of the browser's session cookie.
pub const SESSION_COOKIE: &str = "kafkatalk_session";

/// Answer to a registration or a sign-in.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SignedIn {
    /// Who signed in.
    pub user: User,
    /// The session's token, for `Authorization: Bearer`.
    pub token: String,
}

/// Answer to `GET /me`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Me {
    /// The caller.
    pub user: User,
}

/// Answer to `GET /users`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Users {
    /// By username.
    pub users: Vec<User>,
}

/// A device of the caller.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// When it signed in.
    pub created_at: Timestamp,
    /// When it was last used, as far as this node knows.
    pub last_seen_at: Timestamp,
    /// What it called itself.
    pub user_agent: Option<String>,
    /// Whether it is the one that asks.
    pub current: bool,
}

/// Answer to `GET /sessions`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Sessions {
    /// Newest first.
    pub sessions: Vec<Session>,
}

/// `POST /conversations`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OpenConversation {
    /// Usernames of the others: one for the conversation with them, several for a group.
    pub members: Vec<Username>,
    /// The client's own id for a new group: asked for again under the same id, it stays one group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<CreationId>,
}

/// `POST /conversations/{id}/members`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AddMembers {
    /// Usernames of the new members.
    pub members: Vec<Username>,
    /// Whether they see what was said before, as far as the caller does.
    #[serde(default)]
    pub history: bool,
}

/// `PUT /conversations/{id}/members/{user}`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SetRole {
    /// The role from now on.
    pub role: Role,
}

/// `PATCH /conversations/{id}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NameGroup {
    /// The name from now on; null for none.
    pub name: Option<GroupName>,
}

/// Answer to `GET /conversations`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Conversations {
    /// Latest activity first.
    pub conversations: Vec<Conversation>,
    /// Opaque cursor of the following page, null at the end.
    pub next: Option<String>,
}

/// Answer to `GET /conversations/{id}/messages`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Messages {
    /// In offset order, whichever way the paging goes; by `changed_after`, in the order of their revisions.
    pub messages: Vec<Message>,
    /// `before`, `after` or `changed_after` of the following page in the same direction, null at the end.
    pub next: Option<Offset>,
    /// The messages are in the state that the conversation had after this record: the offset of its last visible record
    /// when the page was read. Absent in a conversation without records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub through: Option<Offset>,
}

/// `PUT /conversations/{id}/read`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReadUpTo {
    /// The last offset that was read.
    pub offset: Offset,
}

/// Answer to `GET /search`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Found {
    /// Latest first.
    pub hits: Vec<Hit>,
    /// Opaque cursor of the following page, null at the end. A page may have fewer hits than asked for, even none, and
    /// not be the last.
    pub next: Option<String>,
}

/// A message that has all the words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Hit {
    /// The message.
    pub message: Message,
    /// What it says around the first of the words, in order and as plain text.
    pub snippet: Vec<SnippetPart>,
}

/// A part of a snippet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SnippetPart {
    /// Plain text: never to be read as markup.
    pub text: String,
    /// Whether it is what was looked for.
    pub hit: bool,
}
