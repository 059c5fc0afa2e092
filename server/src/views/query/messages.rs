//! Messages: one, or pages of them.

use super::{Query, body};
use crate::views::{
    ViewsError,
    cache::{Members, RECENT_MESSAGES, Recent},
    schema::{OFFSET_MAX, blob, offset_of, place, uuid},
};
use kafkatalk_protocol::{
    ConversationId, Message, MessageId, Offset, Timestamp, User, UserId, http::Messages,
};
use rusqlite::{Connection, OptionalExtension, Row};

/// Which page of a conversation's history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HistoryPage {
    /// The newest messages.
    Latest,
    /// The messages just before an offset.
    Before(Offset),
    /// The messages just after an offset; `None` begins at the beginning.
    After(Option<Offset>),
}

const COLUMNS: &str = "place, id, sender, sent_at, body";

impl Query<'_> {
    /// A page of a conversation's history. Empty for a conversation that is not there.
    pub fn messages(
        &self,
        conversation: ConversationId,
        page: HistoryPage,
        limit: usize,
    ) -> Result<Messages, ViewsError> {
        let none = Messages { messages: Vec::new(), next: None, through: None };
        let Some(members) = self.members_of(conversation)? else { return Ok(none) };
        let row = members.row;
        let (first, last) = (place(row, Offset(0)), place(row, Offset(OFFSET_MAX)));
        // Both ends included.
        let (from, to) = match page {
            HistoryPage::Latest | HistoryPage::After(None) => (first, last),
            HistoryPage::Before(offset) if offset.0 > OFFSET_MAX => (first, last),
            HistoryPage::Before(offset) => (first, place(row, offset) - 1),
            HistoryPage::After(Some(offset)) if offset.0 >= OFFSET_MAX => return Ok(none),
            HistoryPage::After(Some(offset)) => (place(row, offset.next()), last),
        };
        let backwards = !matches!(page, HistoryPage::After(_));
        let order = if backwards { "DESC" } else { "ASC" };
        let sql = format!(
            "SELECT {COLUMNS} FROM messages WHERE place BETWEEN ?1 AND ?2 ORDER BY place {order} LIMIT ?3"
        );
        let mut find = self.rows.prepare_cached(&sql)?;
        // One more than asked for tells whether there are more.
        let mut found = find.query((from, to, super::people::sql_limit(limit.saturating_add(1))))?;
        let mut messages = Vec::with_capacity(limit.min(256));
        while let Some(row) = found.next()? {
            messages.push(message(self.rows, row, conversation, &members)?);
        }
        let more = messages.len() > limit;
        messages.truncate(limit);
        let next = if more { messages.last().map(|message| message.offset) } else { None };
        if backwards {
            messages.reverse();
        }
        chain(self.rows, row, &mut messages)?;
        Ok(Messages { messages, next, through: None })
    }

    /// The message that a sender gave this id, if they did. From here on the conversation's newest are remembered: see
    /// [`Views::may_be_repeat`](crate::views::Views::may_be_repeat).
    pub fn message_by_client_id(
        &self,
        conversation: ConversationId,
        sender: UserId,
        id: MessageId,
    ) -> Result<Option<Message>, ViewsError> {
        let Some(members) = self.members_of(conversation)? else { return Ok(None) };
        let Some(sender) = members.by_id(sender) else { return Ok(None) };
        let mut find = self.rows.prepare_cached(
            "SELECT place FROM messages WHERE conversation = ?1 AND sender = ?2 AND id = ?3",
        )?;
        let found = find.query_row((members.row, sender.row, blob(&id.0)), |row| row.get(0)).optional()?;
        if self.cache.may_be_recent(conversation, sender.user.id, id).is_none() {
            self.remember_newest(conversation, &members)?;
        }
        match found {
            Some(place) => message_at(self.rows, conversation, &members, place),
            None => Ok(None),
        }
    }

    fn remember_newest(&self, conversation: ConversationId, members: &Members) -> Result<(), ViewsError> {
        let mut newest = self.rows.prepare_cached(
            "SELECT sender, id FROM messages WHERE place BETWEEN ?1 AND ?2 ORDER BY place DESC LIMIT ?3",
        )?;
        let range = (place(members.row, Offset(0)), place(members.row, Offset(OFFSET_MAX)));
        let found = newest
            .query_map((range.0, range.1, super::people::sql_limit(RECENT_MESSAGES)), |row| {
                Ok((row.get::<_, i64>(0)?, MessageId(uuid(row, 1)?)))
            })?;
        let found = found.collect::<Result<Vec<_>, _>>()?;
        let recent = Recent::default();
        for (sender, id) in found.into_iter().rev() {
            if let Some(sender) = members.by_row(sender) {
                recent.add(sender.id, id);
            }
        }
        self.cache.keep_recent(conversation, recent);
        Ok(())
    }
}

/// The message at a place.
pub(in crate::views) fn message_at(
    rows: &Connection,
    conversation: ConversationId,
    members: &Members,
    place: i64,
) -> Result<Option<Message>, ViewsError> {
    let mut find = rows.prepare_cached(&format!("SELECT {COLUMNS} FROM messages WHERE place = ?1"))?;
    let mut found = find.query([place])?;
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

/// A message from [`COLUMNS`], but for `previous`.
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
    Ok(Message::new(conversation, offset, uuid(row, 1)?.into(), sender, sent_at, body(row, 4)?))
}

fn user_of_row(rows: &Connection, row: i64) -> Result<User, ViewsError> {
    let mut find = rows.prepare_cached("SELECT id, username FROM users WHERE row = ?1")?;
    let mut found = find.query([row])?;
    match found.next()? {
        Some(row) => super::user(row, 0),
        None => Err(ViewsError::Damaged("a message of nobody".into())),
    }
}
