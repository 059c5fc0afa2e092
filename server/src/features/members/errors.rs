//! What can go wrong when people change a group.

use super::project::Membership;
use crate::{
    features::conversations::errors::{ConversationError, no_longer_a_member},
    kernel::errors::{Unavailable, field_problem, not_found, through_unavailable, with_unknown},
};
use kafkatalk_protocol::{ErrorCode, Problem, limits::GROUP_MEMBERS_MAX};

/// Why a group was not changed.
#[derive(Debug, thiserror::Error)]
pub enum MembersError {
    /// There is no such conversation for the caller, or no such member in it.
    #[error("no such conversation or member")]
    NotFound,
    /// The caller was a member, and is not any more.
    #[error("no longer a member")]
    NotAMember,
    /// The caller's role does not let them.
    #[error("not allowed")]
    NotAllowed,
    /// A conversation of two people stays one.
    #[error("not a group")]
    NotAGroup,
    /// Nobody has these names.
    #[error("nobody is called {0:?}")]
    NoSuchUsers(Vec<String>),
    /// Nobody was named.
    #[error("nobody was named")]
    Nobody,
    /// More people than a group may have.
    #[error("a group has at most {GROUP_MEMBERS_MAX} members")]
    TooMany,
    /// The group would have no owner.
    #[error("the last owner")]
    LastOwner,
    /// Too many changes at once.
    #[error("too many changes")]
    TooOften(Problem),
    /// See there.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

through_unavailable!(MembersError);

impl From<ConversationError> for MembersError {
    fn from(error: ConversationError) -> Self {
        match error {
            ConversationError::NotFound => Self::NotFound,
            ConversationError::NotAllowed => Self::NotAMember,
            ConversationError::Unavailable(error) => Self::Unavailable(error),
        }
    }
}

impl From<MembersError> for Problem {
    fn from(error: MembersError) -> Self {
        match error {
            MembersError::NotFound => not_found(),
            MembersError::NotAMember => no_longer_a_member(),
            MembersError::NotAllowed => {
                Self::new(ErrorCode::NotAllowed, "Your role in this group does not allow this.")
            }
            MembersError::NotAGroup => Self::new(
                ErrorCode::Conflict,
                "This is a conversation of two people. Create a group to talk with more.",
            ),
            MembersError::NoSuchUsers(names) => {
                field_problem("members", format!("Nobody here is called {}.", names.join(" or ")))
            }
            MembersError::Nobody => field_problem("members", "Name at least one person."),
            MembersError::TooMany => field_problem(
                "members",
                format!("A group has at most {GROUP_MEMBERS_MAX} members; name fewer people."),
            ),
            MembersError::LastOwner => {
                Self::new(ErrorCode::Conflict, "A group needs an owner. Make somebody else an owner first.")
            }
            MembersError::TooOften(problem) => problem,
            MembersError::Unavailable(error) => with_unknown(
                error,
                "It is not known whether this was done. Look at the group again in a moment.",
            ),
        }
    }
}

/// What the use case answers. A group that was so already is as it was asked for.
pub(super) fn answer(outcome: Membership) -> Result<(), MembersError> {
    match outcome {
        Membership::Done | Membership::Unchanged => Ok(()),
        Membership::NotAllowed => Err(MembersError::NotAllowed),
        Membership::NotAGroup => Err(MembersError::NotAGroup),
        Membership::TooMany => Err(MembersError::TooMany),
        Membership::NotAMember => Err(MembersError::NotFound),
        Membership::LastOwner => Err(MembersError::LastOwner),
    }
}
