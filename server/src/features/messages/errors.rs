//! What can go wrong when people post messages.

use crate::{
    features::conversations::errors::{ConversationError, no_longer_a_member},
    kernel::errors::{Unavailable, not_found, through_unavailable, with_unknown},
};
use kafkatalk_protocol::Problem;

/// Posting a message.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// As for reading.
    #[error("no such conversation")]
    NotFound,
    /// As for reading.
    #[error("no longer a member")]
    NotAllowed,
    /// Too many messages at once.
    #[error("too many messages")]
    TooOften(Problem),
    /// See there.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl From<ConversationError> for SendError {
    fn from(error: ConversationError) -> Self {
        match error {
            ConversationError::NotFound => Self::NotFound,
            ConversationError::NotAllowed => Self::NotAllowed,
            ConversationError::Unavailable(error) => Self::Unavailable(error),
        }
    }
}

through_unavailable!(SendError);

impl From<SendError> for Problem {
    fn from(error: SendError) -> Self {
        match error {
            SendError::NotFound => not_found(),
            SendError::NotAllowed => no_longer_a_member(),
            SendError::TooOften(problem) => problem,
            SendError::Unavailable(error) => with_unknown(
                error,
                "It is not known whether this was written. Send the same again, under the same id, in a moment.",
            ),
        }
    }
}
