//! How things stand with the other ones of conversations of two.

use kafkatalk_protocol::{ConversationId, UserId, presence::Presence};
use std::collections::BTreeMap;

/// People of whom something is remembered; the server tells of no more.
const PEOPLE_MAX: usize = 4_000;

/// What is known of people, by the conversation that the viewer has with each alone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Presences(BTreeMap<ConversationId, Presence>);

impl Presences {
    /// Somebody came or went. The conversation in which that is news.
    pub(crate) fn put(&mut self, presence: Presence, viewer: UserId) -> Option<ConversationId> {
        let pair = ConversationId::of_pair(viewer, presence.user);
        if self.0.len() >= PEOPLE_MAX && !self.0.contains_key(&pair) {
            return None;
        }
        (self.0.insert(pair, presence) != Some(presence)).then_some(pair)
    }

    /// All that is known now. The conversations that this may be news for.
    pub(crate) fn replace(&mut self, people: Vec<Presence>, viewer: UserId) -> Vec<ConversationId> {
        let mut changed = self.clear();
        changed.extend(people.into_iter().filter_map(|presence| self.put(presence, viewer)));
        changed
    }

    /// Nothing is known any more; of which conversations something was.
    pub(crate) fn clear(&mut self) -> Vec<ConversationId> {
        std::mem::take(&mut self.0).into_keys().collect()
    }

    /// The other one of a conversation of two.
    pub(crate) fn peer(&self, conversation: ConversationId) -> Option<Presence> {
        self.0.get(&conversation).copied()
    }
}
