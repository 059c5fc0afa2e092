//! HTTP requests as values: whoever wants an answer makes one, and reads what comes.

use kafkatalk_protocol::ErrorCode;
use serde::{Serialize, de::DeserializeOwned};

/// A request below the API's base path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `GET` and its like.
    pub method: &'static str,
    /// The path and its query.
    pub path: String,
    /// JSON.
    pub body: Option<String>,
}

/// The body of an answer with a 2xx status.
pub type Answer = Result<String, RequestError>;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestError {
    /// No connection, no answer in time, or an answer that is not the API's.
    Network,
    /// The server refused.
    Refused {
        /// Why, for programs.
        code: ErrorCode,
        /// Why and what to do, for people.
        detail: String,
        /// Seconds of `Retry-After`.
        retry_after_seconds: Option<u32>,
    },
}

impl Request {
    /// Reads something.
    pub fn get(path: String) -> Self {
        Self { method: "GET", path, body: None }
    }

    /// Changes something.
    pub fn with_body(method: &'static str, path: String, body: &impl Serialize) -> Self {
        // What the API takes can be written as JSON.
        Self { method, path, body: serde_json::to_string(body).ok() }
    }
}

/// Reads an answer.
pub fn read<T: DeserializeOwned>(answer: &Answer) -> Result<T, RequestError> {
    serde_json::from_str(answer.as_ref().map_err(Clone::clone)?).map_err(|_| RequestError::Network)
}

impl RequestError {
    /// The server's code, where it refused.
    pub fn code(&self) -> Option<ErrorCode> {
        if let Self::Refused { code, .. } = self { Some(*code) } else { None }
    }

    /// How long the server asks to wait, in milliseconds.
    pub(super) fn wait_ms(&self) -> u64 {
        match self {
            Self::Refused { retry_after_seconds: Some(seconds), .. } => u64::from(*seconds) * 1_000,
            Self::Refused { .. } | Self::Network => 0,
        }
    }

    /// Why, and what to do, for people.
    pub fn into_words(self) -> String {
        match self {
            Self::Refused { detail, .. } if !detail.is_empty() => detail,
            _ => "No connection to the server just now.".into(),
        }
    }
}
