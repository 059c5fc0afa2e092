//! Who is online, and when somebody last was.

mod dot;
mod state;
mod words;

pub(crate) use dot::OnlineDot;
pub use state::Presences;
pub(crate) use words::words;

use crate::client::{People, Subject};
use crate::live::Live;
use kafkatalk_protocol::{UserId, presence::Presence};

/// The other one of a conversation of two.
pub(crate) fn peer(people: &People) -> Option<UserId> {
    people.others.first().filter(|_| people.group.is_none()).map(|user| user.id)
}

/// How things stand with a person, where that is known. Tracks that alone.
pub(crate) fn presence_of(live: Live, user: UserId) -> Option<Presence> {
    live.read_part(Subject::Person(user), |presences: &Presences| presences.of(user)).flatten()
}
