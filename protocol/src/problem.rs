//! Errors as clients see them: RFC 9457 problem documents and the codes of `error` frames.

use serde::{Deserialize, Serialize};

/// Media type of a problem document.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// What went wrong, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// 422: a field is wrong; see `errors`.
    InvalidInput,
    /// 400: the body is not the JSON that was expected.
    MalformedJson,
    /// 401: sign in first.
    Unauthenticated,
    /// 401: username or password is wrong.
    WrongCredentials,
    /// 403: the request came from another origin.
    Forbidden,
    /// 403: the caller may not do this, or not any more.
    NotAllowed,
    /// 404: not there, or not for the caller's eyes.
    NotFound,
    /// 409: somebody has that username.
    UsernameTaken,
    /// 409: it clashes with what is there.
    Conflict,
    /// 413: too large.
    TooLarge,
    /// 429: too many; see `Retry-After`.
    RateLimited,
    /// 503: the log cannot promise to keep it now; see `Retry-After`.
    LogUnavailable,
    /// 500: our mistake.
    Internal,
    /// A code of a newer server.
    #[serde(other)]
    Unknown,
}

impl ErrorCode {
    /// The HTTP status that goes with it.
    pub fn status(self) -> u16 {
        match self {
            Self::InvalidInput => 422,
            Self::MalformedJson => 400,
            Self::Unauthenticated | Self::WrongCredentials => 401,
            Self::Forbidden | Self::NotAllowed => 403,
            Self::NotFound => 404,
            Self::UsernameTaken | Self::Conflict => 409,
            Self::TooLarge => 413,
            Self::RateLimited => 429,
            Self::LogUnavailable => 503,
            Self::Internal | Self::Unknown => 500,
        }
    }

    /// A short title, the same for every occurrence.
    pub fn title(self) -> &'static str {
        match self {
            Self::InvalidInput => "Some of the input is not valid",
            Self::MalformedJson => "The body is not the expected JSON",
            Self::Unauthenticated => "Not signed in",
            Self::WrongCredentials => "Wrong username or password",
            Self::Forbidden => "Not allowed from this origin",
            Self::NotAllowed => "Not allowed",
            Self::NotFound => "Not found",
            Self::UsernameTaken => "That username is taken",
            Self::Conflict => "Conflict",
            Self::TooLarge => "Too large",
            Self::RateLimited => "Too many requests",
            Self::LogUnavailable => "The log is not available",
            Self::Internal | Self::Unknown => "Something went wrong here",
        }
    }

    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidInput => "invalid_input",
            Self::MalformedJson => "malformed_json",
            Self::Unauthenticated => "unauthenticated",
            Self::WrongCredentials => "wrong_credentials",
            Self::Forbidden => "forbidden",
            Self::NotAllowed => "not_allowed",
            Self::NotFound => "not_found",
            Self::UsernameTaken => "username_taken",
            Self::Conflict => "conflict",
            Self::TooLarge => "too_large",
            Self::RateLimited => "rate_limited",
            Self::LogUnavailable => "log_unavailable",
            Self::Internal => "internal",
            Self::Unknown => "unknown",
        }
    }
}

/// A field that is wrong, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FieldError {
    /// The field's name in the request.
    pub field: String,
    /// What is wrong and what to do, for people.
    pub detail: String,
}

/// An RFC 9457 problem document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// A URI reference that names the kind of problem.
    #[serde(rename = "type")]
    pub kind: String,
    /// Short, the same for every occurrence.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// This occurrence, in words that say what to do.
    pub detail: String,
    /// The kind of problem, for programs.
    pub code: ErrorCode,
    /// For input errors: which fields.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// Where waiting helps: how many seconds. Also in the header `Retry-After`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

impl Problem {
    /// A problem of that code with these words.
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:kafkatalk:problem:{}", code.as_str()),
            title: code.title().into(),
            status: code.status(),
            detail: detail.into(),
            code,
            errors: Vec::new(),
            retry_after: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_has_the_public_shape() {
        let mut problem = Problem::new(ErrorCode::InvalidInput, "Check the username.");
        problem
            .errors
            .push(FieldError { field: "username".into(), detail: "Begin with a letter or a digit.".into() });
        assert_eq!(
            serde_json::to_value(&problem).unwrap(),
            serde_json::json!({
                "type": "urn:kafkatalk:problem:invalid_input",
                "title": "Some of the input is not valid",
                "status": 422,
                "detail": "Check the username.",
                "code": "invalid_input",
                "errors": [{"field": "username", "detail": "Begin with a letter or a digit."}],
            })
        );
    }

    #[test]
    fn every_code_is_named_the_same_in_json() {
        for code in [
            ErrorCode::InvalidInput,
            ErrorCode::NotAllowed,
            ErrorCode::UsernameTaken,
            ErrorCode::LogUnavailable,
            ErrorCode::Internal,
        ] {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
    }
}
