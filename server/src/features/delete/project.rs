//! What becomes of a deletion.

use crate::{
    features::messages::{
        change::{self, Changed, Target},
        upkeep::{self, TOMBSTONE_BODY},
    },
    kernel::{
        projector::{Effects, InConversation, Projector, Recorded},
        views::{
            ViewsError,
            schema::{blob, place},
        },
    },
};
use kafkatalk_log::Record;
use kafkatalk_protocol::{Offset, delete::MessageDeleted};

/// Raised with every change of the tables, of the kinds handled or of what becomes of a record: see
/// [`Projector::new`].
const VERSION: u32 = 1;

impl Recorded for MessageDeleted {
    type Outcome = Changed;
}

pub(super) fn projector() -> Projector {
    Projector::new("delete", VERSION, "", &[]).rests_on(&["messages"]).conversation::<MessageDeleted>(deleted)
}

fn deleted(
    at: &mut InConversation<'_>,
    record: &Record,
    event: &MessageDeleted,
) -> Result<Effects<Changed>, ViewsError> {
    let Some((author, user)) = upkeep::author(at, record).filter(|(_, user)| *user == event.sender) else {
        return Ok(change::refused(Changed::NotAllowed));
    };
    if event.message >= at.offset {
        return Ok(change::refused(Changed::NotFound));
    }
    match change::target(at, event.message)? {
        Some(target) if target.sender_id != user => return Ok(change::refused(Changed::NotAllowed)),
        Some(target) if target.is_deleted() => return Ok(change::refused(Changed::Deleted)),
        Some(target) => {
            bury(at, record, &target, event.message)?;
        }
        // The log has forgotten the message, and this node begins anew.
        None => {
            raise_tombstone(at, record, author, event)?;
        }
    }
    change::claim(at, author, event.id, event.message)?;
    change::finish(at, event.message)
}

/// Takes the content of a message away, wherever it is kept. What is left names the deletion as its record.
fn bury(
    at: &mut InConversation<'_>,
    record: &Record,
    target: &Target,
    message: Offset,
) -> Result<(), ViewsError> {
    change::forget_duplicates(at, target)?;
    change::await_erasure(at, target)?;
    upkeep::forget_changes(at, target.row)?;
    change::set_body(at, target, TOMBSTONE_BODY)?;
    at.registry.forget(at.rows, target.row)?;
    at.rows
        .prepare_cached("UPDATE messages SET record = ?2 WHERE place = ?1")?
        .execute((target.row, blob(&record.id)))?;
    at.state.count(message, target.sender, -1);
    Ok(())
}

/// The same tombstone, where only the deletion is known.
fn raise_tombstone(
    at: &mut InConversation<'_>,
    record: &Record,
    author: i64,
    event: &MessageDeleted,
) -> Result<(), ViewsError> {
    change::demote_duplicate(at, author, event.message_id)?;
    let sent_at = event.sent_at.as_millis();
    let mut insert = at.rows.prepare_cached(
        "INSERT INTO messages (place, sender, sent_at, id, record, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT DO NOTHING",
    )?;
    insert.execute((
        place(at.state.row, event.message),
        author,
        sent_at,
        blob(&event.message_id.0),
        blob(&record.id),
        TOMBSTONE_BODY,
    ))?;
    if at.state.newest() < Some(event.message) {
        at.state.set_newest(Some((event.message, sent_at)));
    }
    Ok(())
}
