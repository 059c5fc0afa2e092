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
