//! The log on one machine: SQLite in a folder, no other process needed.
//!
//! One thread writes. It takes all appends that have queued up while it was busy and commits them in one transaction
//! (group commit), so that under load many appends share one flush to disk. Every record gets a number of its own, one
//! more than the record before it, whatever its stream; a reader's [`Checkpoint`] is `{"seq": N}`, the number of the
//! last record that it holds.
//!
//! | module | holds |
//! |---|---|
//! | `options`, `error` | what may be chosen; why a folder cannot be opened |
//! | `folder` | the data folder and the lock that keeps a second process out |
//! | `schema`, `names` | tables, connections and their settings; the names of streams in them |
//! | `manifest` | the log's identity, and which ledgers were ever created |
//! | `writer` | the thread that appends, erases and recovers |
//! | `checkpoint` | the thread that copies the write-ahead log into the database |
//! | `window` | the newest records in memory, from which tails are fed |
//! | `reader` | reading back, on connections of their own |
//! | `look` | reading beside a process that writes |
//! | `tail` | following all streams |
//! | `shared` | what the handle, the writer and the tails share |
//!
//! Readers never hold up the writer, and the writer never waits for a tail: one that falls behind what is in memory
//! reads the database until it has caught up.

mod checkpoint;
mod error;
mod folder;
mod look;
mod manifest;
mod names;
mod options;
mod reader;
mod schema;
mod shared;
mod tail;
mod window;
mod writer;

use crate::limits::{PAGE_BYTES_MAX, PAGE_RECORDS_MAX, RECORD_BYTES_MAX};
use crate::signal::{Lane, Signal, Signals};
use crate::{
    AppendError, Checkpoint, EventLog, Health, Level, LogIdentity, Page, ReadError, Record, RecordId, Stream,
    Tail,
};
use async_trait::async_trait;
use checkpoint::Checkpointer;
use folder::Folder;
use kafkatalk_protocol::{Offset, Timestamp};
use reader::{Readers, SEQ};
use shared::Shared;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tokio::sync::{oneshot, watch};
use uuid::Uuid;
use window::Window;
use writer::{Writer, command::Command};

pub use error::OpenError;
pub use folder::FILE;
pub use look::EmbeddedReader;
pub use options::EmbeddedOptions;

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
