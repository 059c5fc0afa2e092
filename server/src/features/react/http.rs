//! Reacting by HTTP.

use crate::{
    features::messages::change::ChangeError,
    http::{auth::SignedIn, input::OnMessage, problem::Refusal, state::State},
};
use axum::extract::State as Shared;
use kafkatalk_protocol::{Message, MessageId, Problem, reaction::Emoji};

/// Reacts to a message.
#[utoipa::path(put, path = "/conversations/{id}/messages/{offset}/reactions/{emoji}", tag = "messages", params(("id" = uuid::Uuid, Path, description = "A conversation of the caller"), ("offset" = u64, Path, description = "The message"), ("emoji" = String, Path, description = "One emoji")), responses(
    (status = 200, description = "The message in its new state", body = Message),
    (status = 401, description = "`unauthenticated`", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "`not_allowed`: no longer a member", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "`conflict`: the message was deleted, or the caller has 10 reactions to it", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "`invalid_input`: not an emoji", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "`rate_limited`", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "`log_unavailable`: send the same again", body = Problem, content_type = "application/problem+json"),
))]
pub async fn put(
    Shared(state): Shared<State>,
    SignedIn(caller): SignedIn,
    path: OnMessage,
) -> Result<axum::Json<Message>, Refusal> {
    set(state, &caller.user, path, true).await
}

/// Takes a reaction back.
#[utoipa::path(delete, path = "/conversations/{id}/messages/{offset}/reactions/{emoji}", tag = "messages", params(("id" = uuid::Uuid, Path, description = "A conversation of the caller"), ("offset" = u64, Path, description = "The message"), ("emoji" = String, Path, description = "One emoji")), responses(
    (status = 200, description = "The message in its new state", body = Message),
    (status = 401, description = "`unauthenticated`", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "`not_allowed`: no longer a member", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "`conflict`: the message was deleted", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "`invalid_input`: not an emoji", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "`rate_limited`", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "`log_unavailable`: send the same again", body = Problem, content_type = "application/problem+json"),
))]
pub async fn remove(
    Shared(state): Shared<State>,
    SignedIn(caller): SignedIn,
    path: OnMessage,
) -> Result<axum::Json<Message>, Refusal> {
    set(state, &caller.user, path, false).await
}

async fn set(
    state: State,
    caller: &kafkatalk_protocol::User,
    OnMessage(conversation, offset, emoji): OnMessage,
    on: bool,
) -> Result<axum::Json<Message>, Refusal> {
    let emoji = Emoji::kept(&emoji).map_err(ChangeError::NoEmoji)?;
    let (kernel, at) = (state.kernel(), (conversation, offset));
    let id = MessageId(kernel.clock().record_id());
    kernel.react(caller, at, id, emoji, on).await?;
    let message = kernel.message(caller.id, conversation, at.1).await?;
    Ok(axum::Json(message.ok_or(ChangeError::NotFound)?))
}
