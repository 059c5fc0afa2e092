//! Errors of the use cases, and how clients hear of them.
//!
//! Which to use where: each operation has its own enum, so that its signature says what can go wrong. All of them hold
//! [`Unavailable`] for what can go wrong anywhere. `From<…> for Problem`, at the end of this file, is the one place that
//! chooses code and words; HTTP answers and `error` frames are both made from that `Problem`.

use crate::{limits::RETRY_AFTER, secrets::SecretError, views::ViewsError};
use kafkatalk_log::{AppendError, ReadError};
use kafkatalk_protocol::{ErrorCode, FieldError, Problem, limits::GROUP_MEMBERS_MAX, text::TextError};

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
    NotHereYet,
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

/// Registering.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// Somebody was first.
    #[error("that username is taken")]
    Taken,
    /// The name is theirs; the session is not there.
    #[error("registered, but not signed in: {0}")]
    NotSignedIn(#[source] Unavailable),
    /// See there.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Signing in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// No such user, or not their password; which of both is not told.
    #[error("wrong username or password")]
    WrongCredentials,
    /// See there.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Opening a conversation.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Nobody has these names.
    #[error("nobody is called {0:?}")]
    NoSuchUsers(Vec<String>),
    /// A conversation with oneself.
    #[error("a conversation needs another person")]
    Alone,
    /// More people than a conversation may have.
    #[error("a conversation has at most {GROUP_MEMBERS_MAX} members")]
    TooMany,
    /// The caller has created a group with other people under the same id.
    #[error("that id is taken by another group of the same person")]
    OtherPeople,
    /// More new ones than this person may open.
    #[error("too many new conversations")]
    TooOften(Problem),
    /// See there.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Reading or writing within a conversation.
#[derive(Debug, thiserror::Error)]
pub enum ConversationError {
    /// Not there, or the caller is no member: they are not to know which.
    #[error("no such conversation")]
    NotFound,
    /// See there.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Saying something.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// As for reading.
    #[error("no such conversation")]
    NotFound,
    /// See there.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl From<ConversationError> for SendError {
    fn from(error: ConversationError) -> Self {
        match error {
            ConversationError::NotFound => Self::NotFound,
            ConversationError::Unavailable(error) => Self::Unavailable(error),
        }
    }
}

/// Ending a session.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// Not there, or another's.
    #[error("no such session")]
    NotFound,
    /// See there.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

macro_rules! through_unavailable {
    ($($error:ident),+) => {$(
        impl From<ViewsError> for $error {
            fn from(error: ViewsError) -> Self {
                Self::Unavailable(error.into())
            }
        }
        impl From<SecretError> for $error {
            fn from(error: SecretError) -> Self {
                Self::Unavailable(error.into())
            }
        }
    )+};
}
through_unavailable!(RegisterError, SignInError, OpenError, ConversationError, SendError, SessionError);

impl From<Unavailable> for Problem {
    fn from(error: Unavailable) -> Self {
        let (code, detail) = match &error {
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
            Unavailable::NotHereYet => (
                ErrorCode::LogUnavailable,
                "This server does not know of it yet, or it is not there. Nothing was done. Try again in a moment.",
            ),
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
            tracing::error!(%error, "a use case failed");
        } else {
            tracing::debug!(%error, "a use case was put off");
        }
        let mut problem = Self::new(code, detail);
        if matches!(code, ErrorCode::LogUnavailable | ErrorCode::RateLimited) {
            problem.retry_after = Some(RETRY_AFTER.as_secs());
        }
        problem
    }
}

/// The same where only the words for an unknown outcome differ.
fn with_unknown(error: Unavailable, words: &str) -> Problem {
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

fn not_found() -> Problem {
    Problem::new(ErrorCode::NotFound, "There is nothing here, or nothing that you may see.")
}

impl From<RegisterError> for Problem {
    fn from(error: RegisterError) -> Self {
        match error {
            RegisterError::Taken => {
                let detail = "Somebody has that username. Choose another, or sign in if it is yours.";
                let mut problem = Self::new(ErrorCode::UsernameTaken, detail);
                problem.errors.push(FieldError { field: "username".into(), detail: detail.into() });
                problem
            }
            RegisterError::NotSignedIn(error) => {
                let mut problem = Self::from(error);
                problem.detail =
                    "You are registered, but could not be signed in. Sign in in a moment.".into();
                problem
            }
            RegisterError::Unavailable(error) => with_unknown(
                error,
                "It is not known whether you are registered. Sign in in a moment; if that fails, register again.",
            ),
        }
    }
}

impl From<SendError> for Problem {
    fn from(error: SendError) -> Self {
        match error {
            SendError::NotFound => not_found(),
            SendError::Unavailable(error) => with_unknown(
                error,
                "It is not known whether this was written. Send the same again, under the same id, in a moment.",
            ),
        }
    }
}

impl From<SignInError> for Problem {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::WrongCredentials => Self::new(
                ErrorCode::WrongCredentials,
                "That username and password do not go together. Check both, or register first.",
            ),
            SignInError::Unavailable(error) => error.into(),
        }
    }
}

impl From<OpenError> for Problem {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::NoSuchUsers(names) => {
                field_problem("members", format!("Nobody here is called {}.", names.join(" or ")))
            }
            OpenError::Alone => field_problem("members", "Name another person; you are a member already."),
            OpenError::TooMany => field_problem(
                "members",
                format!("A conversation has at most {GROUP_MEMBERS_MAX} members; name fewer people."),
            ),
            OpenError::OtherPeople => Self::new(
                ErrorCode::Conflict,
                "You have created a group with other people under this id. Choose a new id for a new group.",
            ),
            OpenError::TooOften(problem) => problem,
            OpenError::Unavailable(error) => error.into(),
        }
    }
}

impl From<ConversationError> for Problem {
    fn from(error: ConversationError) -> Self {
        match error {
            ConversationError::NotFound => not_found(),
            ConversationError::Unavailable(error) => error.into(),
        }
    }
}

impl From<SessionError> for Problem {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::NotFound => not_found(),
            SessionError::Unavailable(error) => error.into(),
        }
    }
}
