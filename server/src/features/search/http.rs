//! Searching what was said.

use crate::http::{
    auth::SignedIn,
    input::{Asked, SearchAsked},
    problem::Refusal,
    state::State,
};
use axum::extract::State as Shared;
use kafkatalk_protocol::{Problem, http::Found};

/// Messages of the caller's that have all the words.
#[utoipa::path(get, path = "/search", tag = "messages", params(SearchAsked), responses(
    (status = 200, description = "Latest first", body = Found),
    (status = 401, description = "`unauthenticated`", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "`not_found`: no conversation of the caller", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "`invalid_input`", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "`rate_limited`", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "`log_unavailable`: the index is still being filled", body = Problem, content_type = "application/problem+json"),
))]
pub async fn search(
    Shared(state): Shared<State>,
    SignedIn(caller): SignedIn,
    Asked(asked): Asked<SearchAsked>,
) -> Result<axum::Json<Found>, Refusal> {
    let (text, conversation, limit) = (asked.text()?, asked.conversation()?, asked.limit()?);
    state.rates().search(caller.user.id)?;
    let found = state.kernel().search(caller.user.id, text, conversation, asked.before, limit).await?;
    Ok(axum::Json(found))
}
