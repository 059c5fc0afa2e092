//! Deleting by HTTP.

use crate::{
    features::messages::change::ChangeError,
    http::{
        auth::SignedIn,
        input::{Asked, AtMessage},
        problem::Refusal,
        state::State,
    },
};
use axum::extract::State as Shared;
use kafkatalk_protocol::{Message, MessageId, Problem};
use serde::Deserialize;
use uuid::Uuid;

/// `DELETE /conversations/{id}/messages/{offset}`.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DeletionAsked {
    /// The client's own UUID for the deletion, where it has one.
    pub id: Option<Uuid>,
}

/// Deletes an own message for everyone: a tombstone is left.
#[utoipa::path(delete, path = "/conversations/{id}/messages/{offset}", tag = "messages", params(("id" = uuid::Uuid, Path, description = "A conversation of the caller"), ("offset" = u64, Path, description = "The message"), DeletionAsked), responses(
    (status = 200, description = "What is left of it", body = Message),
    (status = 401, description = "`unauthenticated`", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "`not_allowed`: not the caller's message, or no longer a member", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "`invalid_input`", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "`rate_limited`", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "`log_unavailable`: send the same again", body = Problem, content_type = "application/problem+json"),
))]
pub async fn delete(
    Shared(state): Shared<State>,
    SignedIn(caller): SignedIn,
    AtMessage(conversation, offset): AtMessage,
    Asked(asked): Asked<DeletionAsked>,
) -> Result<axum::Json<Message>, Refusal> {
    let kernel = state.kernel();
    let id = MessageId(asked.id.unwrap_or_else(|| kernel.clock().record_id()));
    kernel.delete(&caller.user, conversation, id, offset).await?;
    let message = kernel.message(caller.user.id, conversation, offset).await?;
    Ok(axum::Json(message.ok_or(ChangeError::NotFound)?))
}
