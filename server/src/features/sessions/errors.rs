//! What can go wrong when a session ends.

use crate::kernel::errors::{Unavailable, not_found, through_unavailable};
use kafkatalk_protocol::Problem;

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

through_unavailable!(SessionError);

impl From<SessionError> for Problem {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::NotFound => not_found(),
            SessionError::Unavailable(error) => error.into(),
        }
    }
}
