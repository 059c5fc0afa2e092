//! All that the views hold, for tools that compare it with the log.

use super::Query;
use crate::kernel::views::{
    ViewsError, checkpoint,
    schema::{blob, uuid},
};
use kafkatalk_log::Checkpoint;
use kafkatalk_protocol::ConversationId;
use rusqlite::OptionalExtension as _;

impl Query<'_> {
    /// How far the rows have come.
    pub fn checkpoint(&self) -> Result<Checkpoint, ViewsError> {
        checkpoint::read_checkpoint(self.rows)
    }

    /// The identity of the log that the rows were made from, if it is known.
    pub fn log_identity(&self) -> Result<Option<String>, ViewsError> {
        Ok(self.rows.query_row("SELECT log FROM source", [], |row| row.get(0))?)
    }

    /// One position of it; 0 where there is none of that name.
    pub fn position(&self, name: &str) -> Result<u64, ViewsError> {
        let mut find = self.rows.prepare_cached("SELECT position FROM checkpoint WHERE name = ?1")?;
        let found: Option<i64> = find.query_row([name], |row| row.get(0)).optional()?;
        u64::try_from(found.unwrap_or(0)).map_err(|_| ViewsError::Damaged("a negative position".into()))
    }

    /// Every conversation that is seen, sorted.
    pub fn every_conversation(&self) -> Result<Vec<ConversationId>, ViewsError> {
        let mut find =
            self.rows.prepare_cached("SELECT id FROM conversations WHERE waiting = 0 ORDER BY id")?;
        let found = find.query_map([], |row| Ok(ConversationId(uuid(row, 0)?)))?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// How many records wait for a conversation to be opened.
    pub fn held_records(&self, conversation: ConversationId) -> Result<u64, ViewsError> {
        let mut count = self.rows.prepare_cached("SELECT count(*) FROM held WHERE conversation = ?1")?;
        let held: i64 = count.query_row([blob(&conversation.0)], |row| row.get(0))?;
        Ok(held.unsigned_abs())
    }
}
