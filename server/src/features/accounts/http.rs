//! Registering, signing in, and who is asking.

use super::commands::Welcome;
use crate::http::{
    auth::{self, SignedIn},
    input::{Asked, FieldErrors, From, Json, UsersAsked, user_agent},
    problem::Refusal,
    state::State,
};
use axum::{
    extract::State as Shared,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use kafkatalk_protocol::{
    Password, Problem, Username,
    http::{Me, Users},
};
use serde::Deserialize;
use utoipa::ToSchema;

/// A username and a password, as typed.
#[derive(Deserialize, ToSchema)]
pub struct Credentials {
    /// 3 to 32 characters of `a-z 0-9 . _ -`, beginning with a letter or digit, in any case.
    #[schema(min_length = 3, max_length = 32, pattern = "^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    username: String,
    /// 8 to 256 characters.
    #[schema(min_length = 8, max_length = 256, format = Password)]
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
    let welcome = state.kernel().register(username, password, user_agent(&headers)).await?;
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
    let welcome = state.kernel().sign_in(username, password, user_agent(&headers)).await?;
    Ok(signed_in(&state, &headers, welcome))
}

fn signed_in(state: &State, headers: &HeaderMap, welcome: Welcome) -> Response {
    let cookie = auth::session_cookie(&welcome.token, state.is_secure(headers));
    let body =
        kafkatalk_protocol::http::SignedIn { user: welcome.user, token: welcome.token.reveal().to_owned() };
    (StatusCode::CREATED, [(header::SET_COOKIE, cookie)], axum::Json(body)).into_response()
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
    Ok(axum::Json(Users { users: state.kernel().find_users(asked.prefix, limit).await? }))
}
