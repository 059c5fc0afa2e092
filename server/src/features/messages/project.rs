//! Messages: posted, repeated, erased; and what other features may do to one.

use super::{
    query::message_at,
    reset,
    rows::{MESSAGES_DUMP, MESSAGES_TABLES},
    upkeep::{TOMBSTONE_BODY, await_erasure_of, bounds, find_newest, forget_changes, forget_words},
};
use crate::kernel::{
    projector::{Delivery, Effects, IgnoreReason, InConversation, Projector, Recorded},
    views::{
        ViewsError,
        schema::{blob, offset_of, place, uuid},
    },
};
use kafkatalk_log::{Record, RecordId};
use kafkatalk_protocol::{Message, ServerFrame, Timestamp, event::MessagePosted};
use rusqlite::{Connection, OptionalExtension};
use std::sync::Arc;
use uuid::Uuid;

/// Raised with every change of the tables, of the kinds handled or of what becomes of a record: see
/// [`Projector::new`].
const VERSION: u32 = 1;

/// What came of a posted message.
#[derive(Clone, Debug)]
pub enum Posted {
    /// Members see it from now on.
    Placed(Arc<Message>),
    /// The sender has posted a message under the same id before: that one counts.
    Duplicate(Arc<Message>),
    /// The sender is no member.
    NotAllowed,
    /// The views held this record already.
    Repeat,
}

impl Recorded for MessagePosted {
    type Outcome = Posted;
}

pub(super) fn projector() -> Projector {
    Projector::new("messages", VERSION, MESSAGES_TABLES, MESSAGES_DUMP)
        .rests_on(&["conversations"])
        .conversation::<MessagePosted>(posted)
        .raw(Record::ERASED, erased)
        .tells_what_is_there(is_there)
        .resets(reset::reset)
}

fn posted(
    at: &mut InConversation<'_>,
    record: &Record,
    event: &MessagePosted,
) -> Result<Effects<Posted>, ViewsError> {
    let members = Arc::clone(at.state.members());
    let Some(sender) = record.author.and_then(|author| members.by_id(author)) else {
        return Ok(Effects::skipped(IgnoreReason::NotAllowed, Posted::NotAllowed));
    };
    let id = event.id;
    let row = place(at.state.row, at.offset);
    let mut insert = at.rows.prepare_cached(
        "INSERT INTO messages (place, sender, sent_at, id, record, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT DO NOTHING",
    )?;
    let sent_at = record.at.as_millis();
    if insert.execute((row, sender.row, sent_at, blob(&id.0), blob(&record.id), event.body.as_str()))? == 0 {
        return duplicate(at, sender.row, record, event);
    }
    at.registry.posted(at, event)?;
    let mut message = Message::new(
        at.state.id,
        at.offset,
        id,
        sender.user.clone(),
        Timestamp::from_millis(sent_at),
        event.body.clone(),
    );
    message.previous = at.state.newest();
    if event.reply_to.is_some() {
        at.registry.complete(at.rows, &at.seen_by_all(), std::slice::from_mut(&mut message))?;
    }
    at.cache.placed(at.state.id, sender.user.id, id);
    at.state.count(at.offset, sender.row, 1);
    at.state.set_newest(Some((at.offset, sent_at)));
    let (record, previous_record) = at.link();
    let frame = ServerFrame::Message { message: message.clone(), record, previous_record };
    let to_all = Delivery::to(at.state.member_ids(), frame);
    Ok(Effects::of(Posted::Placed(Arc::new(message))).visible().deliver([to_all]))
}

/// A message whose client id is there already. It is kept aside, because it counts once the first one is erased: whoever
/// begins anew after that erasure never sees the first.
fn duplicate(
    at: &InConversation<'_>,
    sender: i64,
    record: &Record,
    event: &MessagePosted,
) -> Result<Effects<Posted>, ViewsError> {
    let (id, body) = (event.id, &event.body);
    let row = place(at.state.row, at.offset);
    let mut find = at
        .rows
        .prepare_cached("SELECT place FROM messages WHERE conversation = ?1 AND sender = ?2 AND id = ?3")?;
    let first = find.query_row((at.state.row, sender, blob(&id.0)), |row| row.get(0)).optional()?;
    let Some(first) = first.filter(|first: &i64| *first != row) else {
        return Ok(Effects::skipped(IgnoreReason::Repeat, Posted::Repeat));
    };
    let first = message_at(at, offset_of(first))?
        .ok_or_else(|| ViewsError::Damaged("an index names a message that is not there".into()))?;
    let skipped = |first| Ok(Effects::skipped(IgnoreReason::Duplicate, Posted::Duplicate(Arc::new(first))));
    if first.deleted {
        // Its content is not to be kept anywhere.
        await_erasure_of(at, record.id, false)?;
        return skipped(first);
    }
    let mut insert = at.rows.prepare_cached(
        "INSERT INTO duplicates (place, sender, sent_at, id, record, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT DO NOTHING",
    )?;
    insert.execute((row, sender, record.at.as_millis(), blob(&id.0), blob(&record.id), body.as_str()))?;
    at.registry.posted(at, event)?;
    skipped(first)
}

/// Whether the message, or the duplicate, of a record is still at its place, with its content.
fn is_there(rows: &Connection, place: i64, record: &Record) -> Result<bool, ViewsError> {
    let mut find = rows.prepare_cached(
        "SELECT 1 FROM messages WHERE place = ?1 AND record = ?2
         UNION ALL SELECT 1 FROM duplicates WHERE place = ?1 AND record = ?2",
    )?;
    // A tombstone names the record of the deletion.
    Ok(find.exists((place, blob(&record.id)))?)
}

/// The content of a record is gone. A link of the chain in any case: a node that begins anew after it, when the log has
/// forgotten the content, must come to the same chain.
fn erased(at: &mut InConversation<'_>, record: &Record) -> Result<Effects<()>, ViewsError> {
    let people = at.state.member_ids();
    let (link, previous_record) = at.link();
    let conversation = at.state.id;
    let frame = ServerFrame::Record { conversation, record: link.unwrap_or(at.offset), previous_record };
    let linked = |effects: Effects<()>| effects.visible().deliver([Delivery::to(people, frame)]);
    let Some(erased) = record.key.as_deref().and_then(|key| Uuid::parse_str(key).ok()) else {
        return Ok(linked(Effects::skipped(IgnoreReason::Malformed, ())));
    };
    at.rows.prepare_cached("DELETE FROM pending_erasures WHERE record = ?1")?.execute([blob(&erased)])?;
    Ok(linked(if erase(at, erased)? {
        Effects::of(())
    } else {
        Effects::skipped(IgnoreReason::NothingToErase, ())
    }))
}

/// Whether there was a message, or a duplicate of one, in that record.
fn erase(at: &mut InConversation<'_>, erased: RecordId) -> Result<bool, ViewsError> {
    let (from, to) = bounds(at);
    let mut find = at.rows.prepare_cached(
        "SELECT place, sender, id, body FROM messages WHERE record = ?1 AND place BETWEEN ?2 AND ?3",
    )?;
    let found = find
        .query_row((blob(&erased), from, to), |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, uuid(row, 2)?, row.get::<_, String>(3)?))
        })
        .optional()?;
    let Some((row, sender, id, body)) = found else {
        let mut delete = at.rows.prepare_cached(
            "DELETE FROM duplicates WHERE place BETWEEN ?1 AND ?2 AND record = ?3 RETURNING place",
        )?;
        let gone: Option<i64> = delete.query_row((from, to, blob(&erased)), |row| row.get(0)).optional()?;
        if let Some(gone) = gone {
            at.registry.forget(at.rows, gone)?;
        }
        return Ok(gone.is_some());
    };
    at.rows.prepare_cached("DELETE FROM messages WHERE place = ?1")?.execute([row])?;
    forget_changes(at, row)?;
    at.registry.forget(at.rows, row)?;
    // A tombstone is not counted.
    if body != TOMBSTONE_BODY {
        at.state.count(offset_of(row), sender, -1);
    }
    let promoted = promote_duplicate(at, sender, id)?;
    forget_words(at, row, &body, promoted)?;
    find_newest(at)?;
    Ok(true)
}

/// The first duplicate of a message that is gone takes its part; its place.
fn promote_duplicate(at: &mut InConversation<'_>, sender: i64, id: Uuid) -> Result<Option<i64>, ViewsError> {
    let (from, to) = bounds(at);
    let mut find = at.rows.prepare_cached(
        "SELECT min(place) FROM duplicates WHERE sender = ?1 AND id = ?2 AND place BETWEEN ?3 AND ?4",
    )?;
    let duplicate: Option<i64> = find.query_row((sender, blob(&id), from, to), |row| row.get(0))?;
    let Some(duplicate) = duplicate else { return Ok(None) };
    at.rows.execute(
        "INSERT INTO messages (place, sender, sent_at, id, record, body)
         SELECT place, sender, sent_at, id, record, body FROM duplicates WHERE place = ?1",
        [duplicate],
    )?;
    at.rows.execute("DELETE FROM duplicates WHERE place = ?1", [duplicate])?;
    at.state.count(offset_of(duplicate), sender, 1);
    Ok(Some(duplicate))
}
