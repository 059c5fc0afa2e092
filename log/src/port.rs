//! The port. To add an adapter: implement [`EventLog`] and [`Tail`], and pass the contract suite: `tests/contract.rs`
//! says how. What is promised here and can be tested is tested there, for every adapter alike.
//!
//! What an adapter promises:
//!
//! - *Durable*: after [`EventLog::append`] returns, a crash of this process (embedded) or of one broker in three (Kafka)
//!   loses nothing.
//! - *Ordered and whole*: the tail hands out every record of every stream, each stream in offset order, without gaps or
//!   repeats, from a checkpoint on; the same for every reader. Between streams there is no order.
//! - *Readable*: any range of a stream can be read back by absolute offset.
//! - *Forgetful on request*: after an erasure, and within a bounded time, the content is gone from the log's own files.
//! - *Honest*: when it cannot promise that, it returns an error that says whether the record may have been written.
//! - *Bounded*: every queue, batch and wait in it has a named limit.

use crate::{
    record::{Entry, Page, Record, RecordId, Stream},
    signal::{Signal, Signals},
};
use async_trait::async_trait;
use kafkatalk_protocol::{Offset, Timestamp};
use std::{collections::BTreeMap, fmt, sync::Arc};
use tokio::sync::watch;

/// How far a reader of the tail has come: named positions that mean something to the adapter alone.
///
/// A reader keeps it beside what it derived from the records, in one transaction, by writing each [`Batch::progress`]
/// over it. Empty means from the beginning.
pub type Checkpoint = BTreeMap<String, u64>;

/// Which log it is: a text that stays the same across restarts and on all nodes, and that another log does not have, even
/// one that took this one's place in the same folder or on the same brokers. What is derived from a log is kept beside its
/// identity, and begun anew where that differs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LogIdentity(Arc<str>);

impl LogIdentity {
    pub(crate) fn new(text: String) -> Self {
        Self(text.into())
    }

    /// The text, of letters, digits and `/ . _ -`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LogIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What versions of the program know of kinds of records. A kind that takes a right away, or that changes what others see,
/// is written only once the level that includes it is finalised: see [`EventLog::level`].
///
/// | level | includes |
/// |---|---|
/// | 0 | the kinds of versions that knew of no levels |
/// | 1 | kinds that change or delete messages |
/// | 2 | kinds that change who is in a conversation, and its name |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Level(pub u32);

/// The highest level that this program knows.
pub const FEATURE_LEVEL: Level = Level(2);

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A log of streams. See the module's promises.
#[async_trait]
pub trait EventLog: Send + Sync + 'static {
    /// Which log it is. Waits until the log was reached for the first time; a caller that cannot wait for brokers that are
    /// away sets a limit of its own. Fails once the log is closed.
    async fn identity(&self) -> Result<LogIdentity, ReadError>;

    /// Appends a record and says at which offset it is durable.
    ///
    /// The record is kept to the letter: its payload's white space, escapes and order of fields included. Two records
    /// with the same id are two records. Appends that are under way at once get their offsets in any order; one that
    /// begins after another has returned comes after it.
    ///
    /// Dropping the future does not take the record back: it may or may not be written. Where the log's queue is full,
    /// an append is refused as [`AppendError::Unavailable`], at once or after a short, bounded wait.
    async fn append(&self, stream: Stream, record: Record) -> Result<Offset, AppendError>;

    /// Makes ready what a first append to the stream needs, so that it is as fast as any other. Idempotent.
    async fn prepare(&self, stream: Stream) -> Result<(), AppendError>;

    /// Reads at most `limit` records from an offset on. A stream that was never written to reads as empty, and so does
    /// one from its end or from beyond it. A page may hold fewer than asked for; unless it is the last, it makes
    /// progress. What an append had returned before the read began is in it.
    async fn read(&self, stream: Stream, from: Offset, limit: usize) -> Result<Page, ReadError>;

    /// Follows all streams from a checkpoint on. A reader that is slow, or that reads nothing at all, delays neither
    /// appends nor other readers, and misses nothing. A checkpoint that is ahead of the log is refused as
    /// [`ReadError::Damaged`], where the adapter can tell: the log is not the one that the reader followed.
    async fn tail(&self, from: Checkpoint) -> Result<Box<dyn Tail>, ReadError>;

    /// How far the ledgers go now: positions that a reader's [`Checkpoint`] has reached once it was handed all that any
    /// append to a ledger, on whatever node, had returned for before this call; on Kafka, as far as the broker knows that
    /// leads the ledger, or believes to.
    async fn ends(&self) -> Result<Checkpoint, ReadError>;

    /// Forgets a record's content for good. Appends a record of kind [`Record::ERASED`] under the same key, at the
    /// returned offset; the erased record's place becomes a hole, within a bounded time. An id that is not in the stream
    /// changes nothing else.
    async fn erase(&self, stream: Stream, erased: RecordId, at: Timestamp) -> Result<Offset, AppendError>;

    /// Forgets several records of a stream, in this order: the same as [`Self::erase`] for each, and cheaper where an
    /// erasure takes long.
    async fn erase_all(
        &self,
        stream: Stream,
        erased: &[RecordId],
        at: Timestamp,
    ) -> Result<Vec<Offset>, AppendError> {
        let mut offsets = Vec::with_capacity(erased.len());
        for id in erased {
            offsets.push(self.erase(stream, *id, at).await?);
        }
        Ok(offsets)
    }

    /// Tells subscribers, on all nodes, what may be lost. Never waits: a signal that is too large, or for which there is no
    /// room, is dropped. Subscribers on this node hear it at once, others if and when it reaches them.
    fn publish(&self, signal: Signal);

    /// Hears what is published from now on, on whatever node: no signal twice, and those of one node in their order. A
    /// subscriber that does not keep up delays nobody; it loses the oldest.
    fn subscribe(&self) -> Signals;

    /// Whether the log can take appends now; changes wake the watcher.
    fn health(&self) -> watch::Receiver<Health>;

    /// The level that is finalised: every node that follows the log knows it. It is recorded in the log, is never lowered,
    /// and rises by itself to the highest that all live nodes know; changes wake the watcher. A program that knows only a
    /// lower one cannot open the log. Level 0 until the log was reached.
    ///
    /// On Kafka it rises while a tail is open, for that is what hears of other nodes: once nobody was heard for a while who
    /// knows less.
    fn level(&self) -> watch::Receiver<Level>;

    /// The highest level that all live nodes know, once this node has listened for long enough to say; where it is lower than
    /// what one waits for, a node of an older version is there. Changes wake the watcher. A closed watch where only one node
    /// can be there, and [`Self::level`] says all.
    fn known_level(&self) -> watch::Receiver<Option<Level>> {
        watch::Sender::new(None).subscribe()
    }

    /// How many nodes follow this log now, as far as this one hears of them; itself included.
    fn nodes(&self) -> usize {
        1
    }

    /// Writes out what is queued and stops. Appends after this fail as [`AppendError::Unavailable`]; tails end.
    async fn close(&self);
}

/// A reader that follows all streams. Not for sharing: every reader opens its own.
#[async_trait]
pub trait Tail: Send {
    /// Waits for the next records, at least one entry or some progress; `None` once the log is closed. Cancel safe.
    ///
    /// A reader that had everything when it opened the tail is told so at once, by a batch without entries.
    async fn next(&mut self) -> Result<Option<Batch>, ReadError>;
}

/// Records that came next, and the progress that they make.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Each stream in offset order.
    pub entries: Vec<Entry>,
    /// Positions to write over the reader's [`Checkpoint`].
    pub progress: Vec<(String, u64)>,
    /// Whether, with this batch, the reader holds all that was in the log when it opened the tail. Stays true.
    pub caught_up: bool,
    /// Records known to lie between this batch and the log's end, where the adapter knows.
    pub lag: u64,
}

/// Whether the log can take appends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// It can.
    Ready,
    /// It cannot; why, for an operator.
    Unavailable(String),
}

/// An append that was not acknowledged.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppendError {
    /// The record was not written, for sure: the log is closed, full or not reachable, or its queue is full.
    #[error("the log cannot take records now: {0}")]
    Unavailable(String),
    /// The record may have been written: the log failed or fell silent in the middle.
    #[error("the log did not say whether it kept the record: {0}")]
    Unknown(String),
    /// The record is larger than the log takes; not written.
    #[error("a record of {bytes} bytes is larger than the log takes ({max})")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        max: usize,
    },
}

impl AppendError {
    /// Whether the record may be in the log all the same.
    pub fn may_be_written(&self) -> bool {
        matches!(self, Self::Unknown(_))
    }
}

/// A read that failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReadError {
    /// Not now: the log is closed or not reachable.
    #[error("the log cannot be read now: {0}")]
    Unavailable(String),
    /// What is stored is not what was written.
    #[error("the log is damaged: {0}")]
    Damaged(String),
}
