//! The newest records in memory: what tails are fed from while they keep up.

use crate::Entry;
use std::collections::VecDeque;

/// A record that was committed.
#[derive(Clone)]
pub(super) struct Committed {
    pub(super) seq: u64,
    pub(super) bytes: usize,
    pub(super) entry: Entry,
}

/// All records after a base, but for erased ones; the base rises as the window overflows.
pub(super) struct Window {
    /// Records up to this number are not held.
    base: u64,
    /// The newest number that was committed.
    last: u64,
    records: VecDeque<Committed>,
    bytes: usize,
    records_max: usize,
    bytes_max: usize,
}

/// A part of the window.
pub(super) struct Part {
    pub(super) entries: Vec<Entry>,
    /// The number up to which it reaches.
    pub(super) upto: u64,
}

impl Window {
    /// An empty window after the record of that number.
    pub(super) fn new(last: u64, records_max: usize, bytes_max: usize) -> Self {
        Self { base: last, last, records: VecDeque::new(), bytes: 0, records_max, bytes_max }
    }

    /// The newest number that was committed.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// Takes in what was committed, in order, up to the number `last`, and lets go of the oldest.
    pub(super) fn push(&mut self, committed: impl IntoIterator<Item = Committed>, last: u64) {
        for record in committed {
            self.bytes += record.bytes;
            self.records.push_back(record);
        }
        self.last = last;
        while self.records.len() > self.records_max || self.bytes > self.bytes_max {
            let Some(oldest) = self.records.pop_front() else { break };
            self.bytes -= oldest.bytes;
            self.base = oldest.seq;
        }
    }

    /// Lets go of a record that was erased.
    pub(super) fn forget(&mut self, seq: u64) {
        let at = self.records.partition_point(|record| record.seq < seq);
        if self.records.get(at).is_some_and(|record| record.seq == seq)
            && let Some(record) = self.records.remove(at)
        {
            self.bytes -= record.bytes;
        }
    }

    /// Begins anew after the record of that number.
    pub(super) fn reset(&mut self, last: u64) {
        self.records.clear();
        (self.base, self.last, self.bytes) = (last, last, 0);
    }

    /// The records after a number, at most so many; `None` if some of them are no longer held.
    pub(super) fn after(&self, seq: u64, records_max: usize) -> Option<Part> {
        if seq < self.base {
            return None;
        }
        let start = self.records.partition_point(|record| record.seq <= seq);
        let entries: Vec<_> =
            self.records.range(start..).take(records_max).map(|record| record.entry.clone()).collect();
        let upto = match self.records.get(start + entries.len()) {
            Some(_) => self.records[start + entries.len() - 1].seq,
            None => self.last.max(seq),
        };
        Some(Part { entries, upto })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Record, Stream};
    use kafkatalk_protocol::{ConversationId, Offset, Timestamp};
    use proptest::prelude::*;
    use std::sync::Arc;
    use uuid::Uuid;

    fn committed(seq: u64, bytes: usize) -> Committed {
        let record = Record {
            id: Uuid::from_u128(seq.into()),
            key: None,
            kind: "k".into(),
            author: None,
            at: Timestamp::from_millis(0),
            payload: serde_json::from_str("{}").unwrap(),
        };
        let stream = Stream::Conversation(ConversationId(Uuid::nil()));
        Committed { seq, bytes, entry: Entry { stream, offset: Offset(seq), record: Arc::new(record) } }
    }

    fn seqs(part: &Part) -> Vec<u64> {
        part.entries.iter().map(|entry| entry.offset.0).collect()
    }

    #[test]
    fn a_reader_from_before_the_window_is_sent_to_the_database() {
        let mut window = Window::new(10, 2, 1_000);
        window.push((11..=14).map(|seq| committed(seq, 1)), 14);
        assert!(window.after(11, 10).is_none());
        assert_eq!(seqs(&window.after(12, 10).unwrap()), [13, 14]);
    }

    #[test]
    fn a_window_of_large_records_holds_few() {
        let mut window = Window::new(0, 100, 1_000);
        window.push((1..=5).map(|seq| committed(seq, 400)), 5);
        assert!(window.after(2, 10).is_none());
        assert_eq!(seqs(&window.after(3, 10).unwrap()), [4, 5]);
    }

    #[test]
    fn an_erased_record_is_stepped_over() {
        let mut window = Window::new(0, 100, 1_000);
        window.push((1..=3).map(|seq| committed(seq, 1)), 3);
        for seq in [2, 3] {
            window.forget(seq);
        }
        let part = window.after(0, 10).unwrap();
        assert_eq!((seqs(&part), part.upto), (vec![1], 3));
    }

    proptest! {
        #[test]
        fn a_reader_that_keeps_up_gets_every_record_once(
            commits in prop::collection::vec(1_u64..20, 1..20),
            batch in 1_usize..8,
        ) {
            let mut window = Window::new(0, 1_000, 1_000_000);
            let (mut last, mut position, mut read) = (0, 0, Vec::new());
            for count in commits {
                window.push((last + 1..=last + count).map(|seq| committed(seq, 1)), last + count);
                last += count;
                while position < last {
                    let part = window.after(position, batch).unwrap();
                    prop_assert!(part.entries.len() <= batch);
                    read.extend(seqs(&part));
                    position = part.upto;
                }
            }
            prop_assert_eq!(read, (1..=last).collect::<Vec<_>>());
        }
    }
}
