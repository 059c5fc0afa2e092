//! Read positions that lie ahead of the views while the log cannot be read: whose they are, so that each is looked at again
//! by one task.

use crate::limits::READS_AHEAD_MAX;
use kafkatalk_protocol::{ConversationId, Offset, UserId};
use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Mutex, PoisonError},
};

type Reader = (UserId, ConversationId);

/// The furthest position that each reader has named.
#[derive(Debug, Default)]
pub(crate) struct ReadsAhead(Mutex<HashMap<Reader, Offset>>);

impl ReadsAhead {
    /// Notes a position. Whether the caller is to look after it: not if somebody does already, or if there are too many.
    pub(crate) fn note(&self, reader: Reader, position: Offset) -> bool {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let full = waiting.len() >= READS_AHEAD_MAX;
        match waiting.entry(reader) {
            Entry::Occupied(mut noted) => {
                let furthest = position.max(*noted.get());
                noted.insert(furthest);
                false
            }
            Entry::Vacant(place) if !full => {
                place.insert(position);
                true
            }
            Entry::Vacant(_) => false,
        }
    }

    /// The furthest position of a reader so far.
    pub(crate) fn furthest(&self, reader: Reader) -> Option<Offset> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&reader).copied()
    }

    /// Nobody looks after it any more, unless a position was noted meanwhile that is further than this one: false then.
    pub(crate) fn forget(&self, reader: Reader, through: Offset) -> bool {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = waiting.get(&reader).is_none_or(|furthest| *furthest <= through);
        if is_over {
            waiting.remove(&reader);
        }
        is_over
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn reader(n: u128) -> Reader {
        (UserId(Uuid::from_u128(n)), ConversationId(Uuid::from_u128(n)))
    }

    #[test]
    fn one_task_looks_after_the_furthest_position_of_a_reader_and_there_are_not_too_many() {
        let ahead = ReadsAhead::default();
        assert!(ahead.note(reader(0), Offset(7)));
        assert!(!ahead.note(reader(0), Offset(9)) && !ahead.note(reader(0), Offset(8)));
        assert_eq!(ahead.furthest(reader(0)), Some(Offset(9)));
        let others = (1..=READS_AHEAD_MAX as u128).map(|n| ahead.note(reader(n), Offset(0)));
        assert_eq!(others.filter(|taken| *taken).count(), READS_AHEAD_MAX - 1);
        assert!(ahead.forget(reader(0), Offset(9)));
        assert!(ahead.note(reader(0), Offset(7)));
    }

    #[test]
    fn a_position_that_came_while_another_was_looked_after_is_not_forgotten_with_it() {
        let ahead = ReadsAhead::default();
        assert!(ahead.note(reader(0), Offset(7)));
        assert!(!ahead.note(reader(0), Offset(9)));
        assert!(!ahead.forget(reader(0), Offset(7)));
        assert_eq!(ahead.furthest(reader(0)), Some(Offset(9)));
        assert!(ahead.forget(reader(0), Offset(9)));
        assert_eq!(ahead.furthest(reader(0)), None);
    }
}
