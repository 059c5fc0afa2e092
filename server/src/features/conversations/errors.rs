//! What can go wrong when people create and use conversations.

use crate::kernel::errors::{Unavailable, field_problem, not_found, through_unavailable};
use kafkatalk_protocol::{ErrorCode, Problem, limits::GROUP_MEMBERS_MAX};

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
    /// The caller has created it and left it.
    #[error("the caller has left that group")]
    NoLongerAMember,
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
    /// The caller was a member, and is not any more.
    #[error("no longer a member")]
    NotAllowed,
    /// See there.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

through_unavailable!(OpenError, ConversationError);

/// The caller was a member once.
pub(crate) fn no_longer_a_member() -> Problem {
    Problem::new(ErrorCode::NotAllowed, "You are no longer a member of this conversation.")
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
            OpenError::NoLongerAMember => no_longer_a_member(),
            OpenError::TooOften(problem) => problem,
            OpenError::Unavailable(error) => error.into(),
        }
    }
}

impl From<ConversationError> for Problem {
    fn from(error: ConversationError) -> Self {
        match error {
            ConversationError::NotFound => not_found(),
            ConversationError::NotAllowed => no_longer_a_member(),
            ConversationError::Unavailable(error) => error.into(),
        }
    }
}
