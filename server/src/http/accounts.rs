//! Users, sessions, and who is asking.

use super::{
    auth::{self, SignedIn},
    input::{Asked, FieldErrors, From, Json, UsersAsked, user_agent},
    problem::Refusal,
    state::State,
};
use crate::chat::accounts::Welcome;
use axum::{
    extract::{Path, State as Shared},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use kafkatalk_protocol::{
    Password, Problem, SessionId, Username,
    http::{Me, Sessions, Users},
};
use serde::Deserialize;
use utoipa::ToSchema;

/// A username and a password, as typed.
#[derive(Deserialize, ToSchema)]
pub struct Credentials {
    /// 3 to 32 characters of `a-z 0-9 . _ -`, beginning with a letter or digit, in any case.
    username: String,
    /// 8 to 256 characters.
    #[schema(format = Password)]
    password: String,
}

impl Credentials {
    fn parse(&self) -> Result<(Username, Password), Problem> {
        parse_credentials(&self.username, &self.password)
    }
}

/// Parses both fields, and says what is wrong with each.
pub fn parse_credentials(username: &str, password: &str) -> Result<(Username, Password), Problem> {
    let mut errors = FieldErrors::default();
    let username = errors.parse("username", username);
    let password = errors.parse("password", password);
    username.zip(password).ok_or_else(|| errors.into_problem())
}

/// Registers a person and signs this device in.
#[utoipa::path(post, path = "/users", tag = "accounts", security(()), request_body = Credentials, responses(
    (status = 201, description = "Registered and signed in; also sets the cookie", body = kafkatalk_protocol::http::SignedIn),
    (status = 409, description = "`username_taken`", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "`invalid_input`", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "`rate_limited`", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "`log_unavailable`", body = Problem, content_type = "application/problem+json"),
))]
pub async fn register(
    Shared(state): Shared<State>,
    From(address): From,
    headers: HeaderMap,
    Json(given): Json<Credentials>,
) -> Result<Response, Refusal> {
    auth::refuse_foreign_origin(&headers, &state.settings)?;
    let (username, password) = given.parse()?;
    state.rates().registration(address)?;
    let welcome = state.chat().register(username, password, user_agent(&headers)).await?;
    Ok(signed_in(&state, &headers, welcome))
}

/// Signs a device in.
#[utoipa::path(post, path = "/sessions", tag = "accounts", security(()), request_body = Credentials, responses(
    (status = 201, description = "Signed in; also sets the cookie", body = kafkatalk_protocol::http::SignedIn),
    (status = 401, description = "`wrong_credentials`", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "`invalid_input`", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "`rate_limited`", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "`log_unavailable`", body = Problem, content_type = "application/problem+json"),
))]
pub async fn sign_in(
    Shared(state): Shared<State>,
    From(address): From,
    headers: HeaderMap,
    Json(given): Json<Credentials>,
) -> Result<Response, Refusal> {
    auth::refuse_foreign_origin(&headers, &state.settings)?;
    let (username, password) = given.parse()?;
    state.rates().sign_in(address)?;
    let welcome = state.chat().sign_in(username, password, user_agent(&headers)).await?;
    Ok(signed_in(&state, &headers, welcome))
}

fn signed_in(state: &State, headers: &HeaderMap, welcome: Welcome) -> Response {
    let cookie = auth::session_cookie(&welcome.token, state.is_secure(headers));
    let body =
        kafkatalk_protocol::http::SignedIn { user: welcome.user, token: welcome.token.reveal().to_owned() };
    (StatusCode::CREATED, [(header::SET_COOKIE, cookie)], axum::Json(body)).into_response()
}

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
    state.chat().end_session(&caller, caller.session).await?;
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
    Ok(axum::Json(Sessions { sessions: state.chat().sessions(&caller).await? }))
}

/// Signs out a device of the caller.
#[utoipa::path(delete, path = "/sessions/{id}", tag = "accounts", params(("id" = uuid::Uuid, Path, description = "A session of the caller")), responses(
    (status = 204, description = "Signed out"),
    (status = 401, description = "`unauthenticated`", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
))]
pub async fn end_session(
    Shared(state): Shared<State>,
    Path(id): Path<String>,
    SignedIn(caller): SignedIn,
) -> Result<StatusCode, Refusal> {
    let session: SessionId = id.parse().map_err(|_| Refusal::not_found())?;
    state.chat().end_session(&caller, session).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Who is asking.
#[utoipa::path(get, path = "/me", tag = "accounts", responses(
    (status = 200, description = "The caller", body = Me),
    (status = 401, description = "`unauthenticated`", body = Problem, content_type = "application/problem+json"),
))]
pub async fn me(SignedIn(caller): SignedIn) -> axum::Json<Me> {
    axum::Json(Me { user: caller.user })
}

/// Finds people by the start of their username.
#[utoipa::path(get, path = "/users", tag = "accounts", params(UsersAsked), responses(
    (status = 200, description = "By username", body = Users),
    (status = 401, description = "`unauthenticated`", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "`invalid_input`", body = Problem, content_type = "application/problem+json"),
))]
pub async fn users(
    Shared(state): Shared<State>,
    SignedIn(_): SignedIn,
    Asked(asked): Asked<UsersAsked>,
) -> Result<axum::Json<Users>, Refusal> {
    let limit = asked.limit()?;
    Ok(axum::Json(Users { users: state.chat().find_users(asked.prefix, limit).await? }))
}
