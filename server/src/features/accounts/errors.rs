//! What can go wrong when people register and sign in.

use crate::kernel::errors::{Unavailable, through_unavailable, with_unknown};
use kafkatalk_protocol::{ErrorCode, FieldError, Problem};

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

through_unavailable!(RegisterError, SignInError);

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

impl From<SignInError> for Problem {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::WrongCredentials => {
                Self::new(ErrorCode::WrongCredentials, "Incorrect username or password.")
            }
            SignInError::Unavailable(error) => error.into(),
        }
    }
}
