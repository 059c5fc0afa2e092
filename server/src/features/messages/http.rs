//! Posting messages, and paging through them.

use crate::http::{
    auth::SignedIn,
    input::{Asked, FieldErrors, InConversation, Json, MessagesAsked},
    problem::Refusal,
    state::State,
};
use axum::{
    extract::State as Shared,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use kafkatalk_protocol::{Body, Message, MessageId, Offset, Problem, event::MessagePosted, http::Messages};
use serde::Deserialize;
use utoipa::ToSchema;

/// A message to post.
#[derive(Deserialize, ToSchema)]
pub struct Say {
    /// The client's own UUID for the message. Sent again under the same id, it stays one message.
    #[schema(value_type = uuid::Uuid)]
    id: String,
    /// 1 to 8,000 characters, at most 32 KiB, not only what nobody can see.
    #[schema(min_length = 1, max_length = 8000, pattern = "^[^\\u0000]*$")]
    body: String,
    /// The offset of the message that it replies to.
    reply_to: Option<u64>,
}

/// Posts a message.
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
    let posted = MessagePosted { id, body, reply_to: given.reply_to.map(Offset) };
    let (message, new) = state.kernel().send(&caller.user, conversation, posted).await?;
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
    Ok(axum::Json(state.kernel().history(caller.user.id, conversation, page, limit).await?))
}
