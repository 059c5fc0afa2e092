//! Messages: one, pages of them, and those that changed.

use super::upkeep::TOMBSTONE_BODY;
use crate::kernel::{
    projector::InConversation,
    views::{
        HistoryPage, Query, Viewpoint, ViewsError,
        cache::{Members, RECENT_MESSAGES, Recent},
        query::{body, sql_limit, user_of_row},
        schema::{OFFSET_MAX, blob, column_offset, offset_of, place, sql_offset, uuid},
    },
};
use kafkatalk_log::RecordId;
use kafkatalk_protocol::{
    Body, ConversationId, Message, MessageId, Offset, Timestamp, delete::TOMBSTONE_TEXT, http::Messages,
};
use rusqlite::{Connection, OptionalExtension, Row};

const COLUMNS: &str = "place, id, sender, sent_at, body, revision";

impl Viewpoint<'_> {
    /// A page of the history that the viewer may see.
    pub fn messages(&self, page: HistoryPage, limit: usize) -> Result<Messages, ViewsError> {
        let through = self.last_record()?;
        let none = || Messages { messages: Vec::new(), next: None, through };
        let row = self.members.row;
        let (first, last) = (place(row, self.viewer.sees_from), place(row, Offset(OFFSET_MAX)));
        // Both ends included.
        let (from, to) = match page {
            HistoryPage::Latest | HistoryPage::After(None) => (first, last),
            HistoryPage::Before(offset) if offset.0 > OFFSET_MAX => (first, last),
            HistoryPage::Before(offset) => (first, place(row, offset) - 1),
            HistoryPage::After(Some(offset)) if offset.0 >= OFFSET_MAX => return Ok(none()),
            HistoryPage::After(Some(offset)) => (first.max(place(row, offset.next())), last),
            HistoryPage::ChangedAfter(offset) if offset.0 >= OFFSET_MAX => return Ok(none()),
            HistoryPage::ChangedAfter(offset) => return self.changed_after(offset, limit, through),
        };
        let backwards = !matches!(page, HistoryPage::After(_));
        let order = if backwards { "DESC" } else { "ASC" };
        let sql = format!(
            "SELECT {COLUMNS} FROM messages WHERE place BETWEEN ?1 AND ?2 ORDER BY place {order} LIMIT ?3"
        );
        let mut find = self.query.rows.prepare_cached(&sql)?;
        // One more than asked for tells whether there are more.
        let mut found = find.query((from, to, sql_limit(limit.saturating_add(1))))?;
        let mut messages = Vec::with_capacity(limit.min(256));
        while let Some(row) = found.next()? {
            messages.push(message(self.query.rows, row, self.id, &self.members)?);
        }
        let more = messages.len() > limit;
        messages.truncate(limit);
        let next = if more { messages.last().map(|message| message.offset) } else { None };
        if backwards {
            messages.reverse();
        }
        chain(self.query.rows, row, &mut messages)?;
        self.complete(&mut messages)?;
        Ok(Messages { messages, next, through })
    }

    fn changed_after(
        &self,
        after: Offset,
        limit: usize,
        through: Option<Offset>,
    ) -> Result<Messages, ViewsError> {
        let row = self.members.row;
        let first = place(row, self.viewer.sees_from);
        // Messages that were never changed, and those that were, each in order; the merge of both is the page.
        let mut find = self.query.rows.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM (SELECT * FROM (SELECT {COLUMNS}, place & 0xffffffff AS at FROM messages
                    WHERE place BETWEEN ?1 AND ?2 AND revision IS NULL ORDER BY place LIMIT ?5)
             UNION ALL SELECT * FROM (SELECT {COLUMNS}, revision AS at FROM messages
                    WHERE conversation = ?3 AND revision > ?4 AND place >= ?6 ORDER BY revision LIMIT ?5))
             ORDER BY at LIMIT ?5",
        ))?;
        let from = first.max(place(row, after.next()));
        let most = sql_limit(limit.saturating_add(1));
        let range = (from, place(row, Offset(OFFSET_MAX)), row, sql_offset(after), most, first);
        let mut found = find.query(range)?;
        let mut messages = Vec::new();
        while let Some(row) = found.next()? {
            messages.push(message(self.query.rows, row, self.id, &self.members)?);
        }
        let more = messages.len() > limit;
        messages.truncate(limit);
        for message in &mut messages {
            chain(self.query.rows, row, std::slice::from_mut(message))?;
            self.complete(std::slice::from_mut(message))?;
        }
        let next = if more { messages.last().map(Message::revision) } else { None };
        Ok(Messages { messages, next, through })
    }

    /// The message at an offset, if the viewer may see it.
    pub fn message(&self, offset: Offset) -> Result<Option<Message>, ViewsError> {
        if offset < self.viewer.sees_from || offset.0 > OFFSET_MAX {
            return Ok(None);
        }
        let found = read_at(self.query.rows, self.id, &self.members, offset)?;
        let Some(mut message) = found else { return Ok(None) };
        self.complete(std::slice::from_mut(&mut message))?;
        Ok(Some(message))
    }

    /// The message that the viewer posted under this id, if they did. From here on the conversation's newest are
    /// remembered: see [`Views::may_be_repeat`](crate::kernel::views::Views::may_be_repeat).
    pub fn message_by_client_id(&self, id: MessageId) -> Result<Option<Message>, ViewsError> {
        let mut find = self.query.rows.prepare_cached(
            "SELECT place FROM messages WHERE conversation = ?1 AND sender = ?2 AND id = ?3",
        )?;
        let key = (self.members.row, self.viewer.row, blob(&id.0));
        let found: Option<i64> = find.query_row(key, |row| row.get(0)).optional()?;
        if self.query.cache.may_be_recent(self.id, self.viewer.user.id, id).is_none() {
            self.remember_newest()?;
        }
        let Some(found) = found else { return Ok(None) };
        let found = read_at(self.query.rows, self.id, &self.members, offset_of(found))?;
        let Some(mut message) = found else { return Ok(None) };
        self.complete(std::slice::from_mut(&mut message))?;
        Ok(Some(message))
    }

    fn remember_newest(&self) -> Result<(), ViewsError> {
        let mut newest = self.query.rows.prepare_cached(
            "SELECT sender, id FROM messages WHERE place BETWEEN ?1 AND ?2 ORDER BY place DESC LIMIT ?3",
        )?;
        let row = self.members.row;
        let range = (place(row, Offset(0)), place(row, Offset(OFFSET_MAX)), sql_limit(RECENT_MESSAGES));
        let found = newest.query_map(range, |row| Ok((row.get::<_, i64>(0)?, MessageId(uuid(row, 1)?))))?;
        let found = found.collect::<Result<Vec<_>, _>>()?;
        let recent = Recent::default();
        for (sender, id) in found.into_iter().rev() {
            if let Some(sender) = self.members.by_row(sender) {
                recent.add(sender.id, id);
            }
        }
        self.query.cache.keep_recent(self.id, recent);
        Ok(())
    }
}

impl Query<'_> {
    /// Records whose content was deleted and that the log still holds, as far as this node knows: of one conversation, or
    /// those that have waited since before a moment. The ones that wait longest of each conversation come first, and
    /// conversations in no order, so that those in which nothing can be erased do not keep the others for ever.
    pub fn pending_erasures(
        &self,
        conversation: Option<ConversationId>,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<(ConversationId, RecordId)>, ViewsError> {
        let mut find = self.rows.prepare_cached(
            "SELECT conversations.id, record,
                    row_number() OVER (PARTITION BY conversation ORDER BY since, record) AS number
             FROM pending_erasures JOIN conversations ON conversations.row = conversation
             WHERE (?1 IS NULL OR conversations.id = ?1) AND (?2 IS NULL OR since < ?2)
             ORDER BY number, random() LIMIT ?3",
        )?;
        let conversation = conversation.as_ref().map(|id| blob(&id.0));
        let found = find.query_map((conversation, before, sql_limit(limit)), |row| {
            Ok((ConversationId(uuid(row, 0)?), uuid(row, 1)?))
        })?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// The messages of a conversation after an offset, whoever may see them, and the record of each: for tools that compare
    /// the views with the log.
    pub fn messages_and_records(
        &self,
        conversation: ConversationId,
        after: Option<Offset>,
        limit: usize,
    ) -> Result<Vec<(Message, RecordId)>, ViewsError> {
        let Some(whole) = self.as_seen_by_tools(conversation)? else { return Ok(Vec::new()) };
        let mut find = self.rows.prepare_cached("SELECT record FROM messages WHERE place = ?1")?;
        let page = whole.messages(HistoryPage::After(after), limit)?;
        let with_record = |message: Message| {
            let at = place(whole.members.row, message.offset);
            let record: RecordId = find.query_row([at], |row| uuid(row, 0))?;
            Ok((message, record))
        };
        page.messages.into_iter().map(with_record).collect()
    }
}

/// The message at an offset, in the state that all records before the one in hand have made, as all members may see it.
pub fn message_at(at: &InConversation<'_>, offset: Offset) -> Result<Option<Message>, ViewsError> {
    let found = read_at(at.rows, at.state.id, at.state.members(), offset)?;
    let Some(mut message) = found else { return Ok(None) };
    at.registry.complete(at.rows, &at.seen_by_all(), std::slice::from_mut(&mut message))?;
    Ok(Some(message))
}

fn read_at(
    rows: &Connection,
    conversation: ConversationId,
    members: &Members,
    offset: Offset,
) -> Result<Option<Message>, ViewsError> {
    let mut find = rows.prepare_cached(&format!("SELECT {COLUMNS} FROM messages WHERE place = ?1"))?;
    let mut found = find.query([place(members.row, offset)])?;
    let Some(row) = found.next()? else { return Ok(None) };
    let mut one = [message(rows, row, conversation, members)?];
    chain(rows, members.row, &mut one)?;
    let [message] = one;
    Ok(Some(message))
}

/// Fills in `previous` of messages that follow upon each other: it is not stored, because an erasure changes it.
fn chain(rows: &Connection, conversation: i64, messages: &mut [Message]) -> Result<(), ViewsError> {
    let Some(first) = messages.first() else { return Ok(()) };
    let mut find = rows.prepare_cached("SELECT max(place) FROM messages WHERE place >= ?1 AND place < ?2")?;
    let range = (place(conversation, Offset(0)), place(conversation, first.offset));
    let before: Option<i64> = find.query_row(range, |row| row.get(0))?;
    let mut previous = before.map(offset_of);
    for message in messages {
        message.previous = previous;
        previous = Some(message.offset);
    }
    Ok(())
}

/// What a client that knows no deletions shows of a deleted message.
fn tombstone() -> Result<Body, ViewsError> {
    Body::kept(TOMBSTONE_TEXT).map_err(|error| ViewsError::Damaged(error.to_string()))
}

/// A message from [`COLUMNS`], but for `previous` and what other features add to it.
fn message(
    rows: &Connection,
    row: &Row<'_>,
    conversation: ConversationId,
    members: &Members,
) -> Result<Message, ViewsError> {
    let sender = row.get(2)?;
    let sender = match members.by_row(sender) {
        Some(sender) => sender.clone(),
        None => user_of_row(rows, sender)?,
    };
    let (offset, sent_at) = (offset_of(row.get(0)?), Timestamp::from_millis(row.get(3)?));
    let deleted = row.get_ref(4)?.as_str().is_ok_and(|text| text == TOMBSTONE_BODY);
    let body = if deleted { tombstone()? } else { body(row, 4)? };
    let mut message = Message::new(conversation, offset, uuid(row, 1)?.into(), sender, sent_at, body);
    message.deleted = deleted;
    message.revision = row.get::<_, Option<i64>>(5)?.map(column_offset);
    Ok(message)
}
