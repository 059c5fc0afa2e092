//! Conversations as their members see them.

use super::{Query, people::sql_limit};
use crate::views::{
    ViewsError,
    cache::Members,
    query::message_at,
    schema::{CHUNK_OFFSETS, blob, column_offset, place, sql_offset, uuid},
};
use kafkatalk_protocol::{
    Conversation, ConversationId, Message, Offset, Timestamp, UserId, http::Conversations,
};
use rusqlite::OptionalExtension;
use std::{collections::BTreeMap, sync::Arc};
use uuid::Uuid;

impl Query<'_> {
    /// Who is in a conversation; `None` if it is not there.
    pub fn members(&self, conversation: ConversationId) -> Result<Option<Arc<[UserId]>>, ViewsError> {
        Ok(self.members_of(conversation)?.map(|members| Arc::clone(&members.ids)))
    }

    /// A conversation as the viewer sees it; `None` for who is not in it.
    pub fn conversation(
        &self,
        viewer: UserId,
        id: ConversationId,
    ) -> Result<Option<Conversation>, ViewsError> {
        let Some(members) = self.members_of(id)? else { return Ok(None) };
        let Some(viewer) = members.by_id(viewer).map(|person| person.row) else { return Ok(None) };
        self.as_seen(id, &members, viewer).map(Some)
    }

    /// The viewer's conversations, latest activity first, from behind a cursor on.
    pub fn conversations(
        &self,
        viewer: UserId,
        before: Option<&str>,
        limit: usize,
    ) -> Result<Conversations, ViewsError> {
        let before = before.map_or(Some(Cursor::FIRST), Cursor::parse).ok_or(ViewsError::BadCursor)?;
        let none = Conversations { conversations: Vec::new(), next: None };
        let Some(viewer) = self.row_of_user(viewer)? else { return Ok(none) };
        let mut find = self.rows.prepare_cached(
            "SELECT conversations.id, activity FROM members
             JOIN conversations ON conversations.row = members.conversation
             WHERE members.user = ?1 AND waiting = 0 AND (activity, conversations.id) < (?2, ?3)
             ORDER BY activity DESC, conversations.id DESC LIMIT ?4",
        )?;
        // One more than asked for tells whether there are more.
        let found = find.query_map(
            (viewer, before.activity, blob(&before.id), sql_limit(limit.saturating_add(1))),
            |row| Ok(Cursor { id: uuid(row, 0)?, activity: row.get(1)? }),
        )?;
        let mut found = found.collect::<Result<Vec<_>, _>>()?;
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| more).map(Cursor::to_text);
        let mut conversations = Vec::with_capacity(found.len());
        for Cursor { id, .. } in found {
            let id = ConversationId(id);
            if let Some(members) = self.members_of(id)? {
                conversations.push(self.as_seen(id, &members, viewer)?);
            }
        }
        Ok(Conversations { conversations, next })
    }

    /// The offset of a conversation's newest message.
    pub fn newest_offset(&self, conversation: ConversationId) -> Result<Option<Offset>, ViewsError> {
        let Some(members) = self.members_of(conversation)? else { return Ok(None) };
        Ok(self.newest_of(members.row)?.1)
    }

    /// How far a member has read.
    pub fn read_position(
        &self,
        conversation: ConversationId,
        user: UserId,
    ) -> Result<Option<Offset>, ViewsError> {
        let Some(members) = self.members_of(conversation)? else { return Ok(None) };
        let Some(person) = members.by_id(user) else { return Ok(None) };
        let newest = self.newest_of(members.row)?.1;
        let mut find =
            self.rows.prepare_cached("SELECT read FROM members WHERE conversation = ?1 AND user = ?2")?;
        let read: Option<i64> =
            find.query_row((members.row, person.row), |row| row.get(0)).optional()?.flatten();
        Ok(no_further_than(newest, read))
    }

    /// Messages of others after the viewer's read position, as [`Query::conversation`] tells it.
    #[cfg(test)]
    pub(crate) fn unread(&self, viewer: UserId, conversation: ConversationId) -> Result<u64, ViewsError> {
        let read = self.read_position(conversation, viewer)?;
        let Some(members) = self.members_of(conversation)? else { return Ok(0) };
        let Some(viewer) = members.by_id(viewer) else { return Ok(0) };
        self.unread_after(members.row, viewer.row, read)
    }

    fn as_seen(
        &self,
        id: ConversationId,
        members: &Members,
        viewer: i64,
    ) -> Result<Conversation, ViewsError> {
        let (created_at, newest) = self.newest_of(members.row)?;
        let last_message = self.last_message(id, members, newest)?;
        let mut find = self.rows.prepare_cached("SELECT user, read FROM members WHERE conversation = ?1")?;
        let positions = find.query_map([members.row], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let (mut read, mut own) = (BTreeMap::new(), None);
        for position in positions {
            let (row, position) = position?;
            let position = no_further_than(newest, position);
            if row == viewer {
                own = position;
            }
            if let (Some(user), Some(position)) = (members.by_row(row), position) {
                read.insert(user.id, position);
            }
        }
        let unread = if own == newest { 0 } else { self.unread_after(members.row, viewer, own)? };
        let members = members.people.iter().map(|person| person.user.clone()).collect();
        Ok(Conversation { last_message, unread, read, ..Conversation::new(id, members, created_at) })
    }

    fn last_message(
        &self,
        id: ConversationId,
        members: &Members,
        newest: Option<Offset>,
    ) -> Result<Option<Message>, ViewsError> {
        match newest {
            Some(newest) => message_at(self.rows, id, members, place(members.row, newest)),
            None => Ok(None),
        }
    }

    fn newest_of(&self, conversation: i64) -> Result<(Timestamp, Option<Offset>), ViewsError> {
        let mut find =
            self.rows.prepare_cached("SELECT created_at, newest FROM conversations WHERE row = ?1")?;
        Ok(find.query_row([conversation], |row| {
            Ok((Timestamp::from_millis(row.get(0)?), row.get::<_, Option<i64>>(1)?.map(column_offset)))
        })?)
    }

    /// Sums the whole chunks after the position, and counts within the one that it lies in.
    fn unread_after(&self, conversation: i64, viewer: i64, read: Option<Offset>) -> Result<u64, ViewsError> {
        let from = read.map_or(Offset(0), Offset::next);
        let chunk = from.0 / CHUNK_OFFSETS;
        let last_of_chunk = Offset((chunk + 1) * CHUNK_OFFSETS - 1);
        let mut whole = self.rows.prepare_cached(
            "SELECT coalesce(sum(messages), 0) FROM counts WHERE conversation = ?1 AND chunk > ?2 AND sender <> ?3",
        )?;
        let whole: i64 =
            whole.query_row((conversation, sql_offset(Offset(chunk)), viewer), |row| row.get(0))?;
        let mut part = self
            .rows
            .prepare_cached("SELECT count(*) FROM messages WHERE place BETWEEN ?1 AND ?2 AND sender <> ?3")?;
        let range = (place(conversation, from), place(conversation, last_of_chunk), viewer);
        let part: i64 = part.query_row(range, |row| row.get(0))?;
        Ok(u64::try_from(whole + part).unwrap_or_default())
    }
}

/// A read position, which never lies beyond the newest message: its record may be here before the messages are.
fn no_further_than(newest: Option<Offset>, read: Option<i64>) -> Option<Offset> {
    Some(column_offset(read?).min(newest?))
}

/// A place in the list of conversations.
struct Cursor {
    activity: i64,
    id: Uuid,
}

impl Cursor {
    /// Before everything.
    const FIRST: Self = Self { activity: i64::MAX, id: Uuid::max() };

    fn to_text(&self) -> String {
        format!("{:x}-{}", self.activity, self.id.as_simple())
    }

    fn parse(text: &str) -> Option<Self> {
        let (activity, id) = text.split_once('-')?;
        Some(Self { activity: i64::from_str_radix(activity, 16).ok()?, id: Uuid::try_parse(id).ok()? })
    }
}
