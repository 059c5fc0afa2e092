//! Messages: placed, held, copied, erased.

use super::{Known, Work, ignored};
use crate::views::{
    Change, IgnoreReason, ViewsError,
    query::{body, message_at},
    schema::{OFFSET_MAX, blob, column_offset, offset_of, place, sql_offset, uuid},
};
use kafkatalk_log::{Record, RecordId};
use kafkatalk_protocol::{
    Body, ConversationId, Message, MessageId, Offset, Timestamp, UserId, event::MessagePosted,
};
use rusqlite::OptionalExtension;
use std::sync::Arc;
use uuid::Uuid;

/// A message on its way to its place.
struct Incoming {
    offset: Offset,
    record: RecordId,
    sender: UserId,
    sent_at: Timestamp,
    id: MessageId,
    body: Body,
}

impl Work<'_> {
    pub(super) fn message(
        &mut self,
        conversation: ConversationId,
        offset: Offset,
        record: &Record,
        event: MessagePosted,
    ) -> Result<Change, ViewsError> {
        let Some(sender) = record.author else { return Ok(ignored(IgnoreReason::NotAllowed)) };
        let incoming = Incoming {
            offset,
            record: record.id,
            sender,
            sent_at: record.at,
            id: event.id,
            body: event.body,
        };
        let Some(mut known) = self.take(conversation)? else { return self.hold(conversation, &incoming) };
        let change = self.post(&mut known, incoming)?;
        self.give_back(known);
        Ok(change)
    }

    fn hold(&self, conversation: ConversationId, message: &Incoming) -> Result<Change, ViewsError> {
        let mut hold = self.rows.prepare_cached(
            "INSERT INTO held_messages (conversation, \"offset\", sender, sent_at, id, record, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING",
        )?;
        let new = hold.execute((
            blob(&conversation.0),
            sql_offset(message.offset),
            blob(&message.sender.0),
            message.sent_at.as_millis(),
            blob(&message.id.0),
            blob(&message.record),
            message.body.as_str(),
        ))?;
        Ok(if new == 0 { ignored(IgnoreReason::Repeat) } else { Change::Held { conversation } })
    }

    fn post(&self, known: &mut Known, incoming: Incoming) -> Result<Change, ViewsError> {
        let members = Arc::clone(&known.members);
        let Some(sender) = members.by_id(incoming.sender) else {
            return Ok(ignored(IgnoreReason::NotAllowed));
        };
        let place = place(known.row, incoming.offset);
        let mut insert = self.rows.prepare_cached(
            "INSERT INTO messages (place, sender, sent_at, id, record, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT DO NOTHING",
        )?;
        let row = (
            place,
            sender.row,
            incoming.sent_at.as_millis(),
            blob(&incoming.id.0),
            blob(&incoming.record),
            incoming.body.as_str(),
        );
        if insert.execute(row)? == 0 {
            return self.copy(known, sender.row, place, &incoming);
        }
        let Incoming { offset, sent_at, id, body, .. } = incoming;
        let message = Message {
            previous: known.newest(),
            ..Message::new(known.id, offset, id, sender.user.clone(), sent_at, body)
        };
        known.count(offset, sender.row, 1);
        known.set_newest(Some((offset, sent_at.as_millis())));
        Ok(Change::Posted { message: Arc::new(message), members: Arc::clone(&members.ids) })
    }

    /// A message whose client id is there already. It is kept aside, because it counts once the first one is erased:
    /// whoever begins anew after that erasure never sees the first.
    fn copy(
        &self,
        known: &Known,
        sender: i64,
        place: i64,
        incoming: &Incoming,
    ) -> Result<Change, ViewsError> {
        let mut find = self.rows.prepare_cached(
            "SELECT place FROM messages WHERE conversation = ?1 AND sender = ?2 AND id = ?3",
        )?;
        let first = find.query_row((known.row, sender, blob(&incoming.id.0)), |row| row.get(0)).optional()?;
        let Some(first) = first.filter(|first: &i64| *first != place) else {
            return Ok(ignored(IgnoreReason::Repeat));
        };
        let mut insert = self.rows.prepare_cached(
            "INSERT INTO copies (place, sender, sent_at, id, record, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT DO NOTHING",
        )?;
        insert.execute((
            place,
            sender,
            incoming.sent_at.as_millis(),
            blob(&incoming.id.0),
            blob(&incoming.record),
            incoming.body.as_str(),
        ))?;
        let first = message_at(self.rows, known.id, &known.members, first)?;
        let first =
            first.ok_or_else(|| ViewsError::Damaged("an index names a message that is not there".into()))?;
        Ok(Change::Duplicate { first: Arc::new(first) })
    }

    /// Places what was held for a conversation that is seen from now on.
    pub(super) fn place_held(&self, known: &mut Known) -> Result<(), ViewsError> {
        let mut held = self.rows.prepare_cached(
            "SELECT \"offset\", sender, sent_at, id, record, body FROM held_messages
             WHERE conversation = ?1 ORDER BY \"offset\"",
        )?;
        let mut messages = held.query([blob(&known.id.0)])?;
        while let Some(row) = messages.next()? {
            let incoming = Incoming {
                offset: column_offset(row.get(0)?),
                sender: uuid(row, 1)?.into(),
                sent_at: Timestamp::from_millis(row.get(2)?),
                id: uuid(row, 3)?.into(),
                record: uuid(row, 4)?,
                body: body(row, 5)?,
            };
            self.post(known, incoming)?;
        }
        self.rows.execute("DELETE FROM held_messages WHERE conversation = ?1", [blob(&known.id.0)])?;
        Ok(())
    }

    pub(super) fn erase(
        &mut self,
        conversation: ConversationId,
        record: &Record,
    ) -> Result<Change, ViewsError> {
        let Some(erased) = record.key.as_deref().and_then(|key| Uuid::parse_str(key).ok()) else {
            return Ok(ignored(IgnoreReason::Malformed));
        };
        let Some(mut known) = self.take(conversation)? else {
            let mut delete = self
                .rows
                .prepare_cached("DELETE FROM held_messages WHERE conversation = ?1 AND record = ?2")?;
            let found = delete.execute((blob(&conversation.0), blob(&erased)))? > 0;
            let gone = Change::Erased { conversation, record: erased, offset: None, members: Arc::new([]) };
            return Ok(if found { gone } else { ignored(IgnoreReason::NothingToErase) });
        };
        let change = self.erase_message(&mut known, erased)?;
        self.give_back(known);
        Ok(change)
    }

    fn erase_message(&self, known: &mut Known, erased: RecordId) -> Result<Change, ViewsError> {
        let (from, to) = (place(known.row, Offset(0)), place(known.row, Offset(OFFSET_MAX)));
        let mut find = self.rows.prepare_cached(
            "SELECT place, sender, id, body FROM messages WHERE record = ?1 AND place BETWEEN ?2 AND ?3",
        )?;
        let found = find
            .query_row((blob(&erased), from, to), |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, uuid(row, 2)?, row.get::<_, String>(3)?))
            })
            .optional()?;
        let gone = |offset| Change::Erased {
            conversation: known.id,
            record: erased,
            offset,
            members: Arc::clone(&known.members.ids),
        };
        let Some((at, sender, id, said)) = found else {
            let mut delete = self
                .rows
                .prepare_cached("DELETE FROM copies WHERE place BETWEEN ?1 AND ?2 AND record = ?3")?;
            let found = delete.execute((from, to, blob(&erased)))? > 0;
            return Ok(if found { gone(None) } else { ignored(IgnoreReason::NothingToErase) });
        };
        let change = gone(Some(offset_of(at)));
        self.rows.prepare_cached("DELETE FROM messages WHERE place = ?1")?.execute([at])?;
        known.count(offset_of(at), sender, -1);
        let uncovered = self.uncover(known, sender, id)?;
        self.rows.execute(
            "INSERT INTO unsaid (place, body, uncovered) VALUES (?1, ?2, ?3)",
            (at, said, uncovered),
        )?;
        let mut last = self.rows.prepare_cached(
            "SELECT place, sent_at FROM messages WHERE place BETWEEN ?1 AND ?2 ORDER BY place DESC LIMIT 1",
        )?;
        let newest =
            last.query_row((from, to), |row| Ok((offset_of(row.get(0)?), row.get(1)?))).optional()?;
        known.set_newest(newest);
        Ok(change)
    }

    /// The first copy of a message that is gone takes its part; where that lies.
    fn uncover(&self, known: &mut Known, sender: i64, id: Uuid) -> Result<Option<i64>, ViewsError> {
        let (from, to) = (place(known.row, Offset(0)), place(known.row, Offset(OFFSET_MAX)));
        let mut find = self.rows.prepare_cached(
            "SELECT min(place) FROM copies WHERE sender = ?1 AND id = ?2 AND place BETWEEN ?3 AND ?4",
        )?;
        let copy: Option<i64> = find.query_row((sender, blob(&id), from, to), |row| row.get(0))?;
        let Some(copy) = copy else { return Ok(None) };
        self.rows.execute(
            "INSERT INTO messages (place, sender, sent_at, id, record, body)
             SELECT place, sender, sent_at, id, record, body FROM copies WHERE place = ?1",
            [copy],
        )?;
        self.rows.execute("DELETE FROM copies WHERE place = ?1", [copy])?;
        known.count(offset_of(copy), sender, 1);
        Ok(Some(copy))
    }
}
