//! The one writer: batches of the tail become rows.

mod known;
mod ledgers;
mod messages;

use super::{
    Applied, Change, IgnoreReason, ViewsError,
    cache::{Cache, Members, TokenHash},
    schema,
};
use kafkatalk_log::{Batch, Checkpoint, Entry, Ledger, Record, Stream};
use kafkatalk_protocol::{
    ConversationId,
    event::{
        ConversationCreated, Event, MessagePosted, ReceiptRead, SessionEnded, SessionStarted, UserClaimed,
    },
};
use known::{Known, KnownCache};
use rusqlite::{Connection, TransactionBehavior};
use std::{fs::File, sync::Arc};

/// The one writer of a views file. It lives where the tail is followed.
pub struct Applier {
    connection: Connection,
    checkpoint: Checkpoint,
    known: KnownCache,
    cache: Arc<Cache>,
    _lock: File,
}

impl std::fmt::Debug for Applier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Applier").field("checkpoint", &self.checkpoint).finish_non_exhaustive()
    }
}

impl Applier {
    pub(super) fn new(connection: Connection, cache: Arc<Cache>, lock: File) -> Result<Self, ViewsError> {
        let checkpoint = read_checkpoint(&connection)?;
        Ok(Self { connection, checkpoint, known: KnownCache::default(), cache, _lock: lock })
    }

    /// How far the rows have come: where to open the tail.
    pub fn checkpoint(&self) -> Checkpoint {
        self.checkpoint.clone()
    }

    /// Applies a batch in one transaction, its progress included. One [`Applied`] per entry, in their order.
    ///
    /// After an error nothing of the batch is kept: the same batch may be tried again, or the tail opened anew at
    /// [`Applier::checkpoint`].
    pub fn apply(&mut self, batch: &Batch) -> Result<Vec<Applied>, ViewsError> {
        let applied = self.try_apply(batch);
        if applied.is_err() {
            // What is remembered may come from rows that were rolled back.
            self.known = KnownCache::default();
        }
        applied
    }

    fn try_apply(&mut self, batch: &Batch) -> Result<Vec<Applied>, ViewsError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut work =
            Work { rows: &transaction, known: &mut self.known, ended: Vec::new(), opened: Vec::new() };
        let mut applied = Vec::with_capacity(batch.entries.len());
        for entry in &batch.entries {
            let change = work.entry(entry)?;
            applied.push(Applied {
                record: entry.record.id,
                stream: entry.stream,
                offset: entry.offset,
                change,
            });
        }
        work.flush()?;
        write_progress(&transaction, &batch.progress)?;
        let (ended, opened) = (work.ended, work.opened);
        transaction.commit()?;

        self.checkpoint.extend(batch.progress.iter().cloned());
        self.cache.end_sessions(&ended);
        for (conversation, members) in &opened {
            self.cache.keep_members(*conversation, members);
        }
        Ok(applied)
    }
}

/// One transaction.
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

    /// Writes what was gathered.
    fn flush(&mut self) -> Result<(), ViewsError> {
        self.known.flush(self.rows)
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

fn read_checkpoint(rows: &Connection) -> Result<Checkpoint, ViewsError> {
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

fn write_progress(rows: &Connection, progress: &[(String, u64)]) -> Result<(), ViewsError> {
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
