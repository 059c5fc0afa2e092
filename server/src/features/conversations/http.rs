//! Creating, listing and reading conversations.

use super::errors::OpenError;
use crate::http::{
    auth::SignedIn,
    input::{Asked, ConversationsAsked, FieldErrors, InConversation, Json},
    problem::Refusal,
    state::State,
};
use axum::{
    extract::State as Shared,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use kafkatalk_protocol::{Conversation, CreationId, Problem, http::Conversations, limits::PAGE_MAX};
use serde::Deserialize;
use utoipa::ToSchema;

/// Whom to talk with.
#[derive(Deserialize, ToSchema)]
pub struct Open {
    /// Usernames of the others: one for the conversation with them, up to 99 for a new group.
    #[schema(value_type = Vec<kafkatalk_protocol::Username>, min_items = 1, max_items = 200)]
    members: Vec<String>,
    /// The client's own UUID for a new group. Asked for again under the same id, it stays one group; without one, every
    /// request makes a group. It counts for nothing where there is one other person: a pair has one conversation.
    #[schema(value_type = Option<uuid::Uuid>)]
    id: Option<String>,
}

/// Opens the conversation with a person, or finds it; with several people, creates a group.
#[utoipa::path(post, path = "/conversations", tag = "conversations", request_body = Open, responses(
    (status = 201, description = "Opened", body = Conversation),
    (status = 200, description = "It was there", body = Conversation),
    (status = 401, description = "`unauthenticated`", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "`not_allowed`: the caller has created that group and left it", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "`conflict`: the caller has created a group with other people under that id", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "`invalid_input`: nobody of that name, nobody else, or too many", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "`rate_limited`", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "`log_unavailable`", body = Problem, content_type = "application/problem+json"),
))]
pub async fn open(
    Shared(state): Shared<State>,
    SignedIn(caller): SignedIn,
    Json(given): Json<Open>,
) -> Result<Response, Refusal> {
    if given.members.len() > PAGE_MAX {
        return Err(OpenError::TooMany.into());
    }
    let mut errors = FieldErrors::default();
    let members = errors.parse_all("members", &given.members);
    let id: Option<CreationId> = given.id.as_deref().and_then(|id| errors.parse("id", id));
    let Some(members) = members.filter(|_| id.is_some() == given.id.is_some()) else {
        return Err(errors.into_problem().into());
    };
    let may_open = || state.rates().conversation(caller.user.id);
    let (conversation, new) = state.kernel().open_conversation(&caller.user, members, id, may_open).await?;
    let status = if new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, axum::Json(conversation)).into_response())
}

/// The caller's conversations.
#[utoipa::path(get, path = "/conversations", tag = "conversations", params(ConversationsAsked), responses(
    (status = 200, description = "Latest activity first", body = Conversations),
    (status = 401, description = "`unauthenticated`", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "`invalid_input`", body = Problem, content_type = "application/problem+json"),
))]
pub async fn list(
    Shared(state): Shared<State>,
    SignedIn(caller): SignedIn,
    Asked(asked): Asked<ConversationsAsked>,
) -> Result<axum::Json<Conversations>, Refusal> {
    let limit = asked.limit()?;
    Ok(axum::Json(state.kernel().conversations(caller.user.id, asked.before, limit).await?))
}

/// A conversation of the caller's.
#[utoipa::path(get, path = "/conversations/{id}", tag = "conversations", params(("id" = uuid::Uuid, Path, description = "A conversation of the caller")), responses(
    (status = 200, description = "As the caller sees it", body = Conversation),
    (status = 401, description = "`unauthenticated`", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "`not_allowed`: no longer a member", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
))]
pub async fn get(
    Shared(state): Shared<State>,
    SignedIn(caller): SignedIn,
    InConversation(id): InConversation,
) -> Result<axum::Json<Conversation>, Refusal> {
    Ok(axum::Json(state.kernel().conversation(caller.user.id, id).await?))
}
