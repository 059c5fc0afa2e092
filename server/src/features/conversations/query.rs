//! Conversations as their members see them.

use crate::features::members::query::Group;
use crate::kernel::views::{
    Query, Viewpoint, ViewsError,
    query::sql_limit,
    schema::{CHUNK_OFFSETS, blob, column_offset, place, sql_offset, uuid},
};
use kafkatalk_protocol::{Conversation, ConversationId, Offset, UserId, http::Conversations};
use rusqlite::OptionalExtension;
use std::collections::BTreeMap;
use uuid::Uuid;

impl Query<'_> {
    /// The viewer's conversations, latest activity first, from behind a cursor on.
    pub fn conversations(
        &self,
        viewer: UserId,
        before: Option<&str>,
        limit: usize,
    ) -> Result<Conversations, ViewsError> {
        let before = before.map_or(Some(Cursor::FIRST), Cursor::parse).ok_or(ViewsError::BadCursor)?;
        let none = Conversations { conversations: Vec::new(), next: None };
        let Some(row) = self.row_of_user(viewer)? else { return Ok(none) };
        let mut find = self.rows.prepare_cached(
            "SELECT conversations.id, activity FROM members
             JOIN conversations ON conversations.row = members.conversation
             WHERE members.user = ?1 AND until IS NULL AND waiting = 0 AND (activity, conversations.id) < (?2, ?3)
             ORDER BY activity DESC, conversations.id DESC LIMIT ?4",
        )?;
        // One more than asked for tells whether there are more.
        let range = (row, before.activity, blob(&before.id), sql_limit(limit.saturating_add(1)));
        let found = find.query_map(range, |row| Ok(Cursor { id: uuid(row, 0)?, activity: row.get(1)? }))?;
        let mut found = found.collect::<Result<Vec<_>, _>>()?;
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| more).map(Cursor::to_text);
        let mut conversations = Vec::with_capacity(found.len());
        for Cursor { id, .. } in found {
            if let Some(seen) = self.as_seen_by(viewer, ConversationId(id))? {
                conversations.push(seen.conversation()?);
            }
        }
        Ok(Conversations { conversations, next })
    }

    /// Whom the creation of a conversation named, in the order of their ids.
    pub fn founders(&self, id: ConversationId) -> Result<Vec<UserId>, ViewsError> {
        let mut find = self.rows.prepare_cached(
            "SELECT users.id FROM members JOIN users ON users.row = user
             JOIN conversations ON conversations.row = conversation
             WHERE conversations.id = ?1 AND founder > 0 ORDER BY users.id",
        )?;
        let found = find.query_map([blob(&id.0)], |row| Ok(UserId(uuid(row, 0)?)))?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// A conversation as the viewer sees it; `None` where it is not there for them.
    pub fn conversation(
        &self,
        viewer: UserId,
        id: ConversationId,
    ) -> Result<Option<Conversation>, ViewsError> {
        self.as_seen_by(viewer, id)?.map(|seen| seen.conversation()).transpose()
    }
}

impl Viewpoint<'_> {
    /// The whole conversation as the viewer sees it.
    pub fn conversation(&self) -> Result<Conversation, ViewsError> {
        let (created_at, newest, record) = self.head()?;
        let last_message = match newest {
            Some(newest) => self.message(newest)?,
            None => None,
        };
        let rows = self.query.rows;
        let mut find = rows.prepare_cached("SELECT user, \"offset\" FROM reads WHERE conversation = ?1")?;
        let positions = find.query_map([self.members.row], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let (mut read, mut own) = (BTreeMap::new(), None);
        for position in positions {
            let (row, position) = position?;
            let position = no_further_than(newest, position);
            if row == self.viewer.row {
                own = position;
            }
            if let (Some(user), Some(position)) = (self.members.by_row(row), position) {
                read.insert(user.id, position);
            }
        }
        let unread = if own == newest { 0 } else { self.unread_after(own)? };
        let members = self.members.people.iter().map(|person| person.user.clone()).collect();
        let sees_from = Some(self.viewer.sees_from).filter(|first| *first > Offset(0));
        let Group { is_group: group, name, roles, .. } = self.group()?;
        let bare = Conversation::new(self.id, members, created_at);
        Ok(Conversation { last_message, unread, read, record, sees_from, group, name, roles, ..bare })
    }

    /// How far the viewer has read.
    pub fn read_position(&self) -> Result<Option<Offset>, ViewsError> {
        let newest = self.newest()?;
        let mut find = self
            .query
            .rows
            .prepare_cached("SELECT \"offset\" FROM reads WHERE conversation = ?1 AND user = ?2")?;
        let read: Option<i64> =
            find.query_row((self.members.row, self.viewer.row), |row| row.get(0)).optional()?;
        Ok(no_further_than(newest, read))
    }

    /// Messages of others after the viewer's read position.
    #[cfg(test)]
    pub(crate) fn unread(&self) -> Result<u64, ViewsError> {
        self.unread_after(self.read_position()?)
    }

    /// Sums the whole chunks after the position, and counts within the one that it lies in.
    fn unread_after(&self, read: Option<Offset>) -> Result<u64, ViewsError> {
        let (conversation, viewer) = (self.members.row, self.viewer.row);
        let from = read.map_or(Offset(0), Offset::next).max(self.viewer.sees_from);
        let chunk = from.0 / CHUNK_OFFSETS;
        let last_of_chunk = Offset((chunk + 1) * CHUNK_OFFSETS - 1);
        let mut whole = self.query.rows.prepare_cached(
            "SELECT coalesce(sum(messages), 0) FROM counts WHERE conversation = ?1 AND chunk > ?2 AND sender <> ?3",
        )?;
        let whole: i64 =
            whole.query_row((conversation, sql_offset(Offset(chunk)), viewer), |row| row.get(0))?;
        let mut part = self.query.rows.prepare_cached(
            "SELECT count(*) FROM messages WHERE place BETWEEN ?1 AND ?2 AND sender <> ?3 AND body <> ''",
        )?;
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
