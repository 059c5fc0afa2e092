//! All that the views hold, for tools that compare it with the log.

use super::{HistoryPage, Query};
use crate::views::{
    ViewsError,
    schema::{blob, conversation_row, place, uuid},
};
use kafkatalk_log::{Checkpoint, RecordId};
use kafkatalk_protocol::{ConversationId, Message, Offset};
use rusqlite::OptionalExtension as _;
use uuid::Uuid;

impl Query<'_> {
    /// How far the rows have come.
    pub fn checkpoint(&self) -> Result<Checkpoint, ViewsError> {
        super::super::apply::read_checkpoint(self.rows)
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

    /// The messages of a conversation after an offset, as they are told to its members, and the record of each.
    pub fn messages_and_records(
        &self,
        conversation: ConversationId,
        after: Option<Offset>,
        limit: usize,
    ) -> Result<Vec<(Message, RecordId)>, ViewsError> {
        let Some(row) = conversation_row(self.rows, conversation)? else { return Ok(Vec::new()) };
        let mut find = self.rows.prepare_cached("SELECT record FROM messages WHERE place = ?1")?;
        let page = self.messages(conversation, HistoryPage::After(after), limit)?;
        let with_record = |message: Message| {
            let record: Uuid = find.query_row([place(row, message.offset)], |row| uuid(row, 0))?;
            Ok((message, record))
        };
        page.messages.into_iter().map(with_record).collect()
    }

    /// How many messages wait for a conversation to be opened.
    pub fn held_messages(&self, conversation: ConversationId) -> Result<u64, ViewsError> {
        let mut count =
            self.rows.prepare_cached("SELECT count(*) FROM held_messages WHERE conversation = ?1")?;
        let held: i64 = count.query_row([blob(&conversation.0)], |row| row.get(0))?;
        Ok(held.unsigned_abs())
    }
}
