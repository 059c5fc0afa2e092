//! Editing by HTTP.

use crate::{
    features::messages::change::ChangeError,
    http::{
        auth::SignedIn,
        input::{AtMessage, FieldErrors, Json},
        problem::Refusal,
        state::State,
    },
};
use axum::extract::State as Shared;
use kafkatalk_protocol::{Body, Message, MessageId, Problem};
use serde::Deserialize;
use utoipa::ToSchema;

/// Another text for a message.
#[derive(Deserialize, ToSchema)]
pub struct Edit {
    /// The client's own UUID for the change. Sent again under the same id, it is one change.
    #[schema(value_type = uuid::Uuid)]
    id: String,
    /// 1 to 8,000 characters, at most 32 KiB, not only what nobody can see.
    #[schema(min_length = 1, max_length = 8000, pattern = "^[^\\u0000]*$")]
    body: String,
}

/// Gives an own message another text.
#[utoipa::path(patch, path = "/conversations/{id}/messages/{offset}", tag = "messages", params(("id" = uuid::Uuid, Path, description = "A conversation of the caller"), ("offset" = u64, Path, description = "The message")), request_body = Edit, responses(
    (status = 200, description = "The message in its new state", body = Message),
    (status = 401, description = "`unauthenticated`", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "`not_allowed`: not the caller's message, or no longer a member", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "`conflict`: the message was deleted", body = Problem, content_type = "application/problem+json"),
    (status = 413, description = "`too_large`", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "`invalid_input`", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "`rate_limited`", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "`log_unavailable`: send the same again", body = Problem, content_type = "application/problem+json"),
))]
pub async fn edit(
    Shared(state): Shared<State>,
    SignedIn(caller): SignedIn,
    AtMessage(conversation, offset): AtMessage,
    Json(given): Json<Edit>,
) -> Result<axum::Json<Message>, Refusal> {
    let mut errors = FieldErrors::default();
    let id: Option<MessageId> = errors.parse("id", &given.id);
    let body: Option<Body> = errors.parse("body", &given.body);
    let Some((id, body)) = id.zip(body) else {
        return Err(errors.into_problem().into());
    };
    state.kernel().edit(&caller.user, conversation, id, offset, body).await?;
    let message = state.kernel().message(caller.user.id, conversation, offset).await?;
    Ok(axum::Json(message.ok_or(ChangeError::NotFound)?))
}
