//! Conversations that the writer remembers between records, and what it gathers about them within a transaction.

use crate::views::{
    ViewsError,
    cache::Members,
    query::members_of_row,
    schema::{CHUNK_OFFSETS, blob, column_offset, sql_offset},
};
use kafkatalk_protocol::{ConversationId, Offset};
use rusqlite::{Connection, OptionalExtension};
use std::{collections::HashMap, sync::Arc};

/// Conversations that each of the two generations of [`KnownCache`] may hold.
const GENERATION_MAX: usize = 5_000;

/// A conversation that is seen.
pub(super) struct Known {
    pub(super) id: ConversationId,
    pub(super) row: i64,
    pub(super) created_at: i64,
    pub(super) members: Arc<Members>,
    /// The newest message, and when something last happened: its time, or that of the opening.
    newest: Option<Offset>,
    activity: i64,
    changed: bool,
    /// Messages to add by (chunk, sender's row).
    counts: Vec<(i64, i64, i64)>,
}

impl Known {
    /// Reads it from the file; `None` if it is not seen.
    pub(super) fn load(rows: &Connection, id: ConversationId) -> Result<Option<Self>, ViewsError> {
        let mut find = rows.prepare_cached(
            "SELECT row, created_at, newest, activity FROM conversations WHERE id = ?1 AND waiting = 0",
        )?;
        let found = find
            .query_row([blob(&id.0)], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get::<_, Option<i64>>(2)?, row.get(3)?))
            })
            .optional()?;
        let Some((row, created_at, newest, activity)) = found else { return Ok(None) };
        let members = Arc::new(members_of_row(rows, row)?);
        let newest = newest.map(column_offset);
        Ok(Some(Self { id, row, created_at, members, newest, activity, changed: false, counts: Vec::new() }))
    }

    pub(super) fn newest(&self) -> Option<Offset> {
        self.newest
    }

    pub(super) fn set_newest(&mut self, newest: Option<(Offset, i64)>) {
        self.newest = newest.map(|(offset, _)| offset);
        self.activity = newest.map_or(self.created_at, |(_, sent_at)| sent_at);
        self.changed = true;
    }

    /// Counts messages of a sender, or takes them back.
    pub(super) fn count(&mut self, offset: Offset, sender: i64, messages: i64) {
        let chunk = sql_offset(Offset(offset.0 / CHUNK_OFFSETS));
        self.changed = true;
        // The last chunk comes last: looking from the end finds it at once.
        match self.counts.iter_mut().rev().find(|(known, by, _)| (*known, *by) == (chunk, sender)) {
            Some((_, _, gathered)) => *gathered += messages,
            None => self.counts.push((chunk, sender, messages)),
        }
    }

    fn flush(&mut self, rows: &Connection) -> Result<(), ViewsError> {
        rows.prepare_cached("UPDATE conversations SET newest = ?2, activity = ?3 WHERE row = ?1")?
            .execute((self.row, self.newest.map(sql_offset), self.activity))?;
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

/// Keeps what was used lately: whatever was not used while one generation filled up is forgotten.
#[derive(Default)]
pub(super) struct KnownCache {
    young: HashMap<ConversationId, Known>,
    old: HashMap<ConversationId, Known>,
    changed: Vec<ConversationId>,
}

impl KnownCache {
    pub(super) fn take(&mut self, id: ConversationId) -> Option<Known> {
        self.young.remove(&id).or_else(|| self.old.remove(&id))
    }

    pub(super) fn keep(&mut self, known: Known) {
        if known.changed {
            // It may be named twice; the second flush finds nothing to do.
            if self.changed.last() != Some(&known.id) {
                self.changed.push(known.id);
            }
        }
        self.young.insert(known.id, known);
    }

    /// Writes what changed, and tells of which conversations; only then may one be forgotten.
    pub(super) fn flush(&mut self, rows: &Connection, changed: &mut Vec<i64>) -> Result<(), ViewsError> {
        for id in self.changed.drain(..) {
            if let Some(known) = self.young.get_mut(&id).filter(|known| known.changed) {
                known.flush(rows)?;
                changed.push(known.row);
            }
        }
        if self.young.len() >= GENERATION_MAX {
            self.old = std::mem::take(&mut self.young);
        }
        Ok(())
    }
}
