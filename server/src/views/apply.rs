//! The one writer: batches of the tail become rows.

mod known;
mod ledgers;
mod messages;

use super::{
    Applied, Change, IgnoreReason, ViewsError,
    cache::{Cache, Members, TokenHash},
    lock::Lock,
    pending::Pending,
    schema,
    search::Indexer,
    wal::WalCopier,
};
use kafkatalk_log::{Batch, Checkpoint, Entry, Ledger, Record, Stream, failpoints};
use kafkatalk_protocol::{
    ConversationId,
    event::{
        ConversationCreated, Event, MessagePosted, ReceiptRead, SessionEnded, SessionStarted, UserClaimed,
    },
};
use known::{Known, KnownCache};
use rusqlite::Connection;
use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

/// How long a transaction stays open for more, once people are shown what is in it.
const COMMIT_EVERY: Duration = Duration::from_millis(25);
/// Records after which it is committed in any case.
const COMMIT_RECORDS_MAX: usize = 1_000;
/// Records and commits after which the write-ahead log is copied into the file. A message by itself writes some eight pages.
const COPY_EVERY: usize = 500;

/// The one writer of a views file. It lives where the tail is followed.
pub struct Applier {
    connection: Connection,
    checkpoint: Checkpoint,
    known: KnownCache,
    cache: Arc<Cache>,
    pending: Arc<Pending>,
    open: Option<Open>,
    /// Whether the last commit failed. Until one succeeds, nothing is told before its commit.
    failing: bool,
    copier: WalCopier,
    indexer: Indexer,
    /// Whether the last batch was at the log's end.
    live: bool,
    /// Records and commits since the copier was last woken.
    since_copy: usize,
    _lock: Lock,
}

/// The transaction that is open.
struct Open {
    since: Instant,
    records: usize,
    /// What it adds to the checkpoint.
    progress: Checkpoint,
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
        cache: Arc<Cache>,
        pending: Arc<Pending>,
        indexer: Indexer,
        lock: Lock,
    ) -> Result<Self, ViewsError> {
        let checkpoint = read_checkpoint(&connection)?;
        Ok(Self {
            connection,
            checkpoint,
            known: KnownCache::default(),
            cache,
            pending,
            open: None,
            failing: false,
            copier: WalCopier::start(path)?,
            indexer,
            live: false,
            since_copy: 0,
            _lock: lock,
        })
    }

    /// How far the committed rows have come: where to open the tail.
    pub fn checkpoint(&self) -> Checkpoint {
        self.checkpoint.clone()
    }

    /// Applies a batch and commits it. One [`Applied`] per entry, in their order.
    ///
    /// An error takes back all that was not committed: the tail is to be opened anew at [`Applier::checkpoint`].
    pub fn apply(&mut self, batch: &Batch) -> Result<Vec<Applied>, ViewsError> {
        let applied = self.take_in(batch)?;
        self.commit()?;
        Ok(applied)
    }

    /// The same, but a batch of messages and read positions may stay uncommitted until [`Applier::commit`], which is to be
    /// called when it is [`Applier::due`] or when [`Applier::asks`] tells. What they changed may be told at once:
    /// [`Views::read`](super::Views::read) waits for the commit.
    pub fn take_in(&mut self, batch: &Batch) -> Result<Vec<Applied>, ViewsError> {
        let taken = self.try_take_in(batch);
        if taken.is_err() {
            self.take_back();
        }
        taken
    }

    fn try_take_in(&mut self, batch: &Batch) -> Result<Vec<Applied>, ViewsError> {
        let open = match &mut self.open {
            Some(open) => open,
            closed => {
                self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
                closed.insert(Open { since: Instant::now(), records: 0, progress: Checkpoint::new() })
            }
        };
        let mut work =
            Work { rows: &self.connection, known: &mut self.known, ended: Vec::new(), opened: Vec::new() };
        let mut applied = Vec::with_capacity(batch.entries.len());
        for entry in &batch.entries {
            let change = work.entry(entry)?;
            if let Change::Posted { message, .. } = &change {
                self.cache.placed(message.conversation, message.sender.id, message.id);
            }
            applied.push(Applied {
                record: entry.record.id,
                stream: entry.stream,
                offset: entry.offset,
                change,
            });
        }
        let (ended, opened) = (work.ended, work.opened);
        open.records += batch.entries.len();
        open.progress.extend(batch.progress.iter().cloned());
        self.live = batch.caught_up;
        let may_wait = batch.caught_up
            && !self.failing
            && open.records < COMMIT_RECORDS_MAX
            && batch.entries.iter().all(|entry| may_wait(entry.stream));
        self.pending.applied();
        if !may_wait {
            self.try_commit()?;
        }
        self.cache.end_sessions(&ended);
        for (conversation, members) in &opened {
            self.cache.keep_members(*conversation, members);
        }
        Ok(applied)
    }

    /// When to commit what waits for it, if anything does.
    pub fn due(&self) -> Option<Instant> {
        self.open.as_ref().map(|open| open.since + COMMIT_EVERY)
    }

    /// Tells when a reader waits for the commit.
    pub fn asks(&self) -> Asks {
        Asks(Arc::clone(&self.pending))
    }

    /// Commits what waits for it. After an error it is as if that had not been taken in.
    pub fn commit(&mut self) -> Result<(), ViewsError> {
        let committed = self.try_commit();
        if committed.is_err() {
            self.take_back();
        }
        committed
    }

    fn try_commit(&mut self) -> Result<(), ViewsError> {
        let Some(open) = &self.open else { return Ok(()) };
        let mut changed = Vec::new();
        self.known.flush(&self.connection, &mut changed)?;
        write_progress(&self.connection, &open.progress)?;
        self.connection.prepare_cached("UPDATE source SET commits = commits + 1")?.execute([])?;
        failpoints::die_if(failpoints::die::IN_VIEWS_COMMIT);
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        if let Some(open) = self.open.take() {
            self.checkpoint.extend(open.progress);
            self.since_copy += open.records + 1;
            // Before readers are let in, so that a search knows what to wait for.
            self.indexer.told(&changed, open.records, self.live);
        }
        self.failing = false;
        self.pending.settle();
        if self.since_copy >= COPY_EVERY {
            self.since_copy = 0;
            self.copier.wake();
        }
        Ok(())
    }

    fn take_back(&mut self) {
        (self.open, self.failing) = (None, true);
        // What is remembered may come from rows that are rolled back.
        self.known = KnownCache::default();
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "the views cannot take back what failed");
        }
        // Readers would wait for ever. What they miss is in the log, and comes again.
        self.pending.settle();
    }
}

impl Drop for Applier {
    fn drop(&mut self) {
        self.pending.settle();
    }
}

/// Whether what a stream says may be told before it is committed. Not who people are and which conversations there are:
/// that is looked up as soon as it is told.
fn may_wait(stream: Stream) -> bool {
    matches!(stream, Stream::Conversation(_) | Stream::Ledger(Ledger::Receipts))
}

/// One batch.
struct Work<'a> {
    rows: &'a Connection,
    known: &'a mut KnownCache,
    /// Sessions that ended.
    ended: Vec<TokenHash>,
    /// Conversations that are seen from now on.
    opened: Vec<(ConversationId, Arc<Members>)>,
}

impl Work<'_> {
    fn entry(&mut self, entry: &Entry) -> Result<Change, ViewsError> {
        match entry.stream {
            Stream::Conversation(conversation) => self.in_conversation(conversation, entry),
            Stream::Ledger(ledger) => self.in_ledger(ledger, &entry.record),
        }
    }

    fn in_conversation(&mut self, conversation: ConversationId, entry: &Entry) -> Result<Change, ViewsError> {
        let record = &*entry.record;
        if entry.offset.0 > schema::OFFSET_MAX {
            return Ok(ignored(IgnoreReason::OutOfRange));
        }
        match &*record.kind {
            MessagePosted::KIND => {
                with(record, |event| self.message(conversation, entry.offset, record, event))
            }
            Record::ERASED => self.erase(conversation, record),
            _ => Ok(ignored(IgnoreReason::UnknownKind)),
        }
    }

    fn in_ledger(&mut self, ledger: Ledger, record: &Record) -> Result<Change, ViewsError> {
        match (ledger, &*record.kind) {
            (Ledger::Users, UserClaimed::KIND) => with(record, |event| self.claimed(record, event)),
            (Ledger::Sessions, SessionStarted::KIND) => {
                with(record, |event| self.session_started(record, event))
            }
            (Ledger::Sessions, SessionEnded::KIND) => {
                with(record, |event| self.session_ended(record, &event))
            }
            (Ledger::Conversations, ConversationCreated::KIND) => {
                with(record, |event| self.created(record, event))
            }
            (Ledger::Receipts, ReceiptRead::KIND) => with(record, |event| self.read(record, &event)),
            _ => Ok(ignored(IgnoreReason::UnknownKind)),
        }
    }

    /// Takes a conversation that is seen; to be given back with [`Work::give_back`].
    fn take(&mut self, conversation: ConversationId) -> Result<Option<Known>, ViewsError> {
        match self.known.take(conversation) {
            Some(known) => Ok(Some(known)),
            None => Known::load(self.rows, conversation),
        }
    }

    fn give_back(&mut self, known: Known) {
        self.known.keep(known);
    }
}

fn ignored(reason: IgnoreReason) -> Change {
    Change::Ignored { reason }
}

/// Parses the payload; a malformed one counts for nothing.
fn with<E: Event>(
    record: &Record,
    apply: impl FnOnce(E) -> Result<Change, ViewsError>,
) -> Result<Change, ViewsError> {
    match serde_json::from_str(record.payload.get()) {
        Ok(event) => apply(event),
        Err(_) => Ok(ignored(IgnoreReason::Malformed)),
    }
}

pub(super) fn read_checkpoint(rows: &Connection) -> Result<Checkpoint, ViewsError> {
    let mut positions = rows.prepare("SELECT name, position FROM checkpoint")?;
    let found = positions.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?)))?;
    found
        .map(|position| {
            let (name, position) = position?;
            let whole = u64::try_from(position);
            whole
                .map(|position| (name, position))
                .map_err(|_| ViewsError::Damaged("a negative position".into()))
        })
        .collect()
}

fn write_progress(rows: &Connection, progress: &Checkpoint) -> Result<(), ViewsError> {
    let mut write = rows.prepare_cached(
        "INSERT INTO checkpoint (name, position) VALUES (?1, ?2)
         ON CONFLICT (name) DO UPDATE SET position = excluded.position",
    )?;
    for (name, position) in progress {
        let position = i64::try_from(*position).map_err(|_| {
            ViewsError::Storage(format!("the log's position {position} is larger than the views can keep"))
        })?;
        write.execute((name, position))?;
    }
    Ok(())
}
