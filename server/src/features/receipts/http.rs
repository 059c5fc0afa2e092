//! Marking as read.

use crate::http::{
    auth::SignedIn,
    input::{InConversation, Json},
    problem::Refusal,
    state::State,
};
use axum::{extract::State as Shared, http::StatusCode};
use kafkatalk_protocol::{Problem, http::ReadUpTo};

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
    state.kernel().mark_read(caller.user.id, conversation, given.offset).await?;
    Ok(StatusCode::NO_CONTENT)
}
