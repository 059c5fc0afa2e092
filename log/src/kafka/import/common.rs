//! What the parts of an import share.

use super::error::ImportError;
use crate::{EventLog, Page, ReadError, Record, Stream, kafka::shared::Shared};
use kafkatalk_protocol::Offset;
use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};
use tokio::runtime::Handle;

/// What an import has come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImportFigures {
    /// Streams of the source.
    pub streams: u64,
    /// Records written.
    pub records: u64,
    /// Messages written in the place of erased records.
    pub holes: u64,
    /// Offsets that were there before this import began.
    pub before: u64,
    /// Records and holes read back and found the same.
    pub compared: u64,
    /// Offsets known to be left to write.
    pub left: u64,
    /// Time since the beginning.
    pub took: Duration,
}

/// A stream and its topic.
pub(super) struct Part {
    pub(super) stream: Stream,
    pub(super) topic: Arc<str>,
    /// Where the stream ends.
    pub(super) end: u64,
    /// Where the topic ends.
    pub(super) there: u64,
    /// Up to where both were found the same.
    pub(super) compared: u64,
}

#[derive(Default)]
pub(super) struct Counts {
    pub(super) streams: AtomicU64,
    pub(super) records: AtomicU64,
    pub(super) holes: AtomicU64,
    pub(super) before: AtomicU64,
    pub(super) compared: AtomicU64,
    pub(super) total: AtomicU64,
}

impl Counts {
    pub(super) fn figures(&self, begun: Instant) -> ImportFigures {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let (records, holes, before) = (of(&self.records), of(&self.holes), of(&self.before));
        ImportFigures {
            streams: of(&self.streams),
            records,
            holes,
            before,
            compared: of(&self.compared),
            left: of(&self.total).saturating_sub(records + holes + before),
            took: begun.elapsed(),
        }
    }
}

/// What the threads share.
pub(super) struct Common {
    pub(super) shared: Arc<Shared>,
    pub(super) source: Arc<dyn EventLog>,
    pub(super) runtime: Handle,
    pub(super) counts: Arc<Counts>,
}

impl Common {
    pub(super) fn page(&self, stream: Stream, from: u64, limit: usize) -> Result<Page, ImportError> {
        let page = self.runtime.block_on(self.source.read(stream, Offset(from), limit))?;
        if page.next.0 <= from {
            let why = format!("the log being read ends at offset {from} of {stream}, before its end");
            return Err(ReadError::Damaged(why).into());
        }
        Ok(page)
    }
}

/// An offset of the source, and the record there; none where it was erased.
pub(super) type Place = (u64, Option<Arc<Record>>);

/// Every offset of a page, the holes among them, up to the stream's end.
pub(super) fn laid_out(from: u64, end: u64, page: Page) -> VecDeque<Place> {
    let upto = page.next.0.min(end);
    let mut places = VecDeque::with_capacity(usize::try_from(upto.saturating_sub(from)).unwrap_or(0));
    let mut next = from;
    for entry in page.entries.into_iter().take_while(|entry| entry.offset.0 < upto) {
        places.extend((next..entry.offset.0).map(|hole| (hole, None)));
        next = entry.offset.0 + 1;
        places.push_back((entry.offset.0, Some(entry.record)));
    }
    places.extend((next..upto).map(|hole| (hole, None)));
    places
}

/// Runs the same on a few threads, which hear of the first failure.
pub(super) fn in_parallel(
    threads: usize,
    work: impl Fn(&AtomicBool) -> Result<(), ImportError> + Sync,
) -> Result<(), ImportError> {
    let (first, stopped) = (Mutex::new(None), AtomicBool::new(false));
    let run = || {
        if let Err(error) = work(&stopped) {
            first.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
            stopped.store(true, Ordering::Relaxed);
        }
    };
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(run);
        }
    });
    first.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Entry, Ledger};
    use kafkatalk_protocol::Timestamp;
    use uuid::Uuid;

    fn page(offsets: &[u64], next: u64) -> Page {
        let stream = Stream::Ledger(Ledger::Users);
        let record = |id| Record::erasing(Uuid::from_u128(id), Uuid::nil(), None, Timestamp::from_millis(1));
        let entry =
            |at: &u64| Entry { stream, offset: Offset(*at), record: Arc::new(record(u128::from(*at))) };
        Page { entries: offsets.iter().map(entry).collect(), next: Offset(next), end: Offset(99) }
    }

    fn places(from: u64, end: u64, page: Page) -> Vec<(u64, bool)> {
        laid_out(from, end, page).into_iter().map(|(at, record)| (at, record.is_some())).collect()
    }

    #[test]
    fn what_a_page_leaves_out_is_a_hole() {
        let found = places(3, 99, page(&[4, 5, 8], 10));
        let expected = [(3, false), (4, true), (5, true), (6, false), (7, false), (8, true), (9, false)];
        assert_eq!(found, expected);
        assert_eq!(places(0, 99, page(&[], 2)), [(0, false), (1, false)]);
    }

    #[test]
    fn what_lies_beyond_the_end_is_left_out() {
        assert_eq!(places(0, 2, page(&[0, 3], 5)), [(0, true), (1, false)]);
    }
}
