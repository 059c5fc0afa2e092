//! What becomes of an edit.

use crate::{
    features::messages::{
        change::{self, Changed},
        upkeep,
    },
    kernel::{
        projector::{AfterReset, Effects, InConversation, Projector, Recorded, Seen},
        views::{ViewsError, schema::places_of},
    },
};
use kafkatalk_log::Record;
use kafkatalk_protocol::{Message, Timestamp, edit::MessageEdited};
use rusqlite::Connection;

/// Raised with every change of the tables, of the kinds handled or of what becomes of a record: see
/// [`Projector::new`].
const VERSION: u32 = 1;

/// When messages were last edited.
const TABLES: &str = "
CREATE TABLE edits (place INTEGER PRIMARY KEY, edited_at INTEGER NOT NULL) STRICT;
";

const DUMP: &[(&str, &str)] = &[(
    "edit",
    "SELECT conversations.id, place & 0xffffffff, edited_at FROM edits
     JOIN conversations ON conversations.row = place >> 32 ORDER BY 1, 2",
)];

impl Recorded for MessageEdited {
    type Outcome = Changed;
}

pub(super) fn projector() -> Projector {
    Projector::new("edit", VERSION, TABLES, DUMP)
        .rests_on(&["messages"])
        .conversation::<MessageEdited>(edited)
        .completes(complete)
        .forgets(forget)
        .resets(reset)
}

fn edited(
    at: &mut InConversation<'_>,
    record: &Record,
    event: &MessageEdited,
) -> Result<Effects<Changed>, ViewsError> {
    let Some((author, user)) = upkeep::author(at, record) else {
        return Ok(change::refused(Changed::NotAllowed));
    };
    let Some(target) = change::target(at, event.message)? else {
        return Ok(change::refused(Changed::NotFound));
    };
    if target.sender_id != user {
        return Ok(change::refused(Changed::NotAllowed));
    }
    if target.is_deleted() {
        // Its content is not to be kept anywhere.
        upkeep::await_erasure_of(at, record.id, false)?;
        return Ok(change::refused(Changed::Deleted));
    }
    if let Some(first) = change::claim(at, author, event.id, event.message)? {
        change::holds_content(at, &target, record)?;
        return Ok(change::refused(Changed::Repeat(first)));
    }
    change::holds_content(at, &target, record)?;
    if target.body == event.body.as_str() {
        return change::unchanged(at, event.message);
    }
    change::set_body(at, &target, event.body.as_str())?;
    at.rows
        .prepare_cached(
            "INSERT INTO edits (place, edited_at) VALUES (?1, ?2)
             ON CONFLICT DO UPDATE SET edited_at = excluded.edited_at",
        )?
        .execute((target.row, record.at.as_millis()))?;
    change::finish(at, event.message)
}

fn forget(rows: &Connection, place: i64) -> Result<(), ViewsError> {
    rows.prepare_cached("DELETE FROM edits WHERE place = ?1")?.execute([place])?;
    Ok(())
}

fn reset(rows: &Connection, conversation: i64) -> Result<Option<AfterReset>, ViewsError> {
    rows.execute("DELETE FROM edits WHERE place BETWEEN ?1 AND ?2", places_of(conversation))?;
    Ok(None)
}

/// Says of messages when they were edited.
fn complete(rows: &Connection, seen: &Seen<'_>, messages: &mut [Message]) -> Result<(), ViewsError> {
    let query = "SELECT place, edited_at FROM edits WHERE place BETWEEN ?1 AND ?2";
    seen.add_rows(rows, query, messages, |message, row| {
        message.edited_at = Some(Timestamp::from_millis(row.get(1)?));
        Ok(())
    })
}
