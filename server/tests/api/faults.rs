//! A log on which a test can make things go wrong.

use async_trait::async_trait;
use kafkatalk_log::{
    AppendError, Batch, Checkpoint, EventLog, Health, Ledger, Level, LogIdentity, Page, ReadError, Record,
    RecordId, Signal, Signals, Stream, Tail,
    embedded::{EmbeddedLog, EmbeddedOptions},
};
use kafkatalk_protocol::{ConversationId, Offset, Timestamp};
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::sync::watch;

/// What goes wrong with the tail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum TailFault {
    #[default]
    Nothing,
    /// It says nothing.
    Waits,
    /// It says that it fails.
    Fails,
    /// It hands out positions that are larger than the views can keep.
    Outgrows,
    /// It takes its reader along.
    Panics,
}

/// What goes wrong when it is closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum CloseFault {
    #[default]
    Nothing,
    /// It does not come to an end.
    Waits,
}

/// What goes wrong.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    /// With the tail.
    pub(crate) tail: TailFault,
    /// Appends are not answered.
    pub(crate) appends_wait: bool,
    /// Nobody knows how far the ledgers go.
    pub(crate) ends_fail: bool,
    /// Who asks how far the ledgers go is told late, what was so when they asked.
    pub(crate) ends_wait: bool,
    /// Conversations seem to end there, as a broker shows them that does not know yet how far they go.
    pub(crate) reads_end_at: Option<Offset>,
    /// Reads of this conversation are not answered.
    pub(crate) reads_wait_in: Option<ConversationId>,
    /// With its end.
    pub(crate) close: CloseFault,
    /// Nothing can be appended to this ledger.
    pub(crate) refuses: Option<Ledger>,
}

/// The embedded log with faults. Clones share them.
#[derive(Clone)]
pub(crate) struct Faulty {
    log: Arc<EmbeddedLog>,
    faults: watch::Sender<Faults>,
    ends_asked: Arc<AtomicUsize>,
    short_reads: Arc<AtomicUsize>,
    stuck_reads: watch::Sender<usize>,
}

impl Faulty {
    pub(crate) fn open(folder: &Path, faults: Faults) -> Self {
        let log = EmbeddedLog::open(folder, EmbeddedOptions::default()).unwrap();
        Self {
            log: Arc::new(log),
            faults: watch::Sender::new(faults),
            ends_asked: Arc::default(),
            short_reads: Arc::default(),
            stuck_reads: watch::Sender::default(),
        }
    }

    /// Until so many appends wait for an answer, beside the one tail that every node has.
    pub(crate) async fn until_waiting(&self, appends: usize) {
        while self.faults.receiver_count() <= appends {
            tokio::task::yield_now().await;
        }
    }

    /// The same log as another node sees it, with faults of its own.
    pub(crate) fn beside(&self) -> Self {
        Self {
            log: Arc::clone(&self.log),
            faults: watch::Sender::default(),
            ends_asked: Arc::default(),
            short_reads: Arc::default(),
            stuck_reads: watch::Sender::default(),
        }
    }

    /// How often it was asked how far the ledgers go.
    pub(crate) fn ends_asked(&self) -> usize {
        self.ends_asked.load(Ordering::Relaxed)
    }

    /// Until so many reads of a conversation were asked for and not answered.
    pub(crate) async fn until_reads_stuck(&self, reads: usize) {
        self.stuck_reads.subscribe().wait_for(|stuck| *stuck >= reads).await.unwrap();
    }

    /// How many reads of a conversation were asked for and not answered.
    pub(crate) fn stuck_reads(&self) -> usize {
        *self.stuck_reads.borrow()
    }

    /// Until a conversation was read whose end is not shown.
    pub(crate) async fn until_a_short_read(&self) {
        while self.short_reads.load(Ordering::Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
    }

    /// From now on these.
    pub(crate) fn set(&self, faults: Faults) {
        self.faults.send_replace(faults);
    }
}

#[async_trait]
impl EventLog for Faulty {
    async fn identity(&self) -> Result<LogIdentity, ReadError> {
        self.log.identity().await
    }

    async fn append(&self, stream: Stream, record: Record) -> Result<Offset, AppendError> {
        self.faults.subscribe().wait_for(|faults| !faults.appends_wait).await.unwrap();
        let refused = self.faults.borrow().refuses;
        if refused.is_some_and(|ledger| stream == Stream::Ledger(ledger)) {
            return Err(AppendError::Unavailable("as the test asked".into()));
        }
        self.log.append(stream, record).await
    }

    async fn prepare(&self, stream: Stream) -> Result<(), AppendError> {
        self.log.prepare(stream).await
    }

    async fn read(&self, stream: Stream, from: Offset, limit: usize) -> Result<Page, ReadError> {
        let stuck = |faults: &Faults| faults.reads_wait_in.map(Stream::Conversation) == Some(stream);
        if stuck(&self.faults.borrow()) {
            self.stuck_reads.send_modify(|reads| *reads += 1);
            self.faults.subscribe().wait_for(|faults| !stuck(faults)).await.unwrap();
        }
        let mut page = self.log.read(stream, from, limit).await?;
        let ends_at = self.faults.borrow().reads_end_at;
        if let (Some(end), Stream::Conversation(_)) = (ends_at, stream) {
            page.entries.retain(|entry| entry.offset < end);
            (page.next, page.end) = (page.next.min(end), page.end.min(end));
            self.short_reads.fetch_add(1, Ordering::Relaxed);
        }
        Ok(page)
    }

    async fn tail(&self, from: Checkpoint) -> Result<Box<dyn Tail>, ReadError> {
        if self.faults.borrow().tail == TailFault::Fails {
            return Err(ReadError::Unavailable("as the test asked".into()));
        }
        let tail = self.log.tail(from).await?;
        Ok(Box::new(FaultyTail { tail, faults: self.faults.subscribe() }))
    }

    async fn ends(&self) -> Result<Checkpoint, ReadError> {
        if self.faults.borrow().ends_fail {
            return Err(ReadError::Unavailable("as the test asked".into()));
        }
        let ends = self.log.ends().await;
        self.ends_asked.fetch_add(1, Ordering::Relaxed);
        self.faults.subscribe().wait_for(|faults| !faults.ends_wait).await.unwrap();
        ends
    }

    async fn erase(&self, stream: Stream, erased: RecordId, at: Timestamp) -> Result<Offset, AppendError> {
        self.log.erase(stream, erased, at).await
    }

    async fn erase_all(
        &self,
        stream: Stream,
        erased: &[RecordId],
        at: Timestamp,
    ) -> Result<Vec<Offset>, AppendError> {
        self.log.erase_all(stream, erased, at).await
    }

    fn publish(&self, signal: Signal) {
        self.log.publish(signal);
    }

    fn subscribe(&self) -> Signals {
        self.log.subscribe()
    }

    fn level(&self) -> watch::Receiver<Level> {
        self.log.level()
    }

    fn health(&self) -> watch::Receiver<Health> {
        self.log.health()
    }

    async fn close(&self) {
        self.faults.subscribe().wait_for(|faults| faults.close == CloseFault::Nothing).await.unwrap();
        self.log.close().await;
    }
}

struct FaultyTail {
    tail: Box<dyn Tail>,
    faults: watch::Receiver<Faults>,
}

#[async_trait]
impl Tail for FaultyTail {
    async fn next(&mut self) -> Result<Option<Batch>, ReadError> {
        loop {
            let now = self.faults.borrow_and_update().tail;
            assert!(now != TailFault::Panics, "the test asked for a panic");
            if now == TailFault::Fails {
                return Err(ReadError::Unavailable("as the test asked".into()));
            }
            tokio::select! {
                biased;
                changed = self.faults.changed() => changed.unwrap(),
                next = self.tail.next(), if now != TailFault::Waits => {
                    return next.map(|batch| batch.map(|batch| handed_out(batch, now)));
                }
            }
        }
    }
}

fn handed_out(mut batch: Batch, fault: TailFault) -> Batch {
    if fault == TailFault::Outgrows {
        batch.progress.iter_mut().for_each(|(_, position)| *position = u64::MAX);
    }
    batch
}
