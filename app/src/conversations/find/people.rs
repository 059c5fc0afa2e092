//! What the server is asked about people and messages.

use crate::client::{Request, RequestError, request::read};
use crate::live::Live;
use crate::route::encode;
use kafkatalk_protocol::{
    Conversation, CreationId, ErrorCode, User, Username,
    http::{self, Hit, OpenConversation, Users},
    limits::USERS_PAGE_DEFAULT,
};

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// By name.
    pub(super) people: Vec<User>,
    /// Latest first.
    pub(super) hits: Vec<Hit>,
    /// Where there are more of these.
    pub(super) next: Option<String>,
    /// It did not work, in words that say what to do.
    pub(super) failed: Option<String>,
}

/// People whose names start with that, by name.
pub(super) async fn find(live: Live, prefix: &str) -> Result<Vec<User>, String> {
    let path = format!("/users?limit={USERS_PAGE_DEFAULT}&prefix={}", encode(prefix));
    let found = read::<Users>(&live.ask(Request::get(path)).await);
    found.map(|found| found.users).map_err(RequestError::into_words)
}

/// Messages that have these words, latest first; from behind a cursor on, where one is given.
pub(super) async fn search(live: Live, words: &str, before: Option<&str>) -> Result<http::Found, String> {
    let mut path = format!("/search?q={}", encode(words));
    if let Some(before) = before {
        path.push_str("&before=");
        path.push_str(before);
    }
    match read(&live.ask(Request::get(path)).await) {
        // No word yet: nothing to say about it while somebody types.
        Err(error) if error.code() == Some(ErrorCode::InvalidInput) => {
            Ok(http::Found { hits: Vec::new(), next: None })
        }
        found => found.map_err(RequestError::into_words),
    }
}

/// Opens the conversation with these people, or finds the one that is there; a group, under this id. Hand it on as
/// [`crate::client::Action::Opened`].
pub(super) async fn open_with(
    live: Live,
    members: Vec<Username>,
    id: CreationId,
) -> Result<Conversation, String> {
    let asked = OpenConversation { members, id: Some(id) };
    let request = Request::with_body("POST", "/conversations".into(), &asked);
    read(&live.ask(request).await).map_err(RequestError::into_words)
}
