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

mod common;
mod compare;
mod copy;
mod error;
mod level;
mod look;

use super::{
    client::{self, Admin, Consumer},
    inventory, limits,
    log::KafkaLog,
    options::KafkaOptions,
    purpose::Purpose,
    shared::Shared,
    topics::{self, fill},
};
use crate::{EventLog, Ledger, Stream};
use common::{Common, Counts, Part};
use kafkatalk_protocol::{ConversationId, Offset};
use rdkafka::Offset as KafkaOffset;
use std::{
    collections::HashMap,
    ops::Range,
    sync::{Arc, atomic::Ordering},
    thread::sleep,
    time::{Duration, Instant},
};
use tokio::{runtime::Handle, time::interval};

pub use common::ImportFigures;
pub use error::ImportError;

/// In this order: without `users` nobody can sign in, and nothing is shown.
const LEDGERS: [Ledger; Ledger::ALL.len()] =
    [Ledger::Receipts, Ledger::Sessions, Ledger::Conversations, Ledger::Users];

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
        let admin = client::admin(shared)?;
        let consumer = client::consumer(shared, Purpose::Fetch)?;
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
            let made = fill::create_to_fill(&self.common.shared, &self.admin, ledger, untouched);
            self.common.runtime.block_on(made)?;
            self.fill(&(at..at + 1))?;
        }
        // Nobody wrote to it meanwhile.
        self.patiently(limits::PROBE_RETRY, Self::look)?;
        self.patiently(limits::PROBE_RETRY, |import| level::carry(&import.common, &import.admin))?;
        for ledger in LEDGERS {
            let taken = fill::take_into_use(&self.common.shared, &self.admin, ledger);
            self.common.runtime.block_on(taken)?;
        }
        Ok(())
    }

    /// A ledger that is not whole yet must keep all while the rest of it is written.
    fn refuse_used_ledgers(&self) -> Result<(), ImportError> {
        let begun = self.parts.iter().filter(|part| part.there > 0 && part.there < part.end);
        for part in begun.filter(|part| matches!(part.stream, Stream::Ledger(_))) {
            let keeps_all = fill::keeps_all(&self.admin, &part.topic);
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
