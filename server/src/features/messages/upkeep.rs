//! What keeps the rows right when a message changes or goes, whoever does it.

use crate::kernel::{
    projector::InConversation,
    views::{
        ViewsError,
        schema::{blob, offset_of, places_of},
    },
};
use kafkatalk_log::Record;
use kafkatalk_protocol::UserId;
use rusqlite::OptionalExtension;

/// The text of a message whose content is gone, in the rows.
pub const TOMBSTONE_BODY: &str = "";

/// The author of a record, as a member: their row. None for who is not a member.
pub fn author(at: &InConversation<'_>, record: &Record) -> Option<(i64, UserId)> {
    let person = record.author.and_then(|author| at.state.members().by_id(author))?;
    Some((person.row, person.user.id))
}

/// The log is to forget a record. What posted a message is forgotten after what changed it: by it, a node that begins
/// anew in between knows which records changed what.
pub fn await_erasure_of(at: &InConversation<'_>, record: uuid::Uuid, last: bool) -> Result<(), ViewsError> {
    at.rows
        .prepare_cached(
            "INSERT INTO pending_erasures (record, conversation, since) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
        )?
        .execute((blob(&record), at.state.row, at.at.as_millis() + i64::from(last)))?;
    Ok(())
}

/// The changes of a message that is gone count no longer: the log forgets them with it.
pub fn forget_changes(at: &InConversation<'_>, row: i64) -> Result<(), ViewsError> {
    at.rows.prepare_cached("DELETE FROM changes WHERE place = ?1")?.execute([row])?;
    at.rows.prepare_cached("DELETE FROM contents WHERE place = ?1")?.execute([row])?;
    Ok(())
}

/// A message is gone: which one is the newest now is read from the rows.
pub(super) fn find_newest(at: &mut InConversation<'_>) -> Result<(), ViewsError> {
    let mut last = at.rows.prepare_cached(
        "SELECT place, sent_at FROM messages WHERE place BETWEEN ?1 AND ?2 ORDER BY place DESC LIMIT 1",
    )?;
    let newest = last.query_row(bounds(at), |row| Ok((offset_of(row.get(0)?), row.get(1)?))).optional()?;
    at.state.set_newest(newest);
    Ok(())
}

/// The search index is to forget a text that is no longer at that place; `added` is a place whose text it is to learn.
pub(super) fn forget_words(
    at: &InConversation<'_>,
    row: i64,
    body: &str,
    added: Option<i64>,
) -> Result<(), ViewsError> {
    at.rows
        .prepare_cached("INSERT INTO pending_index_deletes (place, body, added) VALUES (?1, ?2, ?3)")?
        .execute((row, body, added))?;
    Ok(())
}

pub(super) fn bounds(at: &InConversation<'_>) -> (i64, i64) {
    places_of(at.state.row)
}
