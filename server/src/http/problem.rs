//! Problem documents as answers.

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use kafkatalk_protocol::{ErrorCode, Problem, problem::PROBLEM_JSON};

/// A request that was refused. Every error of a use case becomes one through `Problem`, see `kernel::errors`.
#[derive(Debug)]
pub struct Refusal(pub Problem);

impl<E: Into<Problem>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl Refusal {
    /// Of that code, in these words.
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self(Problem::new(code, detail))
    }

    /// What is not there, or not for the caller's eyes.
    pub fn not_found() -> Self {
        Self::new(ErrorCode::NotFound, "There is nothing here, or nothing that you may see.")
    }

    /// Nobody is signed in.
    pub fn unauthenticated() -> Self {
        Self::new(ErrorCode::Unauthenticated, "Sign in first: POST /api/v1/sessions.")
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self(problem) = self;
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() =
            StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if let Some(seconds) = problem.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if problem.status == StatusCode::UNAUTHORIZED.as_u16() {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
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
