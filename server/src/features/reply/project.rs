//! Which message a message replies to, and how that begins. The excerpt is read when the reply is: an edit or a deletion
//! of the quoted message shows in it.

use crate::kernel::{
    projector::{AfterReset, InConversation, Projector, Seen},
    views::{
        ViewsError,
        query::{body, user_of_row},
        schema::{column_offset, place, places_of, sql_offset},
    },
};
use kafkatalk_protocol::{
    Message, Offset,
    event::MessagePosted,
    reply::{Quote, excerpt},
};
use rusqlite::{Connection, OptionalExtension};

/// Raised with every change of the tables, of the kinds handled or of what becomes of a record: see
/// [`Projector::new`].
const VERSION: u32 = 1;

const TABLES: &str = "
CREATE TABLE replies (place INTEGER PRIMARY KEY, quoted INTEGER NOT NULL) STRICT;
";

const DUMP: &[(&str, &str)] = &[(
    "reply",
    "SELECT conversations.id, place & 0xffffffff, quoted FROM replies
     JOIN conversations ON conversations.row = place >> 32 ORDER BY 1, 2",
)];

pub(super) fn projector() -> Projector {
    Projector::new("reply", VERSION, TABLES, DUMP)
        .rests_on(&["messages"])
        .posts(posted)
        .completes(complete)
        .forgets(forget)
        .resets(reset)
}

/// Only what was there before can be quoted. Whether it still is, is seen when the reply is read.
fn posted(at: &InConversation<'_>, event: &MessagePosted) -> Result<(), ViewsError> {
    if let Some(quoted) = event.reply_to.filter(|quoted| *quoted < at.offset) {
        at.rows
            .prepare_cached("INSERT INTO replies (place, quoted) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
            .execute((place(at.state.row, at.offset), sql_offset(quoted)))?;
    }
    Ok(())
}

fn forget(rows: &Connection, place: i64) -> Result<(), ViewsError> {
    rows.prepare_cached("DELETE FROM replies WHERE place = ?1")?.execute([place])?;
    Ok(())
}

fn reset(rows: &Connection, conversation: i64) -> Result<Option<AfterReset>, ViewsError> {
    rows.execute("DELETE FROM replies WHERE place BETWEEN ?1 AND ?2", places_of(conversation))?;
    Ok(None)
}

fn complete(rows: &Connection, seen: &Seen<'_>, messages: &mut [Message]) -> Result<(), ViewsError> {
    let query = "SELECT place, quoted FROM replies WHERE place BETWEEN ?1 AND ?2";
    seen.add_rows(rows, query, messages, |message, row| {
        message.reply_to = Some(quote(rows, seen, column_offset(row.get(1)?))?);
        Ok(())
    })
}

/// The quoted message as it is now, without its content where that is gone or not for all who look.
fn quote(rows: &Connection, seen: &Seen<'_>, offset: Offset) -> Result<Quote, ViewsError> {
    let nothing = Quote { offset, sender: None, excerpt: None };
    if offset < seen.sees_from {
        return Ok(nothing);
    }
    let mut find =
        rows.prepare_cached("SELECT sender, body FROM messages WHERE place = ?1 AND body <> ''")?;
    let found = find.query_row([place(seen.members.row, offset)], |row| {
        Ok((row.get(0)?, body(row, 1).map(|body| excerpt(&body))))
    });
    let Some((sender, excerpt)) = found.optional()? else { return Ok(nothing) };
    let sender = match seen.members.by_row(sender) {
        Some(sender) => sender.clone(),
        None => user_of_row(rows, sender)?,
    };
    Ok(Quote { offset, sender: Some(sender), excerpt: Some(excerpt?) })
}
