//! Requests that pages make themselves.

use super::http::{escape, read, request};
use kafkatalk_protocol::{
    Conversation, ConversationId, CreationId, User, UserId, Username,
    http::{AddMembers, Found, NameGroup, OpenConversation, SetRole, Users},
    limits::USERS_PAGE_DEFAULT,
    member::{GroupName, Role},
};
use serde::Serialize;

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
    change("POST", "/conversations", &OpenConversation { members, id: Some(id) }).await
}

/// Adds people to a group.
pub async fn add_members(
    group: ConversationId,
    members: Vec<Username>,
    history: bool,
) -> Result<Conversation, RequestError> {
    change("POST", &format!("/conversations/{group}/members"), &AddMembers { members, history }).await
}

/// Removes a member from a group; the viewer themself leaves it.
pub async fn remove_member(group: ConversationId, user: UserId) -> Result<(), RequestError> {
    request("DELETE", &format!("/conversations/{group}/members/{user}"), None).await.map(drop)
}

/// Gives a member of a group a role.
pub async fn set_role(group: ConversationId, user: UserId, role: Role) -> Result<Conversation, RequestError> {
    change("PUT", &format!("/conversations/{group}/members/{user}"), &SetRole { role }).await
}

/// Names a group, or takes its name away.
pub async fn name_group(
    group: ConversationId,
    name: Option<GroupName>,
) -> Result<Conversation, RequestError> {
    change("PATCH", &format!("/conversations/{group}"), &NameGroup { name }).await
}

/// Changes something of a conversation, which comes back as it is then.
async fn change(method: &str, path: &str, asked: &impl Serialize) -> Result<Conversation, RequestError> {
    let body = serde_json::to_string(asked).map_err(|_| RequestError::Network)?;
    read(method, path, Some(body)).await
}

/// Puts a text on the clipboard. False where there is none (browsers have it on https only), or where it is refused.
pub async fn copy(text: &str) -> bool {
    let Some(window) = web_sys::window().filter(web_sys::Window::is_secure_context) else { return false };
    wasm_bindgen_futures::JsFuture::from(window.navigator().clipboard().write_text(text)).await.is_ok()
}
