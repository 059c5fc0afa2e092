//! The one writer: batches of the tail become rows.

use super::{
    ViewsError, builds,
    cache::Cache,
    checkpoint::{read_checkpoint, write_progress},
    conversation::States,
    lock::Lock,
    pending::Pending,
    search::Indexer,
    wal::WalCopier,
    work::{Memory, Work},
};
use crate::kernel::projector::{Applied, Registry};
use again::Again;
pub use again::Reread;
use kafkatalk_log::{Batch, Checkpoint, Ledger, Stream, failpoints};
use rusqlite::Connection;
use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

mod again;

/// How long a transaction stays open for more batches after its first effects were delivered.
const COMMIT_EVERY: Duration = Duration::from_millis(25);
/// Records after which it is committed regardless.
const COMMIT_RECORDS_MAX: usize = 1_000;
/// Records and commits after which the WAL is checkpointed. A single message writes some eight pages.
const COPY_EVERY: usize = 500;

/// The one writer of a views file. It runs on the follower's thread.
pub struct Applier {
    connection: Connection,
    registry: Arc<Registry>,
    checkpoint: Checkpoint,
    states: States,
    cache: Arc<Cache>,
    pending: Arc<Pending>,
    open: Option<Open>,
    /// What is being read again, in a transaction of its own.
    again: Option<Again>,
    /// Whether the last commit failed. Until one succeeds, nothing is delivered before its commit.
    failing: bool,
    copier: WalCopier,
    indexer: Indexer,
    /// Whether the last batch reached the log's end.
    live: bool,
    /// Records and commits since the copier was last woken.
    since_copy: usize,
    _lock: Lock,
}

/// The open transaction.
struct Open {
    since: Instant,
    records: usize,
    /// Positions to add to the checkpoint.
    progress: Checkpoint,
    /// Changes of the cache, applied after the commit.
    memory: Memory,
}

/// See [`Applier::asks`].
#[derive(Debug)]
pub struct Asks(Arc<Pending>);

impl Asks {
    /// Waits until a reader waits for the commit. Cancel safe.
    pub async fn next(&self) {
        self.0.asked().await;
    }
}

impl std::fmt::Debug for Applier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Applier").field("checkpoint", &self.checkpoint).finish_non_exhaustive()
    }
}

impl Applier {
    pub(super) fn new(
        connection: Connection,
        path: &Path,
        (registry, cache, pending): (Arc<Registry>, Arc<Cache>, Arc<Pending>),
        indexer: Indexer,
        lock: Lock,
    ) -> Result<Self, ViewsError> {
        let checkpoint = read_checkpoint(&connection)?;
        let states = States::new(builds::current(&connection, &registry)?);
        Ok(Self {
            connection,
            checkpoint,
            registry,
            states,
            cache,
            pending,
            open: None,
            again: None,
            failing: false,
            copier: WalCopier::start(path)?,
            indexer,
            live: false,
            since_copy: 0,
            _lock: lock,
        })
    }

    /// Position of the committed rows: where to open the tail.
    pub fn checkpoint(&self) -> Checkpoint {
        self.checkpoint.clone()
    }

    /// Records the identity of the log that the rows are made from. False if they were made from another log: the next
    /// start begins the file anew.
    pub fn belongs_to(&mut self, log: &str) -> Result<bool, ViewsError> {
        self.commit()?;
        let held: Option<String> =
            self.connection.query_row("SELECT log FROM source", [], |row| row.get(0))?;
        match held {
            Some(held) if held == log => Ok(true),
            Some(_) => {
                self.connection.execute("UPDATE source SET name = '', log = NULL", [])?;
                Ok(false)
            }
            None => {
                self.connection.execute("UPDATE source SET log = ?1", [log])?;
                Ok(true)
            }
        }
    }

    /// Applies a batch and commits it. One [`Applied`] per entry, in their order.
    ///
    /// An error rolls back everything uncommitted: the caller opens the tail again at [`Applier::checkpoint`].
    pub fn apply(&mut self, batch: &Batch) -> Result<Vec<Applied>, ViewsError> {
        let applied = self.put(batch)?;
        self.commit()?;
        Ok(applied)
    }

    /// Like [`Applier::apply`], but a batch of messages and read positions may stay uncommitted until [`Applier::commit`].
    /// The caller commits when it is [`Applier::due`] or when [`Applier::asks`] returns. Effects may be delivered before
    /// that: [`Views::read`](super::Views::read) waits for the commit.
    pub fn put(&mut self, batch: &Batch) -> Result<Vec<Applied>, ViewsError> {
        let put = self.try_put(batch);
        if put.is_err() {
            self.roll_back();
        }
        put
    }

    fn try_put(&mut self, batch: &Batch) -> Result<Vec<Applied>, ViewsError> {
        let open = match &mut self.open {
            Some(open) => open,
            closed => {
                self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
                closed.insert(Open {
                    since: Instant::now(),
                    records: 0,
                    progress: Checkpoint::new(),
                    memory: Memory::default(),
                })
            }
        };
        let mut work = Work {
            rows: &self.connection,
            registry: &self.registry,
            cache: &self.cache,
            states: &mut self.states,
            memory: Memory::default(),
        };
        let mut applied = Vec::with_capacity(batch.entries.len());
        for entry in &batch.entries {
            applied.push(work.entry(entry)?);
        }
        let memory = work.memory;
        open.records += batch.entries.len();
        open.progress.extend(batch.progress.iter().cloned());
        self.live = batch.caught_up;
        let may_wait = batch.caught_up
            && !self.failing
            && open.records < COMMIT_RECORDS_MAX
            && memory.is_empty()
            && batch.entries.iter().all(|entry| may_wait(entry.stream));
        open.memory.extend(memory);
        self.pending.applied();
        if !may_wait {
            self.try_commit()?;
        }
        Ok(applied)
    }

    /// When to commit the open transaction, if there is one.
    pub fn due(&self) -> Option<Instant> {
        self.open.as_ref().map(|open| open.since + COMMIT_EVERY)
    }

    /// A handle that returns when a reader waits for the commit.
    pub fn asks(&self) -> Asks {
        Asks(Arc::clone(&self.pending))
    }

    /// Commits the open transaction. After an error it is rolled back.
    pub fn commit(&mut self) -> Result<(), ViewsError> {
        let committed = self.try_commit();
        if committed.is_err() {
            self.roll_back();
        }
        committed
    }

    fn try_commit(&mut self) -> Result<(), ViewsError> {
        let Some(open) = &self.open else { return Ok(()) };
        open.memory.before_commit(&self.cache);
        let mut changed = Vec::new();
        self.states.flush(&self.connection, &mut changed)?;
        write_progress(&self.connection, &open.progress)?;
        self.connection.prepare_cached("UPDATE source SET commits = commits + 1")?.execute([])?;
        failpoints::die_if(failpoints::die::IN_VIEWS_COMMIT);
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        if let Some(open) = self.open.take() {
            // Before readers are let in, or they would read the cache of before.
            open.memory.after_commit(&self.cache);
            self.checkpoint.extend(open.progress);
            self.since_copy += open.records + 1;
            // Before readers are let in, so that a search knows what to wait for.
            self.indexer.notify(&changed, open.records, self.live);
        }
        self.failing = false;
        self.pending.settle();
        if self.since_copy >= COPY_EVERY {
            self.since_copy = 0;
            self.copier.wake();
        }
        Ok(())
    }

    fn roll_back(&mut self) {
        (self.open, self.again, self.failing) = (None, None, true);
        // States may come from rows that are rolled back.
        self.states.clear();
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "rollback failed");
        }
        // Readers would wait for ever. The records are in the log, and are applied again.
        self.pending.settle();
    }
}

impl Drop for Applier {
    fn drop(&mut self) {
        self.pending.settle();
    }
}

/// Whether effects of a stream may be delivered before the commit. Not those of people and conversations, which clients
/// look up as soon as they hear of them.
fn may_wait(stream: Stream) -> bool {
    matches!(stream, Stream::Conversation(_) | Stream::Ledger(Ledger::Receipts))
}
