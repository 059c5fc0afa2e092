//! Requests that pages make themselves.

use super::http::{escape, read};
use kafkatalk_protocol::{
    Conversation, CreationId, User, Username,
    http::{Found, OpenConversation, Users},
    limits::USERS_PAGE_DEFAULT,
};

pub use super::http::RequestError;

/// People whose names start with that, by name.
pub async fn find_people(prefix: &str) -> Result<Vec<User>, RequestError> {
    let path = format!("/users?limit={USERS_PAGE_DEFAULT}&prefix={}", escape(prefix));
    read::<Users>("GET", &path, None).await.map(|found| found.users)
}

/// Messages that have these words, latest first; from behind a cursor on, where one is given.
pub async fn find_messages(words: &str, before: Option<&str>) -> Result<Found, RequestError> {
    let mut path = format!("/search?q={}", escape(words));
    if let Some(before) = before {
        path.push_str("&before=");
        path.push_str(before);
    }
    read("GET", &path, None).await
}

/// Opens the conversation with these people, or finds the one that is there; a group, under this id. Hand it on as
/// [`crate::client::Action::Opened`].
pub async fn open_conversation(members: Vec<Username>, id: CreationId) -> Result<Conversation, RequestError> {
    let asked = OpenConversation { members, id: Some(id) };
    let body = serde_json::to_string(&asked).map_err(|_| RequestError::Network)?;
    read("POST", "/conversations", Some(body)).await
}

/// Puts a text on the clipboard. False where there is none (browsers have it on https only), or where it is refused.
pub async fn copy(text: &str) -> bool {
    let Some(window) = web_sys::window().filter(web_sys::Window::is_secure_context) else { return false };
    wasm_bindgen_futures::JsFuture::from(window.navigator().clipboard().write_text(text)).await.is_ok()
}
