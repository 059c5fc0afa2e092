//! Errors of the use cases, and how clients hear of them.
//!
//! Which to use where: each operation of a feature has its own enum, in the feature's folder, so that its signature says what
//! can go wrong. All of them hold [`Unavailable`] for what can go wrong anywhere, and have a `From<...> for Problem` beside
//! them, which chooses code and words; HTTP answers and `error` frames are both made from that `Problem`.

use super::views::ViewsError;
use crate::{limits::RETRY_AFTER, secrets::SecretError};
use kafkatalk_log::{AppendError, ReadError};
use kafkatalk_protocol::{ErrorCode, FieldError, Problem, text::TextError};

/// What can go wrong in any use case, through no fault of the caller.
#[derive(Debug, thiserror::Error)]
pub enum Unavailable {
    /// The log did not take the record, or did not say.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The log cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The record is in the log; this node's views have not come to it in time.
    #[error("this node's views are behind the log")]
    Behind,
    /// It is not in this node's views, and may be in the log all the same.
    #[error("this node's views have not come to the ledgers' end")]
    NotReplicatedYet,
    /// Some node on this log does not know that kind of record yet.
    #[error("the feature level is not finalised")]
    LevelNotFinalised,
    /// The caller asks for more than they may.
    #[error("asked too often")]
    TooOften(Box<Problem>),
    /// The views failed.
    #[error(transparent)]
    Views(#[from] ViewsError),
    /// Passwords or tokens failed.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The views say what cannot be.
    #[error("{0}")]
    Impossible(&'static str),
}

/// Errors that hold [`Unavailable`] take up what makes one.
macro_rules! through_unavailable {
    ($($error:ident),+ $(,)?) => {$(
        impl From<$crate::kernel::views::ViewsError> for $error {
            fn from(error: $crate::kernel::views::ViewsError) -> Self {
                Self::Unavailable(error.into())
            }
        }
        impl From<$crate::secrets::SecretError> for $error {
            fn from(error: $crate::secrets::SecretError) -> Self {
                Self::Unavailable(error.into())
            }
        }
    )+};
}
pub(crate) use through_unavailable;

impl Unavailable {
    /// A rate limit was reached.
    pub fn too_often(problem: Problem) -> Self {
        Self::TooOften(Box::new(problem))
    }
}

impl From<Unavailable> for Problem {
    fn from(error: Unavailable) -> Self {
        let (code, detail) = match &error {
            Unavailable::TooOften(problem) => return (**problem).clone(),
            Unavailable::Append(AppendError::TooLarge { .. }) => {
                (ErrorCode::TooLarge, "The log does not take records of that size; send less at once.")
            }
            Unavailable::Append(AppendError::Unavailable(_)) => {
                (ErrorCode::LogUnavailable, "Nothing was written. Try again in a moment.")
            }
            Unavailable::Append(AppendError::Unknown(_)) | Unavailable::Behind => (
                ErrorCode::LogUnavailable,
                "It is not known whether this was done. Look whether it was, and try again in a moment.",
            ),
            Unavailable::NotReplicatedYet => (
                ErrorCode::LogUnavailable,
                "This server does not know of it yet, or it is not there. Nothing was done. Try again in a moment.",
            ),
            // Not for a client to repeat by itself: it may last as long as an upgrade does.
            Unavailable::LevelNotFinalised => {
                (ErrorCode::Conflict, "Nothing was done. This works once all servers run the same version.")
            }
            Unavailable::Read(_) => {
                (ErrorCode::LogUnavailable, "The log cannot be read now. Try again in a moment.")
            }
            Unavailable::Secret(SecretError::Busy) => {
                (ErrorCode::RateLimited, "Too many people are signing in just now. Try again in a moment.")
            }
            Unavailable::Views(ViewsError::BadCursor) => {
                return field_problem("before", "This is no cursor of this list; begin again without it.");
            }
            Unavailable::Views(ViewsError::Indexing) => (
                ErrorCode::LogUnavailable,
                "This server is still reading the messages that are to be searched. Try again in a moment.",
            ),
            Unavailable::Views(ViewsError::Busy) => {
                (ErrorCode::LogUnavailable, "This server has too much to do. Try again in a moment.")
            }
            Unavailable::Views(_) | Unavailable::Secret(_) | Unavailable::Impossible(_) => (
                ErrorCode::Internal,
                "Something went wrong on this server. Try again; its log has the reason.",
            ),
        };
        // Logged once, here, at the boundary: callers learn less than operators do.
        if code == ErrorCode::Internal {
            tracing::error!(%error, "request failed");
        } else {
            tracing::debug!(%error, "request rejected (retryable)");
        }
        let mut problem = Self::new(code, detail);
        if matches!(code, ErrorCode::LogUnavailable | ErrorCode::RateLimited) {
            problem.retry_after = Some(RETRY_AFTER.as_secs());
        }
        problem
    }
}

/// The same where only the words for an unknown outcome differ.
pub(crate) fn with_unknown(error: Unavailable, words: &str) -> Problem {
    let unknown = matches!(error, Unavailable::Append(AppendError::Unknown(_)) | Unavailable::Behind);
    let mut problem = Problem::from(error);
    if unknown {
        problem.detail = words.into();
    }
    problem
}

/// An input problem about one field.
pub fn field_problem(field: &str, detail: impl Into<String>) -> Problem {
    let detail = detail.into();
    let mut problem = Problem::new(ErrorCode::InvalidInput, detail.clone());
    problem.errors.push(FieldError { field: field.into(), detail });
    problem
}

/// The same for a text that breaks the rules.
pub fn text_problem(field: &str, error: TextError) -> Problem {
    field_problem(field, error.to_string())
}

pub(crate) fn not_found() -> Problem {
    Problem::new(ErrorCode::NotFound, "Not found.")
}
