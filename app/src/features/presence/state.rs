//! How things stand with people.

use kafkatalk_protocol::{UserId, presence::Presence};

/// People of whom something is remembered; the server tells of no more.
const PEOPLE_MAX: usize = 4_000;

/// What is known of people, by their ids.
#[derive(Clone, Debug, Default)]
pub(crate) struct Presences(Vec<Presence>);

impl Presences {
    fn find(&self, user: UserId) -> Result<usize, usize> {
        self.0.binary_search_by(|presence| presence.user.cmp(&user))
    }

    /// Somebody came or went.
    pub(crate) fn put(&mut self, presence: Presence) {
        match self.find(presence.user) {
            Ok(index) => self.0[index] = presence,
            Err(index) if self.0.len() < PEOPLE_MAX => self.0.insert(index, presence),
            Err(_) => {}
        }
    }

    /// Nothing is known any more; of whom something was.
    pub(crate) fn clear(&mut self) -> Vec<Presence> {
        std::mem::take(&mut self.0)
    }

    /// How things stand with somebody, where that is known.
    pub(crate) fn of(&self, user: UserId) -> Option<Presence> {
        self.find(user).ok().map(|index| self.0[index])
    }
}
