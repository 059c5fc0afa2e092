//! Reading streams again of which a feature has missed records: the feature is new here, has another version now, or an
//! older version without it was at work in between.
//!
//! What the stream has made is deleted and made again, in one transaction: after a crash in between the rows are as they
//! were, and so is what they say about missed records. A stream is read up to the record that was applied last; what lies
//! behind it the tail brings, from the checkpoint on, which stays as it is.

use super::{Applier, COPY_EVERY};
use crate::kernel::{
    projector::{AfterReset, Registry, Scope},
    views::{
        ReadAgain, ViewsError, builds,
        schema::{blob, column_offset},
        work::{Memory, Work},
    },
};
use kafkatalk_log::{Entry, Ledger, Stream};
use kafkatalk_protocol::{ConversationId, Offset};
use rusqlite::{Connection, OptionalExtension as _};
use std::collections::{BTreeMap, BTreeSet};

/// What reading something again came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reread {
    /// Records that were applied again.
    pub records: usize,
    /// Rows that were inserted, updated or deleted.
    pub rows: u64,
}

/// The transaction.
pub(super) struct Again {
    what: What,
    /// The last record to read of each stream.
    through: BTreeMap<Stream, Offset>,
    records: usize,
    /// The connection's count of changed rows when it began.
    rows_before: u64,
    /// Rows of conversations that were written.
    changed: Vec<i64>,
    after_reset: Vec<AfterReset>,
    memory: Memory,
}

/// What is built again.
enum What {
    Ledgers(BTreeSet<&'static str>),
    Conversation(ConversationId, Scope),
}

impl Applier {
    /// Everything that is to be read again before the tail is followed.
    pub fn to_read_again(&self) -> Result<Vec<ReadAgain>, ViewsError> {
        builds::to_read_again(&self.connection, &self.registry)
    }

    /// Notes that nothing is left of it.
    pub fn settle_again(&mut self) -> Result<(), ViewsError> {
        self.commit()?;
        builds::settle(&self.connection, &self.registry)
    }

    /// Begins to read something again: these streams from their first record on, each up to the offset beside it. None
    /// where nothing was applied, and nothing is to be read. After an error, of this or of what follows, all is as it was
    /// before.
    pub fn begin_again(&mut self, what: &ReadAgain) -> Result<Vec<(Stream, Offset)>, ViewsError> {
        self.commit()?;
        let begun = self.try_begin_again(what);
        if begun.is_err() {
            self.roll_back();
        }
        begun
    }

    fn try_begin_again(&mut self, what: &ReadAgain) -> Result<Vec<(Stream, Offset)>, ViewsError> {
        // What is remembered of it is what it was.
        self.states.clear();
        let rows_before = self.connection.total_changes();
        self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let (rows, registry) = (&self.connection, &self.registry);
        let (what, begun) = match what {
            ReadAgain::Ledgers(features) => {
                (What::Ledgers(features.clone()), reset_ledgers(rows, registry, features)?)
            }
            ReadAgain::Conversation { id, missed } => {
                let scope = registry.scope(missed);
                let begun = reset_conversation(rows, registry, *id, &scope)?;
                (What::Conversation(*id, scope), begun)
            }
        };
        let Begun { through, after_reset } = begun;
        let streams = through.iter().map(|(stream, through)| (*stream, *through)).collect();
        let (records, changed, memory) = (0, Vec::new(), Memory::default());
        self.again = Some(Again { what, through, records, rows_before, changed, after_reset, memory });
        Ok(streams)
    }

    /// Applies the next records of a stream that is being read again, as far as they were applied before.
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
        let was_applied =
            |entry: &&Entry| again.through.get(&entry.stream).is_some_and(|through| entry.offset <= *through);
        for entry in entries.iter().filter(was_applied) {
            // Nobody waits for it, and devices learn of it as they learn of everything that they missed.
            match &again.what {
                What::Ledgers(features) => work.in_ledger_for(entry, features)?,
                What::Conversation(_, Scope::Whole) => drop(work.entry(entry)?),
                What::Conversation(_, Scope::Features(features)) => work.posted_before(entry, features)?,
            }
            again.records += 1;
        }
        again.memory.extend(work.memory);
        // What is gathered of a conversation does not grow with its history.
        self.states.flush(&self.connection, &mut again.changed)
    }

    /// All was read: the rows are those of a node that knew the features from the beginning.
    pub fn finish_again(&mut self) -> Result<Reread, ViewsError> {
        let finished = self.try_finish_again();
        if finished.is_err() {
            self.roll_back();
        }
        finished
    }

    fn try_finish_again(&mut self) -> Result<Reread, ViewsError> {
        let Some(again) = self.again.take() else { return Ok(Reread::default()) };
        let Again { what, records, rows_before, mut changed, after_reset, memory, .. } = again;
        self.states.flush(&self.connection, &mut changed)?;
        for finish in after_reset {
            finish(&self.connection)?;
        }
        let build = self.states.build();
        match what {
            What::Ledgers(_) => drop(self.connection.execute("UPDATE ledgers SET build = ?1", [build])?),
            What::Conversation(id, _) => builds::completed_conversation(&self.connection, id, build)?,
        }
        self.connection.prepare_cached("UPDATE source SET commits = commits + 1")?.execute([])?;
        memory.before_commit(&self.cache);
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        memory.after_commit(&self.cache);
        self.indexer.notify(&changed, records, self.live);
        self.since_copy += records + 1;
        if self.since_copy >= COPY_EVERY {
            self.since_copy = 0;
            self.copier.wake();
        }
        Ok(Reread { records, rows: self.connection.total_changes() - rows_before })
    }

    /// Gives up what was begun, where something was.
    pub fn give_up_again(&mut self) {
        if self.again.is_some() {
            self.roll_back();
        }
    }
}

/// What is to be read, and what to do then.
#[derive(Default)]
struct Begun {
    through: BTreeMap<Stream, Offset>,
    after_reset: Vec<AfterReset>,
}

fn reset_ledgers(
    rows: &Connection,
    registry: &Registry,
    features: &BTreeSet<&'static str>,
) -> Result<Begun, ViewsError> {
    let mut begun = Begun::default();
    for feature in features.iter().filter_map(|name| registry.feature(name)) {
        registry.reset_ledgers(rows, feature.name)?;
        for ledger in &feature.ledgers {
            if let Some(through) = applied_in_ledger(rows, *ledger)? {
                begun.through.insert(Stream::Ledger(*ledger), through);
            }
        }
    }
    Ok(begun)
}

fn applied_in_ledger(rows: &Connection, ledger: Ledger) -> Result<Option<Offset>, ViewsError> {
    let mut find = rows.prepare_cached("SELECT applied FROM ledgers WHERE name = ?1")?;
    let applied: Option<i64> = find.query_row([ledger.as_str()], |row| row.get(0)).optional()?;
    Ok(applied.map(column_offset))
}

fn reset_conversation(
    rows: &Connection,
    registry: &Registry,
    conversation: ConversationId,
    scope: &Scope,
) -> Result<Begun, ViewsError> {
    let mut find =
        rows.prepare_cached("SELECT row, applied FROM conversations WHERE id = ?1 AND waiting = 0")?;
    let found = find
        .query_row([blob(&conversation.0)], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Option<i64>>(1)?)));
    let Some((row, Some(through))) = found.optional()? else { return Ok(Begun::default()) };
    let after_reset = registry.reset(rows, row, scope)?;
    if *scope == Scope::Whole {
        reset_kernel(rows, row)?;
    }
    Ok(Begun { through: [(Stream::Conversation(conversation), column_offset(through))].into(), after_reset })
}

/// Deletes what the stream of a conversation has made in the kernel's tables. The members are those whom the creation
/// named, as it named them.
fn reset_kernel(rows: &Connection, conversation: i64) -> Result<(), ViewsError> {
    rows.execute("DELETE FROM counts WHERE conversation = ?1", [conversation])?;
    // Noted again as they are met.
    rows.execute("DELETE FROM kinds WHERE conversation = ?1", [conversation])?;
    rows.execute(
        "UPDATE conversations SET newest = NULL, activity = created_at, last_record = NULL, applied = NULL,
             name = NULL, group_revision = NULL WHERE row = ?1",
        [conversation],
    )?;
    rows.execute("DELETE FROM members WHERE conversation = ?1 AND founder = 0", [conversation])?;
    rows.execute(
        "UPDATE members SET sees_from = 0, since = NULL, until = NULL, role = CASE WHEN founder = 2 AND
             (SELECT is_group FROM conversations WHERE row = ?1) THEN 2 ELSE 0 END WHERE conversation = ?1",
        [conversation],
    )?;
    Ok(())
}
