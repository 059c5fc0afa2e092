//! States of conversations that the applier caches between records, with their unflushed changes.

use super::{
    ViewsError,
    cache::Members,
    query::members_of_row,
    schema::{CHUNK_OFFSETS, blob, column_offset, sql_offset},
};
use kafkatalk_log::Ledger;
use kafkatalk_protocol::{ConversationId, Offset, UserId};
use rusqlite::{Connection, OptionalExtension};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// Conversations that each of the two generations of [`States`] may hold.
const GENERATION_MAX: usize = 5_000;

/// A conversation whose members are all known: the state that its records have made so far.
#[derive(Debug)]
pub struct ConversationState {
    /// Its id.
    pub id: ConversationId,
    pub(crate) row: i64,
    created_at: i64,
    members: Arc<Members>,
    /// Whether members come and go.
    pub is_group: bool,
    /// The newest message, and when something last happened: its time, or that of the creation.
    newest: Option<Offset>,
    activity: i64,
    /// The last visible record: the end of the chain.
    last_record: Option<Offset>,
    /// The last record of the stream, visible or not, that was applied.
    applied: Option<Offset>,
    /// Kinds of records in its stream, known or not.
    kinds: Vec<Box<str>>,
    changed: bool,
    /// Messages to add by (chunk, sender's row).
    counts: Vec<(i64, i64, i64)>,
}

impl ConversationState {
    /// Reads it from the file; `None` if it is not open.
    pub(super) fn load(rows: &Connection, id: ConversationId) -> Result<Option<Self>, ViewsError> {
        let mut find = rows.prepare_cached(
            "SELECT row, created_at, newest, activity, last_record, applied, is_group FROM conversations
             WHERE id = ?1 AND waiting = 0",
        )?;
        let offset = |row: &rusqlite::Row<'_>, column| -> rusqlite::Result<Option<Offset>> {
            Ok(row.get::<_, Option<i64>>(column)?.map(column_offset))
        };
        let found = find.query_row([blob(&id.0)], |row| {
            Ok(Self {
                id,
                row: row.get(0)?,
                created_at: row.get(1)?,
                members: Arc::default(),
                is_group: row.get(6)?,
                newest: offset(row, 2)?,
                activity: row.get(3)?,
                last_record: offset(row, 4)?,
                applied: offset(row, 5)?,
                kinds: Vec::new(),
                changed: false,
                counts: Vec::new(),
            })
        });
        let Some(mut state) = found.optional()? else { return Ok(None) };
        state.members = Arc::new(members_of_row(rows, state.row)?);
        let mut kinds = rows.prepare_cached("SELECT kind FROM kinds WHERE conversation = ?1")?;
        let kinds = kinds.query_map([state.row], |row| row.get(0))?;
        state.kinds = kinds.collect::<Result<_, _>>()?;
        Ok(Some(state))
    }

    /// Everyone who is a member now.
    pub(crate) fn members(&self) -> &Arc<Members> {
        &self.members
    }

    /// The rows of its members have changed: from here on they count.
    pub(crate) fn reload_members(&mut self, rows: &Connection) -> Result<(), ViewsError> {
        self.members = Arc::new(members_of_row(rows, self.row)?);
        Ok(())
    }

    /// The ids of everyone who is a member now.
    pub fn member_ids(&self) -> Arc<[UserId]> {
        Arc::clone(&self.members.ids)
    }

    /// The offset of the newest message.
    pub fn newest(&self) -> Option<Offset> {
        self.newest
    }

    /// The offset of the last visible record.
    pub fn last_record(&self) -> Option<Offset> {
        self.last_record
    }

    /// Whether a record of that offset was applied before.
    pub(super) fn has_applied(&self, offset: Offset) -> bool {
        self.applied.is_some_and(|applied| offset <= applied)
    }

    pub(super) fn applied(&mut self, offset: Offset, visible: bool) {
        self.applied = Some(offset);
        if visible {
            self.last_record = Some(offset);
        }
        self.changed = true;
    }

    /// Notes that its stream holds a record of that kind.
    pub(super) fn note_kind(&mut self, rows: &Connection, kind: &str) -> Result<(), ViewsError> {
        if !self.kinds.iter().any(|known| **known == *kind) {
            rows.prepare_cached(
                "INSERT INTO kinds (conversation, kind) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            )?
            .execute((self.row, kind))?;
            self.kinds.push(kind.into());
        }
        Ok(())
    }

    /// The newest message and its time; none where there are no messages.
    pub(crate) fn set_newest(&mut self, newest: Option<(Offset, i64)>) {
        self.newest = newest.map(|(offset, _)| offset);
        self.activity = newest.map_or(self.created_at, |(_, sent_at)| sent_at);
        self.changed = true;
    }

    /// Adds messages of a sender to the count, or subtracts them.
    pub(crate) fn count(&mut self, offset: Offset, sender: i64, messages: i64) {
        let chunk = sql_offset(Offset(offset.0 / CHUNK_OFFSETS));
        self.changed = true;
        // The last chunk comes last: looking from the end finds it at once.
        match self.counts.iter_mut().rev().find(|(known, by, _)| (*known, *by) == (chunk, sender)) {
            Some((_, _, gathered)) => *gathered += messages,
            None => self.counts.push((chunk, sender, messages)),
        }
    }

    fn flush(&mut self, rows: &Connection, build: i64) -> Result<(), ViewsError> {
        rows.prepare_cached(
            "UPDATE conversations SET newest = ?2, activity = ?3, last_record = ?4, applied = ?5, build = ?6
             WHERE row = ?1",
        )?
        .execute((
            self.row,
            self.newest.map(sql_offset),
            self.activity,
            self.last_record.map(sql_offset),
            self.applied.map(sql_offset),
            build,
        ))?;
        let mut count = rows.prepare_cached(
            "INSERT INTO counts (conversation, chunk, sender, messages) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET messages = messages + excluded.messages",
        )?;
        let mut fewer = false;
        // What came and went within one transaction leaves no row, as if it had never been there.
        for (chunk, sender, messages) in self.counts.drain(..).filter(|(_, _, messages)| *messages != 0) {
            fewer |= messages < 0;
            count.execute((self.row, chunk, sender, messages))?;
        }
        if fewer {
            rows.execute("DELETE FROM counts WHERE conversation = ?1 AND messages = 0", [self.row])?;
        }
        self.changed = false;
        Ok(())
    }
}

/// A cache of two generations: what was not used while one generation filled up is evicted.
pub(super) struct States {
    /// This node's build: see [`super::builds`].
    build: i64,
    /// Ledgers of which records were applied since the last flush, and the offset of the last of these.
    ledgers: BTreeMap<Ledger, Offset>,
    /// Whether a conversation has opened since the last flush.
    opened: bool,
    young: HashMap<ConversationId, ConversationState>,
    old: HashMap<ConversationId, ConversationState>,
    changed: Vec<ConversationId>,
}

impl States {
    /// Of a node with that build. Nothing is kept yet.
    pub(super) fn new(build: i64) -> Self {
        let (young, old, changed) = Default::default();
        Self { build, ledgers: BTreeMap::new(), opened: false, young, old, changed }
    }

    /// This node's build.
    pub(super) fn build(&self) -> i64 {
        self.build
    }

    /// Forgets everything: it may come from rows that are rolled back.
    pub(super) fn clear(&mut self) {
        *self = Self::new(self.build);
    }

    /// Notes that a record of a ledger was applied.
    pub(super) fn applied_in_ledger(&mut self, ledger: Ledger, offset: Offset) {
        self.ledgers.insert(ledger, offset);
    }

    /// Notes that a conversation has opened: features have placed what their ledgers held for it.
    pub(super) fn opened(&mut self) {
        self.opened = true;
    }

    /// Takes an open conversation out, to be returned with [`States::put`].
    pub(super) fn take(
        &mut self,
        rows: &Connection,
        id: ConversationId,
    ) -> Result<Option<ConversationState>, ViewsError> {
        match self.young.remove(&id).or_else(|| self.old.remove(&id)) {
            Some(state) => Ok(Some(state)),
            None => ConversationState::load(rows, id),
        }
    }

    pub(super) fn put(&mut self, state: ConversationState) {
        if state.changed {
            // It may be named twice; the second flush finds nothing to do.
            if self.changed.last() != Some(&state.id) {
                self.changed.push(state.id);
            }
        }
        self.young.insert(state.id, state);
    }

    /// Writes what changed, and lists the rows of the conversations concerned; only then may one be evicted.
    pub(super) fn flush(&mut self, rows: &Connection, changed: &mut Vec<i64>) -> Result<(), ViewsError> {
        for id in self.changed.drain(..) {
            if let Some(state) = self.young.get_mut(&id).filter(|state| state.changed) {
                state.flush(rows, self.build)?;
                changed.push(state.row);
            }
        }
        while let Some((ledger, offset)) = self.ledgers.pop_first() {
            rows.prepare_cached(
                "INSERT INTO ledgers (name, applied, build) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET applied = max(applied, excluded.applied), build = excluded.build",
            )?
            .execute((ledger.as_str(), sql_offset(offset), self.build))?;
        }
        if std::mem::take(&mut self.opened) {
            rows.prepare_cached("UPDATE ledgers SET build = ?1")?.execute([self.build])?;
        }
        if self.young.len() >= GENERATION_MAX {
            self.old = std::mem::take(&mut self.young);
        }
        Ok(())
    }
}
