//! Taking over another log: every record of it at the same offset, byte for byte, and a message that stands for nothing
//! in the place of each that was erased.
//!
//! Conversations come first, then the ledgers, `users` last. Nodes do not start on a half of it: they refuse a log whose
//! ledgers are missing beside conversations, and a ledger that is being filled keeps all (`cleanup.policy=delete` without
//! an end), which they refuse as well. It becomes a ledger of theirs when everything has been read back and compared.
//!
//! The feature level goes with the records; the identity does not, for a log in another place is another log.
//!
//! What is there already is compared before anything is written, so that an import that was interrupted goes on, and a
//! topic that holds something else is left as it is. After a failure whose outcome nobody knows the same is done again:
//! look where the topics end, compare, go on from there.

mod compare;
mod copy;
mod error;
mod level;
mod look;

use super::{
    Consumer, KafkaLog, KafkaOptions,
    client::Client,
    inventory, limits,
    options::Purpose,
    shared::Shared,
    topics::{self, Admin},
};
use crate::{EventLog, Ledger, Page, ReadError, Record, Stream};
use kafkatalk_protocol::{ConversationId, Offset};
use rdkafka::Offset as KafkaOffset;
use std::{
    collections::{HashMap, VecDeque},
    ops::Range,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, sleep},
    time::{Duration, Instant},
};
use tokio::{runtime::Handle, time::interval};

pub use error::ImportError;

/// In this order: without `users` nobody can sign in, and nothing is shown.
const LEDGERS: [Ledger; Ledger::ALL.len()] =
    [Ledger::Receipts, Ledger::Sessions, Ledger::Conversations, Ledger::Users];

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
struct Part {
    stream: Stream,
    topic: Arc<str>,
    /// Where the stream ends.
    end: u64,
    /// Where the topic ends.
    there: u64,
    /// Up to where both were found the same.
    compared: u64,
}

#[derive(Default)]
struct Counts {
    streams: AtomicU64,
    records: AtomicU64,
    holes: AtomicU64,
    before: AtomicU64,
    compared: AtomicU64,
    total: AtomicU64,
}

impl Counts {
    fn figures(&self, begun: Instant) -> ImportFigures {
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
struct Common {
    shared: Arc<Shared>,
    source: Arc<dyn EventLog>,
    runtime: Handle,
    counts: Arc<Counts>,
}

struct Import {
    common: Common,
    admin: Admin,
    consumer: Consumer,
    /// The conversations, then [`LEDGERS`].
    parts: Vec<Part>,
}

impl KafkaLog {
    /// Takes over another log whose streams end at these offsets, and to which nobody appends meanwhile: every record at
    /// its own offset, byte for byte, compared in the end. An import that was interrupted goes on where it stopped.
    /// `tell` hears now and then how far it is.
    ///
    /// # Errors
    /// See [`ImportError`]. When the target holds something else, nothing was changed.
    pub async fn import(
        options: KafkaOptions,
        source: Arc<dyn EventLog>,
        streams: Vec<(Stream, Offset)>,
        mut tell: impl FnMut(&ImportFigures),
    ) -> Result<ImportFigures, ImportError> {
        let (begun, counts) = (Instant::now(), Arc::new(Counts::default()));
        let names = options.check()?;
        let common = Common {
            shared: Arc::new(Shared::new(options, names)),
            source,
            runtime: Handle::current(),
            counts: Arc::clone(&counts),
        };
        // Ends the threads where the caller no longer waits.
        let _guard = CloseOnDrop(Arc::clone(&common.shared));
        let mut running =
            tokio::task::spawn_blocking(move || Import::new(common, &streams).and_then(|mut it| it.run()));
        let mut tick = interval(limits::IMPORT_TELL_EVERY);
        tick.tick().await;
        loop {
            tokio::select! {
                ended = &mut running => {
                    ended.unwrap_or_else(|error| Err(ImportError::Brokers(error.to_string())))?;
                    return Ok(counts.figures(begun));
                }
                _ = tick.tick() => tell(&counts.figures(begun)),
            }
        }
    }
}

struct CloseOnDrop(Arc<Shared>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Common {
    fn page(&self, stream: Stream, from: u64, limit: usize) -> Result<Page, ImportError> {
        let page = self.runtime.block_on(self.source.read(stream, Offset(from), limit))?;
        if page.next.0 <= from {
            let why = format!("the log being read ends at offset {from} of {stream}, before its end");
            return Err(ReadError::Damaged(why).into());
        }
        Ok(page)
    }
}

/// An offset of the source, and the record there; none where it was erased.
type Place = (u64, Option<Arc<Record>>);

/// Every offset of a page, the holes among them, up to the stream's end.
fn laid_out(from: u64, end: u64, page: Page) -> VecDeque<Place> {
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

impl Import {
    fn new(common: Common, streams: &[(Stream, Offset)]) -> Result<Self, ImportError> {
        let shared = &common.shared;
        let part = |stream: Stream, end: u64| Part {
            stream,
            topic: shared.names.of(stream).into(),
            end,
            there: 0,
            compared: 0,
        };
        let conversations = streams.iter().filter(|(stream, _)| matches!(stream, Stream::Conversation(_)));
        // A log that nobody ever signed in to has a ledger of sessions all the same.
        let ends: HashMap<_, _> = streams.iter().copied().collect();
        let end = |stream| ends.get(&stream).map_or(0, |end| end.0);
        let ledgers = LEDGERS.map(Stream::Ledger).map(|stream| part(stream, end(stream)));
        let parts = conversations.map(|(stream, end)| part(*stream, end.0)).chain(ledgers).collect();
        common.counts.total.store(streams.iter().map(|(_, end)| end.0).sum(), Ordering::Relaxed);
        common.counts.streams.store(streams.len() as u64, Ordering::Relaxed);
        let admin = shared.options.client(Purpose::Admin, Client(Arc::clone(shared)))?;
        let consumer = shared.options.consumer(Purpose::Fetch, Client(Arc::clone(shared)))?;
        Ok(Self { common, admin, consumer, parts })
    }

    fn run(&mut self) -> Result<(), ImportError> {
        self.patiently(limits::PROBE_RETRY, Self::look)?;
        let before = self.parts.iter().map(|part| part.there).sum();
        self.common.counts.before.store(before, Ordering::Relaxed);
        self.patiently(limits::PROBE_RETRY, |import| compare::all(&import.common, &mut import.parts))?;
        self.patiently(limits::PROBE_RETRY, |import| import.refuse_used_ledgers())?;
        let conversations = self.parts.len() - LEDGERS.len();
        self.make_conversations()?;
        self.fill(&(0..conversations))?;
        for (at, ledger) in (conversations..).zip(LEDGERS) {
            let untouched = self.parts[at].there == 0 && self.parts[at].end > 0;
            let made = topics::create_to_fill(&self.common.shared, &self.admin, ledger, untouched);
            self.common.runtime.block_on(made)?;
            self.fill(&(at..at + 1))?;
        }
        // Nobody wrote to it meanwhile.
        self.patiently(limits::PROBE_RETRY, Self::look)?;
        self.patiently(limits::PROBE_RETRY, |import| level::carry(&import.common, &import.admin))?;
        for ledger in LEDGERS {
            let taken = topics::take_into_use(&self.common.shared, &self.admin, ledger);
            self.common.runtime.block_on(taken)?;
        }
        Ok(())
    }

    /// A ledger that is not whole yet must keep all while the rest of it is written.
    fn refuse_used_ledgers(&self) -> Result<(), ImportError> {
        let begun = self.parts.iter().filter(|part| part.there > 0 && part.there < part.end);
        for part in begun.filter(|part| matches!(part.stream, Stream::Ledger(_))) {
            let keeps_all = topics::keeps_all(&self.admin, &part.topic);
            if !self.common.runtime.block_on(keeps_all)? {
                let topic = Arc::clone(&part.topic);
                return Err(ImportError::Topic(format!(
                    "the topic {topic} holds the beginning of its ledger and may already forget: the log was moved \
                     before and went on since, or somebody else filled it; choose another topic prefix"
                )));
            }
        }
        Ok(())
    }

    fn make_conversations(&self) -> Result<(), ImportError> {
        let left = self.parts.iter().filter(|part| part.there < part.end);
        let id = |part: &Part| if let Stream::Conversation(id) = part.stream { Some(id) } else { None };
        let missing: Vec<ConversationId> = left.filter_map(id).collect();
        for batch in missing.chunks(limits::CREATE_BATCH_MAX) {
            let made = topics::create_conversations(&self.common.shared, &self.admin, batch);
            for answer in self.common.runtime.block_on(made)? {
                answer.map_err(ImportError::Topic)?;
            }
        }
        Ok(())
    }

    /// Copies what is left of some streams and compares it, until nothing is left.
    fn fill(&mut self, some: &Range<usize>) -> Result<(), ImportError> {
        self.patiently(limits::IMPORT_SETTLE_WAIT, |import| {
            while !import.pass(some.clone())? {}
            Ok(())
        })
    }

    /// Does something again where the brokers failed, as long as that gets anywhere.
    fn patiently(
        &mut self,
        wait: Duration,
        step: impl Fn(&mut Self) -> Result<(), ImportError>,
    ) -> Result<(), ImportError> {
        let (mut least, mut fruitless) = (u64::MAX, 0);
        loop {
            let failure = match step(self) {
                Err(error) if error.may_pass() && !self.common.shared.is_closed() => error,
                ended => return ended,
            };
            let left = self.parts.iter().map(|part| part.end - part.there).sum();
            fruitless = if left < least { 0 } else { fruitless + 1 };
            least = least.min(left);
            if fruitless >= limits::IMPORT_FRUITLESS_MAX {
                return Err(failure);
            }
            tracing::warn!("looking again in {wait:?}: {failure}");
            sleep(wait);
        }
    }

    /// Whether all is there and the same; copies what is not.
    fn pass(&mut self, some: Range<usize>) -> Result<bool, ImportError> {
        // Nothing was sent: nothing has to settle before the next look.
        self.patiently(limits::PROBE_RETRY, Self::look)?;
        compare::all(&self.common, &mut self.parts[some.clone()])?;
        let left: Vec<_> = self.parts[some].iter().filter(|part| part.there < part.end).collect();
        if left.is_empty() {
            return Ok(true);
        }
        copy::all(&self.common, &left)?;
        Ok(false)
    }

    /// Looks how far the topics go.
    fn look(&mut self) -> Result<(), ImportError> {
        let shared = &self.common.shared;
        let topics = inventory::topics_of(shared, &self.consumer)?;
        let ends = inventory::offsets(&self.consumer, &topics, KafkaOffset::End)?;
        let mut parts: HashMap<_, _> = self.parts.iter_mut().map(|part| (part.stream, part)).collect();
        for topic in &topics {
            look::at(topic, shared.options.replication_factor, &ends, &mut parts)?;
        }
        // What is left of them has no topic, or none that this broker has heard of.
        match parts.values().find(|part| part.there > 0) {
            None => Ok(()),
            Some(part) => {
                Err(ImportError::Brokers(format!("the broker does not know the topic {}", part.topic)))
            }
        }
    }
}

/// Runs the same on a few threads, which hear of the first failure.
fn in_parallel(
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
    use crate::Entry;
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
