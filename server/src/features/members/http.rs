//! Changing a group by HTTP.

use super::errors::MembersError;
use crate::http::{
    auth::SignedIn,
    input::{AtMember, FieldErrors, InConversation, Json},
    problem::Refusal,
    state::State,
};
use axum::{extract::State as Shared, http::StatusCode};
use kafkatalk_protocol::{
    Conversation, Problem,
    limits::PAGE_MAX,
    member::{GroupName, Role},
};
use serde::Deserialize;
use utoipa::ToSchema;

/// Whom to add.
#[derive(Deserialize, ToSchema)]
pub struct Add {
    /// Usernames of the new members.
    #[schema(value_type = Vec<kafkatalk_protocol::Username>, min_items = 1, max_items = 200)]
    members: Vec<String>,
    /// Whether they see what was said before, as far as the caller does.
    #[serde(default)]
    history: bool,
}

/// Adds people to a group.
#[utoipa::path(post, path = "/conversations/{id}/members", tag = "members", params(("id" = uuid::Uuid, Path, description = "A group of the caller")), request_body = Add, responses(
    (status = 200, description = "The group with its new members. Who was one already stays as they were", body = Conversation),
    (status = 401, description = "`unauthenticated`", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "`not_allowed`: no longer a member", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "`conflict`: a conversation of two people", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "`invalid_input`: nobody of that name, nobody at all, or too many", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "`rate_limited`", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "`log_unavailable`", body = Problem, content_type = "application/problem+json"),
))]
pub async fn add(
    Shared(state): Shared<State>,
    SignedIn(caller): SignedIn,
    InConversation(id): InConversation,
    Json(given): Json<Add>,
) -> Result<axum::Json<Conversation>, Refusal> {
    if given.members.len() > PAGE_MAX {
        return Err(MembersError::TooMany.into());
    }
    let mut errors = FieldErrors::default();
    let Some(members) = errors.parse_all("members", &given.members) else {
        return Err(errors.into_problem().into());
    };
    Ok(axum::Json(state.kernel().add_members(&caller.user, id, members, given.history).await?))
}

/// Removes a member from a group; named by the caller themself, leaves it.
#[utoipa::path(delete, path = "/conversations/{id}/members/{user}", tag = "members", params(("id" = uuid::Uuid, Path, description = "A group of the caller"), ("user" = uuid::Uuid, Path, description = "The member")), responses(
    (status = 204, description = "They are no member any more"),
    (status = 401, description = "`unauthenticated`", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "`not_allowed`: the caller's role does not allow it, or they are no longer a member", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "`not_found`: no such group, or no such member", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "`conflict`: a conversation of two people", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "`rate_limited`", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "`log_unavailable`", body = Problem, content_type = "application/problem+json"),
))]
pub async fn remove(
    Shared(state): Shared<State>,
    SignedIn(caller): SignedIn,
    AtMember(id, user): AtMember,
) -> Result<StatusCode, Refusal> {
    if user == caller.user.id {
        state.kernel().leave(&caller.user, id).await?;
    } else {
        state.kernel().remove_member(&caller.user, id, user).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// The role of a member.
#[derive(Deserialize, ToSchema)]
pub struct SetRole {
    /// `member`, `admin` or `owner`.
    #[schema(value_type = Role)]
    role: String,
}

/// Gives a member of a group a role.
#[utoipa::path(put, path = "/conversations/{id}/members/{user}", tag = "members", params(("id" = uuid::Uuid, Path, description = "A group that the caller owns"), ("user" = uuid::Uuid, Path, description = "The member")), request_body = SetRole, responses(
    (status = 200, description = "The group with the role", body = Conversation),
    (status = 401, description = "`unauthenticated`", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "`not_allowed`: the caller is no owner, or no longer a member", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "`not_found`: no such group, or no such member", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "`conflict`: a conversation of two people, or the group would have no owner", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "`invalid_input`", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "`rate_limited`", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "`log_unavailable`", body = Problem, content_type = "application/problem+json"),
))]
pub async fn set_role(
    Shared(state): Shared<State>,
    SignedIn(caller): SignedIn,
    AtMember(id, user): AtMember,
    Json(given): Json<SetRole>,
) -> Result<axum::Json<Conversation>, Refusal> {
    let mut errors = FieldErrors::default();
    let role: Option<Role> = errors.parse("role", &given.role);
    let Some(role) = role else { return Err(errors.into_problem().into()) };
    Ok(axum::Json(state.kernel().set_role(&caller.user, id, user, role).await?))
}

/// The name of a group.
#[derive(Deserialize, ToSchema)]
pub struct Name {
    /// 1 to 64 characters in one line; null takes the name away.
    #[schema(value_type = Option<GroupName>)]
    name: Option<String>,
}

/// Names a group.
#[utoipa::path(patch, path = "/conversations/{id}", tag = "members", params(("id" = uuid::Uuid, Path, description = "A group of the caller")), request_body = Name, responses(
    (status = 200, description = "The group with its name", body = Conversation),
    (status = 401, description = "`unauthenticated`", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "`not_allowed`: no longer a member", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "`conflict`: a conversation of two people", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "`invalid_input`", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "`rate_limited`", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "`log_unavailable`", body = Problem, content_type = "application/problem+json"),
))]
pub async fn name(
    Shared(state): Shared<State>,
    SignedIn(caller): SignedIn,
    InConversation(id): InConversation,
    Json(given): Json<Name>,
) -> Result<axum::Json<Conversation>, Refusal> {
    let mut errors = FieldErrors::default();
    let name: Option<GroupName> = given.name.as_deref().and_then(|name| errors.parse("name", name));
    if name.is_some() != given.name.is_some() {
        return Err(errors.into_problem().into());
    }
    Ok(axum::Json(state.kernel().name_group(&caller.user, id, name).await?))
}
