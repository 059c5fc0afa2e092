//! Searching the viewer's messages.

use crate::kernel::views::{
    Query, Viewpoint, ViewsError,
    schema::{conversation_of, offset_of, uuid},
    search::{Asked, IndexError, bucket, bucket_end, bucket_of, expression, last_ms},
};
use kafkatalk_protocol::{
    ConversationId, Offset, UserId,
    http::{Found, Hit},
};
use rusqlite::{Connection, OptionalExtension};
use std::collections::HashMap;
use uuid::Uuid;

/// Bytes that one page may compare with a word each. What the index names without its being a hit, such as words that
/// make no phrase, costs time; past this much the caller gets what there is and a cursor.
const COMPARED_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Bytes that could be compared in the time that it takes to come to a message.
const MESSAGE_BYTES: usize = 2 * 1024;

/// Conversations that hits are in, by row; none for what the viewer is not to see.
type Seen<'a> = HashMap<i64, Option<Viewpoint<'a>>>;

/// Hits and their places, in order; and from where to go on.
type Walked = (Vec<(Cursor, i64)>, Option<Cursor>);

impl Query<'_> {
    /// See [`Views::search`](crate::kernel::views::Views::search).
    pub(crate) fn search(&self, index: &Connection, asked: &Asked) -> Result<Found, ViewsError> {
        let before = asked.before.as_deref().map_or(Some(Cursor::FIRST), Cursor::parse);
        let before = before.ok_or(ViewsError::BadCursor)?;
        let none = Found { hits: Vec::new(), next: None };
        let Some(person) = self.row_of_user(asked.viewer)? else { return Ok(none) };
        let mut seen = Seen::new();
        let within = match asked.conversation {
            None => None,
            Some(id) => {
                let Some(seen) = self.as_seen_by(asked.viewer, id)? else { return Ok(none) };
                Some(seen.members.row)
            }
        };
        let (mut hits, more) = self.walk(index, asked, person, within, before, &mut seen)?;
        let next = if hits.len() > asked.limit {
            hits.truncate(asked.limit);
            hits.last().map(|(cursor, _)| *cursor)
        } else {
            more
        };
        let mut found = Vec::with_capacity(hits.len());
        for (_, place) in hits {
            let Some(Some(seen)) = seen.get(&conversation_of(place)) else { continue };
            if let Some(message) = seen.message(offset_of(place))? {
                let snippet = asked.text.snippet(message.body.as_str());
                found.push(Hit { message, snippet });
            }
        }
        Ok(Found { hits: found, next: next.map(Cursor::to_text) })
    }

    /// Hits from behind a cursor on, in order: one more than the limit, if there are so many. Where the work ended before
    /// that, from where to go on.
    fn walk<'a>(
        &'a self,
        index: &Connection,
        asked: &Asked,
        person: i64,
        within: Option<i64>,
        before: Cursor,
        seen: &mut Seen<'a>,
    ) -> Result<Walked, ViewsError> {
        // The index is the outer loop: it hands out its documents from the latest on, as they are asked for.
        let find = index.prepare_cached(
            "SELECT words.rowid, place FROM words CROSS JOIN documents ON document = words.rowid
             WHERE words MATCH ?1 AND words.rowid <= ?2 ORDER BY words.rowid DESC",
        );
        let mut find = find.map_err(IndexError::from)?;
        let sought = expression(person, asked.text.terms(), within);
        let up_to = bucket_end(bucket(before.sent_at));
        let mut candidates = find.query((sought, up_to)).map_err(IndexError::from)?;
        let (mut hits, mut sorted, mut compared, mut time) = (Vec::new(), 0, 0, None);
        while let Some(row) = candidates.next().map_err(IndexError::from)? {
            let now = bucket_of(row.get(0)?);
            if time.replace(now).is_some_and(|time| time != now) {
                // Within a moment the index knows no order.
                hits[sorted..].sort_by_key(|(cursor, _)| std::cmp::Reverse(*cursor));
                sorted = hits.len();
                if sorted > asked.limit {
                    return Ok((hits, None));
                }
                if compared >= COMPARED_BYTES_MAX {
                    return Ok((hits, Some(Cursor::end_of(now))));
                }
            }
            compared += MESSAGE_BYTES;
            let place = row.get(1)?;
            if within.is_some_and(|within| conversation_of(place) != within) {
                continue;
            }
            let hit = self.hit(asked, place, seen, &mut compared)?;
            hits.extend(hit.filter(|hit| *hit < before).map(|hit| (hit, place)));
        }
        hits[sorted..].sort_by_key(|(cursor, _)| std::cmp::Reverse(*cursor));
        Ok((hits, None))
    }

    /// Where the message at a place stands among the hits, if it is one.
    fn hit<'a>(
        &'a self,
        asked: &Asked,
        place: i64,
        seen: &mut Seen<'a>,
        compared: &mut usize,
    ) -> Result<Option<Cursor>, ViewsError> {
        let row = conversation_of(place);
        let conversation = match seen.get(&row) {
            Some(known) => known,
            None => seen.entry(row).or_insert(self.seen_by(asked.viewer, row)?),
        };
        let Some(conversation) = conversation else { return Ok(None) };
        let (id, offset) = (conversation.id, offset_of(place));
        if offset < conversation.viewer.sees_from {
            return Ok(None);
        }
        let mut find = self.rows.prepare_cached("SELECT sent_at, body FROM messages WHERE place = ?1")?;
        let mut found = find.query([place])?;
        let Some(message) = found.next()? else { return Ok(None) };
        let body = message.get_ref(1)?.as_str().map_err(|error| ViewsError::Damaged(error.to_string()))?;
        *compared += body.len() * asked.text.terms().count();
        if !asked.text.is_in(body) {
            return Ok(None);
        }
        Ok(Some(Cursor { sent_at: message.get(0)?, conversation: id.0, offset }))
    }

    fn seen_by(&self, viewer: UserId, row: i64) -> Result<Option<Viewpoint<'_>>, ViewsError> {
        let mut find = self.rows.prepare_cached("SELECT id FROM conversations WHERE row = ?1")?;
        let id = find.query_row([row], |row| uuid(row, 0)).optional()?.map(ConversationId);
        match id {
            Some(id) => self.as_seen_by(viewer, id),
            None => Ok(None),
        }
    }
}

/// A place among all hits, the same on every node: latest last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Cursor {
    sent_at: i64,
    conversation: Uuid,
    offset: Offset,
}

impl Cursor {
    /// Behind everything.
    const FIRST: Self = Self { sent_at: i64::MAX, conversation: Uuid::max(), offset: Offset(u64::MAX) };

    /// Behind all of that time, as the index counts it, and before all that is later.
    fn end_of(bucket: i64) -> Self {
        Self { sent_at: last_ms(bucket), ..Self::FIRST }
    }

    fn to_text(self) -> String {
        format!("{:x}-{}-{:x}", self.sent_at, self.conversation.as_simple(), self.offset.0)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '-');
        // As it is written: what lies before 1970 has the highest bit.
        let sent_at = u64::from_str_radix(parts.next()?, 16).ok()?.cast_signed();
        let conversation = Uuid::try_parse(parts.next()?).ok()?;
        Some(Self { sent_at, conversation, offset: Offset(u64::from_str_radix(parts.next()?, 16).ok()?) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_understood_whatever_time_it_is_of() {
        for sent_at in [i64::MIN, -1, 0, 1_700_000_000_000, i64::MAX] {
            let cursor = Cursor { sent_at, conversation: Uuid::from_u128(7), offset: Offset(3) };
            assert_eq!(Cursor::parse(&cursor.to_text()), Some(cursor));
        }
    }
}
