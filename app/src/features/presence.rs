//! Who is online, and when somebody last was.

mod dot;
pub(crate) mod state;
mod words;

pub(crate) use dot::OnlineDot;
pub(crate) use words::words;

use crate::client::People;
use kafkatalk_protocol::UserId;

/// The other one of a conversation of two.
pub(crate) fn peer(people: &People) -> Option<UserId> {
    people.others.first().filter(|_| people.group.is_none()).map(|user| user.id)
}
