//! Reading a conversation's stream again that holds records of kinds which were not known when it was read.
//!
//! All that the stream has made is taken back and made again, in one transaction: after a crash in between the rows are as
//! they were, the note of the unknown kinds included. It is read up to the record that was applied last; what comes behind it
//! the tail brings, from the checkpoint on, which stays as it is.

use super::{Applier, COPY_EVERY};
use crate::kernel::{
    projector::AfterReset,
    views::{
        ViewsError,
        conversation::States,
        schema::{self, blob, column_offset},
        work::{Memory, Work},
    },
};
use kafkatalk_log::{Entry, Stream};
use kafkatalk_protocol::{ConversationId, Offset};
use rusqlite::{Connection, OptionalExtension as _};

/// What is known of the transaction.
pub(super) struct Again {
    /// The last record to read.
    through: Offset,
    records: usize,
    /// Rows of conversations that were written.
    changed: Vec<i64>,
    after_reset: Vec<AfterReset>,
    memory: Memory,
}

impl Applier {
    /// The next conversation to read again: its stream holds a kind that was not known and is known now.
    pub fn next_again(&self) -> Result<Option<ConversationId>, ViewsError> {
        let noted = schema::unknown_kinds(&self.connection)?;
        Ok(noted.into_iter().find_map(|(name, kind)| match name.parse() {
            Ok(stream @ Stream::Conversation(id)) if self.registry.knows(stream, &kind) => Some(id),
            _ => None,
        }))
    }

    /// Begins to read a conversation again: from its first record on, up to the returned offset. None where nothing of it
    /// was applied, and nothing is to be read. After an error, of this or of what follows, all is as it was before.
    pub fn begin_again(&mut self, conversation: ConversationId) -> Result<Option<Offset>, ViewsError> {
        self.commit()?;
        let begun = self.try_begin_again(conversation);
        if begun.is_err() {
            self.roll_back();
        }
        begun
    }

    fn try_begin_again(&mut self, conversation: ConversationId) -> Result<Option<Offset>, ViewsError> {
        // What is remembered of it is what it was.
        self.states = States::default();
        self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let rows = &self.connection;
        // Kinds that are still not known are noted again as they are met.
        let stream = Stream::Conversation(conversation).to_string();
        rows.execute("DELETE FROM unknown_kinds WHERE stream = ?1", [stream])?;
        let mut find =
            rows.prepare_cached("SELECT row, applied FROM conversations WHERE id = ?1 AND waiting = 0")?;
        let found = find.query_row([blob(&conversation.0)], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, Option<i64>>(1)?))
        });
        let Some((row, Some(through))) = found.optional()? else {
            rows.execute_batch("COMMIT")?;
            return Ok(None);
        };
        let after_reset = self.registry.reset(rows, row)?;
        rows.execute("DELETE FROM counts WHERE conversation = ?1", [row])?;
        rows.execute(
            "UPDATE conversations SET newest = NULL, activity = created_at, last_record = NULL, applied = NULL,
                 name = NULL, group_revision = NULL WHERE row = ?1",
            [row],
        )?;
        take_back_members(rows, row)?;
        let through = column_offset(through);
        self.again =
            Some(Again { through, records: 0, changed: Vec::new(), after_reset, memory: Memory::default() });
        Ok(Some(through))
    }

    /// Applies the next records of the conversation that is being read again, as far as they were applied before.
    pub fn apply_again(&mut self, entries: &[Entry]) -> Result<(), ViewsError> {
        let applied = self.try_apply_again(entries);
        if applied.is_err() {
            self.roll_back();
        }
        applied
    }

    fn try_apply_again(&mut self, entries: &[Entry]) -> Result<(), ViewsError> {
        let Some(again) = &mut self.again else { return Ok(()) };
        let mut work = Work {
            rows: &self.connection,
            registry: &self.registry,
            cache: &self.cache,
            states: &mut self.states,
            memory: Memory::default(),
        };
        for entry in entries.iter().filter(|entry| entry.offset <= again.through) {
            // Nobody waits for it, and devices learn of it as they learn of everything that they missed.
            work.entry(entry)?;
            again.records += 1;
        }
        again.memory.extend(work.memory);
        // What is gathered of a conversation does not grow with its history.
        self.states.flush(&self.connection, &mut again.changed)
    }

    /// All was read: the rows are those of a node that knew the kinds from the beginning. Returns how many records it were.
    pub fn finish_again(&mut self) -> Result<usize, ViewsError> {
        let finished = self.try_finish_again();
        if finished.is_err() {
            self.roll_back();
        }
        finished
    }

    fn try_finish_again(&mut self) -> Result<usize, ViewsError> {
        let Some(Again { records, mut changed, after_reset, memory, .. }) = self.again.take() else {
            return Ok(0);
        };
        self.states.flush(&self.connection, &mut changed)?;
        for finish in after_reset {
            finish(&self.connection)?;
        }
        self.connection.prepare_cached("UPDATE source SET commits = commits + 1")?.execute([])?;
        memory.before_commit(&self.cache);
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        memory.after_commit(&self.cache);
        self.indexer.told(&changed, records, self.live);
        self.since_copy += records + 1;
        if self.since_copy >= COPY_EVERY {
            self.since_copy = 0;
            self.copier.wake();
        }
        Ok(records)
    }

    /// Gives up what was begun, where something was.
    pub fn give_up_again(&mut self) {
        if self.again.is_some() {
            self.roll_back();
        }
    }
}

/// The members are those whom the creation named, as it named them.
fn take_back_members(rows: &Connection, conversation: i64) -> Result<(), ViewsError> {
    rows.execute("DELETE FROM members WHERE conversation = ?1 AND founder = 0", [conversation])?;
    rows.execute(
        "UPDATE members SET sees_from = 0, since = NULL, until = NULL, role = CASE WHEN founder = 2 AND
             (SELECT is_group FROM conversations WHERE row = ?1) THEN 2 ELSE 0 END WHERE conversation = ?1",
        [conversation],
    )?;
    Ok(())
}
