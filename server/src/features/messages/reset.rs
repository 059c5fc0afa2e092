//! Messages of a conversation whose stream is read again.
//!
//! The search index keeps no texts: to forget one, it must be told the very text that it learned. It learned what stood in the
//! rows, whatever the stream makes of them now. So the texts of before are set aside among those that it is to forget, and
//! once the stream is read, what is the same is taken off that list again.

use crate::kernel::{
    projector::AfterReset,
    views::{ViewsError, schema::places_of},
};
use rusqlite::Connection;

/// Tables whose rows lie at places of messages.
const BY_PLACE: [&str; 4] = ["messages", "duplicates", "changes", "contents"];

/// See [`crate::kernel::projector::Reset`].
pub(super) fn reset(rows: &Connection, conversation: i64) -> Result<Option<AfterReset>, ViewsError> {
    let (first, last) = places_of(conversation);
    let before = last_number(rows)?;
    rows.execute(
        "INSERT INTO pending_index_deletes (place, body)
         SELECT place, body FROM messages WHERE place BETWEEN ?1 AND ?2 AND body <> '' ORDER BY place",
        (first, last),
    )?;
    let set_aside = last_number(rows)?;
    for table in BY_PLACE {
        rows.execute(&format!("DELETE FROM {table} WHERE place BETWEEN ?1 AND ?2"), (first, last))?;
    }
    rows.execute("DELETE FROM pending_erasures WHERE conversation = ?1", [conversation])?;
    Ok(Some(Box::new(move |rows| compare(rows, (first, last), (before, set_aside)))))
}

/// The number of the last text that the index is, or was, to forget.
fn last_number(rows: &Connection) -> Result<i64, ViewsError> {
    let mut find =
        rows.prepare_cached("SELECT max(seq) FROM sqlite_sequence WHERE name = 'pending_index_deletes'")?;
    Ok(find.query_row([], |row| row.get::<_, Option<i64>>(0))?.unwrap_or(0))
}

/// Tells the index what differs: texts that were set aside have numbers behind `before`, up to `set_aside`.
fn compare(
    rows: &Connection,
    (first, last): (i64, i64),
    (before, set_aside): (i64, i64),
) -> Result<(), ViewsError> {
    // What the handlers noted is of texts that the index never had.
    rows.execute("DELETE FROM pending_index_deletes WHERE number > ?1", [set_aside])?;
    rows.execute(
        "INSERT INTO pending_index_deletes (place, body, added)
         SELECT place, '', place FROM messages WHERE place BETWEEN ?1 AND ?2 AND body <> '' AND place NOT IN
         (SELECT place FROM pending_index_deletes WHERE number > ?3 AND number <= ?4) ORDER BY place",
        (first, last, before, set_aside),
    )?;
    rows.execute(
        "DELETE FROM pending_index_deletes WHERE number > ?1 AND number <= ?2 AND body =
         (SELECT body FROM messages WHERE messages.place = pending_index_deletes.place)",
        (before, set_aside),
    )?;
    rows.execute(
        "UPDATE pending_index_deletes SET added = place WHERE number > ?1 AND number <= ?2 AND EXISTS
         (SELECT 1 FROM messages WHERE messages.place = pending_index_deletes.place AND messages.body <> '')",
        (before, set_aside),
    )?;
    Ok(())
}
