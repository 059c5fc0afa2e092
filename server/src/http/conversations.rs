//! Conversations and what is said in them.

use super::{
    auth::SignedIn,
    input::{Asked, ConversationsAsked, FieldErrors, InConversation, Json, MessagesAsked},
    problem::Refusal,
    state::State,
};
use crate::chat::errors::OpenError;
use axum::{
    extract::State as Shared,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use kafkatalk_protocol::{
    Body, Conversation, CreationId, ErrorCode, Message, MessageId, Problem, Username,
    http::{Conversations, Messages, ReadUpTo},
    limits::PAGE_MAX,
};
use serde::Deserialize;
use utoipa::ToSchema;

/// Whom to talk with.
#[derive(Deserialize, ToSchema)]
pub struct Open {
    /// Usernames of the others: one for the conversation with them, up to 99 for a new group.
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
    let asked = given.members.iter();
    let members: Vec<Username> = asked.filter_map(|name| errors.parse("members", name)).collect();
    let id: Option<CreationId> = given.id.as_deref().and_then(|id| errors.parse("id", id));
    if members.len() < given.members.len() || id.is_some() != given.id.is_some() {
        return Err(errors.into_problem().into());
    }
    let may_open = || state.rates().conversation(caller.user.id);
    let (conversation, new) = state.chat().open_conversation(&caller.user, members, id, may_open).await?;
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
    Ok(axum::Json(state.chat().conversations(caller.user.id, asked.before, limit).await?))
}

/// A conversation of the caller's.
#[utoipa::path(get, path = "/conversations/{id}", tag = "conversations", params(("id" = uuid::Uuid, Path, description = "A conversation of the caller")), responses(
    (status = 200, description = "As the caller sees it", body = Conversation),
    (status = 401, description = "`unauthenticated`", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
))]
pub async fn get(
    Shared(state): Shared<State>,
    SignedIn(caller): SignedIn,
    InConversation(id): InConversation,
) -> Result<axum::Json<Conversation>, Refusal> {
    Ok(axum::Json(state.chat().conversation(caller.user.id, id).await?))
}

/// What to say.
#[derive(Deserialize, ToSchema)]
pub struct Say {
    /// The client's own UUID for the message. Sent again under the same id, it stays one message.
    #[schema(value_type = uuid::Uuid)]
    id: String,
    /// 1 to 8,000 characters, at most 32 KiB, not only white space.
    body: String,
}

/// Says something.
#[utoipa::path(post, path = "/conversations/{id}/messages", tag = "messages", params(("id" = uuid::Uuid, Path, description = "A conversation of the caller")), request_body = Say, responses(
    (status = 201, description = "Durable in the log at that offset", body = Message),
    (status = 200, description = "That id was there already: the same message", body = Message),
    (status = 401, description = "`unauthenticated`", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    (status = 413, description = "`too_large`", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "`invalid_input`", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "`rate_limited`", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "`log_unavailable`: send the same again", body = Problem, content_type = "application/problem+json"),
))]
pub async fn send(
    Shared(state): Shared<State>,
    SignedIn(caller): SignedIn,
    InConversation(conversation): InConversation,
    Json(given): Json<Say>,
) -> Result<Response, Refusal> {
    let mut errors = FieldErrors::default();
    let id: Option<MessageId> = errors.parse("id", &given.id);
    let body: Option<Body> = errors.parse("body", &given.body);
    let Some((id, body)) = id.zip(body) else {
        return Err(errors.into_problem().into());
    };
    state.rates().message(caller.user.id)?;
    let (message, new) = state.chat().send(&caller.user, conversation, id, body).await?;
    let status = if new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, axum::Json(&*message)).into_response())
}

/// A page of history.
#[utoipa::path(get, path = "/conversations/{id}/messages", tag = "messages", params(("id" = uuid::Uuid, Path, description = "A conversation of the caller"), MessagesAsked), responses(
    (status = 200, description = "In offset order; without `before` and `after` the latest", body = Messages),
    (status = 401, description = "`unauthenticated`", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "`invalid_input`", body = Problem, content_type = "application/problem+json"),
))]
pub async fn history(
    Shared(state): Shared<State>,
    SignedIn(caller): SignedIn,
    InConversation(conversation): InConversation,
    Asked(asked): Asked<MessagesAsked>,
) -> Result<axum::Json<Messages>, Refusal> {
    let (page, limit) = (asked.page()?, asked.limit()?);
    Ok(axum::Json(state.chat().history(caller.user.id, conversation, page, limit).await?))
}

/// Marks as read up to an offset, on all devices of the caller.
#[utoipa::path(put, path = "/conversations/{id}/read", tag = "messages", params(("id" = uuid::Uuid, Path, description = "A conversation of the caller")), request_body = ReadUpTo, responses(
    (status = 204, description = "Noted; going back changes nothing"),
    (status = 401, description = "`unauthenticated`", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "`invalid_input`", body = Problem, content_type = "application/problem+json"),
))]
pub async fn read(
    Shared(state): Shared<State>,
    SignedIn(caller): SignedIn,
    InConversation(conversation): InConversation,
    Json(given): Json<ReadUpTo>,
) -> Result<StatusCode, Refusal> {
    state.chat().mark_read(caller.user.id, conversation, given.offset).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Nothing lives under the API that it does not name.
pub async fn no_such_path() -> Refusal {
    Refusal::new(ErrorCode::NotFound, "The API has no such path; GET /api/v1/openapi.json lists them.")
}

/// The path is there, but not for this method.
pub async fn no_such_method() -> Response {
    let mut refusal = Refusal::new(ErrorCode::NotFound, "The API has this path, but not for this method.");
    refusal.0.status = StatusCode::METHOD_NOT_ALLOWED.as_u16();
    refusal.into_response()
}
