//! The devices of the caller.

use crate::http::{
    auth::{self, SignedIn},
    input::OfSession,
    problem::Refusal,
    state::State,
};
use axum::{
    extract::State as Shared,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use kafkatalk_protocol::{Problem, http::Sessions};

/// Signs this device out.
#[utoipa::path(delete, path = "/sessions/current", tag = "accounts", responses(
    (status = 204, description = "Signed out; the token is worth nothing any more"),
    (status = 401, description = "`unauthenticated`", body = Problem, content_type = "application/problem+json"),
))]
pub async fn sign_out(
    Shared(state): Shared<State>,
    headers: HeaderMap,
    SignedIn(caller): SignedIn,
) -> Result<Response, Refusal> {
    state.kernel().end_session(&caller, caller.session).await?;
    let cookie = auth::no_cookie(state.is_secure(&headers));
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response())
}

/// The caller's devices.
#[utoipa::path(get, path = "/sessions", tag = "accounts", responses(
    (status = 200, description = "Newest first", body = Sessions),
    (status = 401, description = "`unauthenticated`", body = Problem, content_type = "application/problem+json"),
))]
pub async fn sessions(
    Shared(state): Shared<State>,
    SignedIn(caller): SignedIn,
) -> Result<axum::Json<Sessions>, Refusal> {
    Ok(axum::Json(Sessions { sessions: state.kernel().sessions(&caller).await? }))
}

/// Signs out a device of the caller.
#[utoipa::path(delete, path = "/sessions/{id}", tag = "accounts", params(("id" = uuid::Uuid, Path, description = "A session of the caller")), responses(
    (status = 204, description = "Signed out"),
    (status = 401, description = "`unauthenticated`", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
))]
pub async fn end_session(
    Shared(state): Shared<State>,
    SignedIn(caller): SignedIn,
    OfSession(session): OfSession,
) -> Result<StatusCode, Refusal> {
    state.kernel().end_session(&caller, session).await?;
    Ok(StatusCode::NO_CONTENT)
}
