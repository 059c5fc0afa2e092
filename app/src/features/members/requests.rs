//! What the panel asks the server to do. An error comes in words for the person.

use crate::client::{Request, RequestError, request::read};
use crate::live::Live;
use crate::route::encode;
use kafkatalk_protocol::{
    Conversation, ConversationId, User, UserId, Username,
    http::{AddMembers, NameGroup, SetRole, Users},
    limits::USERS_PAGE_DEFAULT,
    member::{GroupName, Role},
};
use serde::Serialize;

/// People whose names start with that, by name.
pub(super) async fn find(live: Live, prefix: &str) -> Result<Vec<User>, String> {
    let path = format!("/users?limit={USERS_PAGE_DEFAULT}&prefix={}", encode(prefix));
    let found = read::<Users>(&live.ask(Request::get(path)).await);
    found.map(|found| found.users).map_err(RequestError::into_words)
}

/// Adds people to a group.
pub(super) async fn add(
    live: Live,
    group: ConversationId,
    members: Vec<Username>,
    history: bool,
) -> Result<Conversation, String> {
    let path = format!("/conversations/{group}/members");
    change(live, "POST", path, &AddMembers { members, history }).await
}

/// Removes a member from a group; the viewer themself leaves it.
pub(super) async fn remove(live: Live, group: ConversationId, user: UserId) -> Result<(), String> {
    let path = format!("/conversations/{group}/members/{user}");
    let answer = live.ask(Request { method: "DELETE", path, body: None }).await;
    answer.map(drop).map_err(RequestError::into_words)
}

/// Gives a member of a group a role.
pub(super) async fn set_role(
    live: Live,
    group: ConversationId,
    user: UserId,
    role: Role,
) -> Result<Conversation, String> {
    let path = format!("/conversations/{group}/members/{user}");
    change(live, "PUT", path, &SetRole { role }).await
}

/// Names a group, or takes its name away.
pub(super) async fn name(
    live: Live,
    group: ConversationId,
    name: Option<GroupName>,
) -> Result<Conversation, String> {
    change(live, "PATCH", format!("/conversations/{group}"), &NameGroup { name }).await
}

/// Changes something of a group, which comes back as it is then.
async fn change(
    live: Live,
    method: &'static str,
    path: String,
    asked: &impl Serialize,
) -> Result<Conversation, String> {
    let answer = live.ask(Request::with_body(method, path, asked)).await;
    read(&answer).map_err(RequestError::into_words)
}
