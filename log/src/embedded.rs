//! The log on one machine: SQLite in a folder, no other process needed.
//!
//! One thread writes. It takes all appends that have queued up while it was busy and commits them in one transaction
//! (group commit), so that under load many appends share one flush to disk. Every record gets a number of its own, one
//! more than the record before it, whatever its stream; a reader's [`Checkpoint`] is `{"seq": N}`, the number of the
//! last record that it holds.
//!
//! | module | holds |
//! |---|---|
//! | `folder` | the data folder and the lock that keeps a second process out |
//! | `schema` | tables, connections and their settings |
//! | `manifest` | the log's identity, and which ledgers were ever created |
//! | `writer` | the thread that appends, erases and recovers |
//! | `checkpoint` | the thread that copies the write-ahead log into the database |
//! | `window` | the newest records in memory, from which tails are fed |
//! | `reader` | reading back, on connections of their own |
//! | `look` | reading beside a process that writes |
//! | `tail` | following all streams |
//!
//! Readers never hold up the writer, and the writer never waits for a tail: one that falls behind what is in memory
//! reads the database until it has caught up.

mod checkpoint;
mod folder;
mod look;
mod manifest;
mod reader;
mod schema;
mod tail;
mod window;
mod writer;

use crate::limits::{
    APPEND_QUEUE_BYTES_MAX, APPEND_QUEUE_RECORDS_MAX, CHECKPOINT_EVERY_BYTES, PAGE_BYTES_MAX,
    PAGE_RECORDS_MAX, RECORD_BYTES_MAX, TAIL_WINDOW_BYTES_MAX, TAIL_WINDOW_RECORDS_MAX, WAL_BYTES_MAX,
};
use crate::signal::{Lane, Signal, Signals};
use crate::{
    AppendError, Checkpoint, EventLog, FEATURE_LEVEL, Health, Ledger, Level, LogIdentity, Page, ReadError,
    Record, RecordId, Stream, Tail,
};
use async_trait::async_trait;
use checkpoint::Checkpointer;
use folder::Folder;
use kafkatalk_protocol::{Offset, Timestamp};
pub use look::EmbeddedReader;
use reader::Readers;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tokio::sync::{oneshot, watch};
use uuid::Uuid;
use window::Window;
use writer::{Command, Writer};

/// The name of its file in the data folder.
pub const FILE: &str = "log.sqlite3";

/// The name of the one position in a checkpoint of this log.
const SEQ: &str = "seq";

/// What may be chosen about an embedded log. The defaults are the limits of [`crate::limits`].
#[derive(Clone, Debug)]
pub struct EmbeddedOptions {
    /// Appends that may wait for the writer; one more is refused.
    pub append_queue_records_max: usize,
    /// Bytes of the appends that may wait for the writer.
    pub append_queue_bytes_max: usize,
    /// Newest records kept in memory for tails.
    pub tail_window_records_max: usize,
    /// Bytes of the newest records kept in memory for tails.
    pub tail_window_bytes_max: usize,
    /// Once about this much was written, the write-ahead log is copied into the database.
    pub checkpoint_every_bytes: usize,
    /// A write-ahead log that is larger makes the writer pause and empty it.
    pub wal_bytes_max: u64,
    /// Ledgers to use: all, but in tests that add one later.
    pub ledgers: Vec<Ledger>,
    /// The highest feature level that the program knows: [`FEATURE_LEVEL`], but in tests.
    pub level: Level,
}

impl Default for EmbeddedOptions {
    fn default() -> Self {
        Self {
            append_queue_records_max: APPEND_QUEUE_RECORDS_MAX,
            append_queue_bytes_max: APPEND_QUEUE_BYTES_MAX,
            tail_window_records_max: TAIL_WINDOW_RECORDS_MAX,
            tail_window_bytes_max: TAIL_WINDOW_BYTES_MAX,
            checkpoint_every_bytes: CHECKPOINT_EVERY_BYTES,
            wal_bytes_max: WAL_BYTES_MAX,
            ledgers: Ledger::ALL.to_vec(),
            level: FEATURE_LEVEL,
        }
    }
}

/// Why a folder could not be opened as a log.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process writes here.
    #[error("another kafkatalk{} is using {dir}; stop it, or choose another data folder", of_process(*.process))]
    InUse {
        /// The data folder.
        dir: PathBuf,
        /// The other process, where it left its number.
        process: Option<u32>,
    },
    /// A newer version of the program wrote the log.
    #[error(
        "the log in {dir} has format {found}, this kafkatalk knows formats up to {known}; use a newer kafkatalk"
    )]
    Newer {
        /// The data folder.
        dir: PathBuf,
        /// The format that the log has.
        found: i64,
        /// The newest format that this program knows.
        known: i64,
    },
    /// The file is there, but it is not a log.
    #[error("{file} is not a log of kafkatalk: {reason}; move it away, or choose another data folder")]
    NotALog {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A newer version of the program finalised a feature level in the log.
    #[error(
        "the log in {dir} is at feature level {found}, this kafkatalk knows levels up to {known}; start a newer version"
    )]
    Level {
        /// The data folder.
        dir: PathBuf,
        /// The level that is finalised.
        found: Level,
        /// The highest level that this program knows.
        known: Level,
    },
    /// A ledger that the log had is gone.
    #[error("the ledger {ledger} was created in {file} and is gone; restore the file from a backup")]
    LedgerGone {
        /// The file.
        file: PathBuf,
        /// The ledger's name.
        ledger: &'static str,
    },
    /// The folder or a file in it cannot be used.
    #[error("cannot use the data folder {dir}: {reason}")]
    Folder {
        /// The data folder.
        dir: PathBuf,
        /// What the system says.
        reason: String,
    },
}

fn of_process(process: Option<u32>) -> String {
    process.map(|id| format!(" (process {id})")).unwrap_or_default()
}

/// What the handle, the writer and the tails share.
struct Shared {
    options: EmbeddedOptions,
    window: Mutex<Window>,
    readers: Readers,
    queued_bytes: AtomicUsize,
    health: watch::Sender<Health>,
}

impl Shared {
    fn window(&self) -> std::sync::MutexGuard<'_, Window> {
        // A panic while it was held would have left whole entries only: they are still right.
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The embedded log. Call [`EventLog::close`] before the program ends, so that the data folder is left tidy; without
/// it nothing that was acknowledged is lost.
pub struct EmbeddedLog {
    shared: Arc<Shared>,
    /// `None` once closed. The writer stops when it has written what was queued before that.
    commands: RwLock<Option<SyncSender<Command>>>,
    /// The number of the newest record. Its other end goes when the writer stops.
    committed: watch::Receiver<u64>,
    identity: LogIdentity,
    level: watch::Sender<Level>,
    signals: Lane,
}

impl EmbeddedLog {
    /// Opens the log in a folder; makes both where there is none. Blocks for some milliseconds.
    pub fn open(dir: impl AsRef<Path>, options: EmbeddedOptions) -> Result<Self, OpenError> {
        let folder = Folder::open(dir.as_ref())?;
        folder.sync_wal()?;
        let (connection, manifest) = schema::open(&folder, &options)?;
        let unidentified =
            || OpenError::NotALog { file: folder.database(), reason: "it has no identity".into() };
        let identity = manifest::identity(&manifest).ok_or_else(unidentified)?;
        let last = schema::last_seq(&connection)
            .map_err(|error| OpenError::NotALog { file: folder.database(), reason: error.to_string() })?;
        let (committed, watcher) = watch::channel(last);
        let (sender, commands) = sync_channel(options.append_queue_records_max);
        let shared = Arc::new(Shared {
            window: Mutex::new(Window::new(
                last,
                options.tail_window_records_max,
                options.tail_window_bytes_max,
            )),
            readers: Readers::new(folder.database()),
            queued_bytes: AtomicUsize::new(0),
            health: watch::Sender::new(Health::Ready),
            options,
        });
        let dir = folder.dir().to_owned();
        let unusable = |reason| OpenError::Folder { dir, reason };
        let started =
            Checkpointer::start(&folder.database(), shared.options.wal_bytes_max).and_then(|checkpointer| {
                let writer =
                    Writer::new(Arc::clone(&shared), folder, connection, checkpointer, commands, committed);
                writer.start().map_err(|error| error.to_string())
            });
        started.map_err(unusable)?;
        Ok(Self {
            shared,
            commands: RwLock::new(Some(sender)),
            committed: watcher,
            identity,
            level: watch::Sender::new(manifest.level()),
            signals: Lane::new(Uuid::new_v4()),
        })
    }

    /// Every stream that was ever written to, and the offset that its next record gets. Sorted.
    ///
    /// # Errors
    /// When the log is closed or cannot be read.
    pub async fn streams(&self) -> Result<Vec<(Stream, Offset)>, ReadError> {
        self.shared.readers.read(reader::streams).await
    }

    fn require_open(&self) -> Result<(), ReadError> {
        let ended = |_| ReadError::Unavailable("it is closed".into());
        self.committed.has_changed().map(|_| ()).map_err(ended)
    }

    /// Puts a command into the writer's queue, or refuses at once.
    fn admit(&self, bytes: usize, command: Command) -> Result<(), AppendError> {
        let commands = self.commands.read().unwrap_or_else(PoisonError::into_inner);
        let Some(sender) = commands.as_ref() else { return Err(closed()) };
        let before = self.shared.queued_bytes.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) > self.shared.options.append_queue_bytes_max {
            self.shared.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
            return Err(queue_full());
        }
        sender.try_send(command).map_err(|refused| {
            self.shared.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
            match refused {
                TrySendError::Full(_) => queue_full(),
                TrySendError::Disconnected(_) => closed(),
            }
        })
    }
}

fn closed() -> AppendError {
    AppendError::Unavailable("it is closed".into())
}

fn queue_full() -> AppendError {
    AppendError::Unavailable("too many appends are waiting".into())
}

/// Waits for the writer's answer; it answers everything that it took in, unless it died.
async fn answer(reply: oneshot::Receiver<Result<Offset, AppendError>>) -> Result<Offset, AppendError> {
    reply.await.unwrap_or_else(|_| Err(AppendError::Unknown("the writer stopped".into())))
}

#[async_trait]
impl EventLog for EmbeddedLog {
    async fn identity(&self) -> Result<LogIdentity, ReadError> {
        self.require_open()?;
        Ok(self.identity.clone())
    }

    async fn append(&self, stream: Stream, record: Record) -> Result<Offset, AppendError> {
        let bytes = record.bytes();
        if bytes > RECORD_BYTES_MAX {
            return Err(AppendError::TooLarge { bytes, max: RECORD_BYTES_MAX });
        }
        let (reply, written) = oneshot::channel();
        self.admit(bytes, Command::Append { stream, record: Arc::new(record), bytes, reply })?;
        answer(written).await
    }

    async fn prepare(&self, _stream: Stream) -> Result<(), AppendError> {
        // A stream costs one row with its first record: there is nothing to do ahead.
        let commands = self.commands.read().unwrap_or_else(PoisonError::into_inner);
        commands.as_ref().map(|_| ()).ok_or_else(closed)
    }

    async fn read(&self, stream: Stream, from: Offset, limit: usize) -> Result<Page, ReadError> {
        let limit = limit.min(PAGE_RECORDS_MAX);
        let page = move |connection: &_| reader::page(connection, stream, from, limit, PAGE_BYTES_MAX);
        self.shared.readers.read(page).await
    }

    async fn tail(&self, from: Checkpoint) -> Result<Box<dyn Tail>, ReadError> {
        self.require_open()?;
        let tail = tail::EmbeddedTail::open(Arc::clone(&self.shared), self.committed.clone(), &from)?;
        Ok(Box::new(tail))
    }

    async fn ends(&self) -> Result<Checkpoint, ReadError> {
        self.require_open()?;
        Ok([(SEQ.to_owned(), *self.committed.borrow())].into())
    }

    async fn erase(&self, stream: Stream, erased: RecordId, at: Timestamp) -> Result<Offset, AppendError> {
        let unread = |error: ReadError| AppendError::Unavailable(error.to_string());
        // Looking a record up by its id takes as long as its stream is; the writer need not wait for that.
        let search = move |connection: &_| reader::search(connection, stream, erased);
        let found = self.shared.readers.read(search).await.map_err(unread)?;
        let (reply, written) = oneshot::channel();
        self.admit(0, Command::Erase { stream, erased, found, at, reply })?;
        answer(written).await
    }

    fn publish(&self, signal: Signal) {
        self.signals.publish(signal);
    }

    fn subscribe(&self) -> Signals {
        self.signals.subscribe()
    }

    fn level(&self) -> watch::Receiver<Level> {
        self.level.subscribe()
    }

    fn health(&self) -> watch::Receiver<Health> {
        self.shared.health.subscribe()
    }

    async fn close(&self) {
        self.signals.close();
        drop(self.commands.write().unwrap_or_else(PoisonError::into_inner).take());
        let mut committed = self.committed.clone();
        // Ends with an error when the writer has dropped the other end: it is through, and the folder is free.
        while committed.changed().await.is_ok() {}
    }
}
