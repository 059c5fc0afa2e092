//! Which records were handed out last, to tell a late record from another one in its place.
//!
//! A record that comes after its offset was handed out is nothing new, if it is the record that was handed out. If it is
//! not, the topic no longer holds what was read of it: it was cut short, or made anew, and written to since.

use super::limits;
use crate::{Entry, RecordId, Stream};
use kafkatalk_protocol::Offset;
use std::collections::{HashMap, VecDeque};

#[derive(Default)]
pub(super) struct Recent {
    ids: HashMap<(Stream, Offset), RecordId>,
    order: VecDeque<(Stream, Offset)>,
}

/// What is remembered of an offset.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// That very record.
    Same,
    /// Another.
    Other,
    /// Nothing: it was a hole, or too long ago.
    Unknown,
}

impl Recent {
    pub(super) fn note(&mut self, entries: &[Entry]) {
        for entry in entries {
            let at = (entry.stream, entry.offset);
            if self.ids.insert(at, entry.record.id).is_none() {
                self.order.push_back(at);
            }
            if self.order.len() > limits::RECENT_MAX
                && let Some(oldest) = self.order.pop_front()
            {
                self.ids.remove(&oldest);
            }
        }
    }

    pub(super) fn compare(&self, stream: Stream, offset: u64, id: RecordId) -> Seen {
        match self.ids.get(&(stream, Offset(offset))) {
            Some(known) if *known == id => Seen::Same,
            Some(_) => Seen::Other,
            None => Seen::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Ledger, Record};
    use kafkatalk_protocol::Timestamp;
    use std::sync::Arc;
    use uuid::Uuid;

    const STREAM: Stream = Stream::Ledger(Ledger::Users);

    fn entry(offset: u64) -> Entry {
        let payload = serde_json::value::RawValue::from_string("{}".into()).unwrap();
        let (id, kind, at) = (Uuid::from_u128(offset.into()), "test".into(), Timestamp::default());
        let record = Arc::new(Record { id, key: None, kind, author: None, at, payload });
        Entry { stream: STREAM, offset: Offset(offset), record }
    }

    #[test]
    fn a_late_record_is_told_from_another_in_its_place() {
        let mut recent = Recent::default();
        recent.note(&[entry(1)]);
        assert_eq!(recent.compare(STREAM, 1, Uuid::from_u128(1)), Seen::Same);
        assert_eq!(recent.compare(STREAM, 1, Uuid::from_u128(9)), Seen::Other);
        assert_eq!(recent.compare(STREAM, 2, Uuid::from_u128(2)), Seen::Unknown);
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let mut recent = Recent::default();
        let most = limits::RECENT_MAX as u64;
        recent.note(&(0..=most).map(entry).collect::<Vec<_>>());
        assert_eq!(recent.ids.len(), limits::RECENT_MAX);
        assert_eq!(recent.compare(STREAM, 0, Uuid::from_u128(0)), Seen::Unknown);
        assert_eq!(recent.compare(STREAM, most, Uuid::from_u128(most.into())), Seen::Same);
    }
}
