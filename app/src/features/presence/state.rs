//! How things stand with people.

use crate::client::{Event, Part, Subject, Surroundings};
use kafkatalk_protocol::{ServerFrame, UserId, presence::Presence};

/// People of whom something is remembered. The server tells of no more.
const PEOPLE_MAX: usize = 4_000;

/// What is known of people, by their ids.
#[derive(Clone, Debug, Default)]
pub struct Presences(Vec<Presence>);

impl Presences {
    fn find(&self, user: UserId) -> Result<usize, usize> {
        self.0.binary_search_by(|presence| presence.user.cmp(&user))
    }

    /// Somebody came or went.
    fn put(&mut self, presence: Presence, surroundings: &mut Surroundings<'_>) {
        match self.find(presence.user) {
            Ok(index) => self.0[index] = presence,
            Err(index) if self.0.len() < PEOPLE_MAX => self.0.insert(index, presence),
            Err(_) => return,
        }
        surroundings.changed(Subject::Person(presence.user));
    }

    /// Nothing is known any more.
    fn clear(&mut self, surroundings: &mut Surroundings<'_>) {
        for presence in std::mem::take(&mut self.0) {
            surroundings.changed(Subject::Person(presence.user));
        }
    }

    /// How things stand with somebody, where that is known.
    pub fn of(&self, user: UserId) -> Option<Presence> {
        self.find(user).ok().map(|index| self.0[index])
    }
}

impl Part for Presences {
    fn on(&mut self, event: Event<'_>, surroundings: &mut Surroundings<'_>) {
        match event {
            Event::Frame(ServerFrame::Presence(presence)) => self.put(*presence, surroundings),
            Event::Frame(ServerFrame::Presences { people }) => {
                self.clear(surroundings);
                for presence in people {
                    self.put(*presence, surroundings);
                }
            }
            // Without a connection nothing is known.
            Event::Disconnected => self.clear(surroundings),
            Event::Frame(_) | Event::Typed(_) | Event::Posted | Event::Ended => {}
        }
    }
}
