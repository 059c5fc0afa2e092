//! Read positions: they only go forward.

use crate::kernel::{
    projector::{Delivery, Effects, IgnoreReason, Projector, Recorded},
    views::{
        ViewsError,
        conversation::ConversationState,
        query::person_row,
        schema::{blob, column_offset, sql_offset, uuid},
        work::Work,
    },
};
use kafkatalk_log::{Ledger, Record};
use kafkatalk_protocol::{ConversationId, Offset, ServerFrame, UserId, event::ReceiptRead};
use rusqlite::Connection;

/// Raised with every change of the tables, of the kinds handled or of what becomes of a record: see
/// [`Projector::new`].
const VERSION: u32 = 1;

/// `reads` holds how far people have read, whether they are members or not: these records are in another stream than those
/// about members, and views may come to either first. Who may see a position is asked when it is read. `held_reads` holds
/// positions in conversations that are not open yet.
const TABLES: &str = "
CREATE TABLE reads (
    conversation INTEGER NOT NULL, user INTEGER NOT NULL, \"offset\" INTEGER NOT NULL, PRIMARY KEY (conversation, user)
) STRICT, WITHOUT ROWID;
CREATE TABLE held_reads (
    conversation BLOB NOT NULL, user BLOB NOT NULL, \"offset\" INTEGER NOT NULL, PRIMARY KEY (conversation, user)
) STRICT, WITHOUT ROWID;
";

const DUMP: &[(&str, &str)] = &[
    (
        "read",
        "SELECT conversations.id, users.id, \"offset\" FROM reads
         JOIN conversations ON conversations.row = conversation JOIN users ON users.row = user ORDER BY 1, 2",
    ),
    ("held read", "SELECT * FROM held_reads ORDER BY 1, 2"),
];

/// What came of a read position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// The member has read up to here now.
    Advanced,
    /// They had read further by an earlier record: up to there.
    Behind(Offset),
    /// Another person's position.
    NotAllowed,
}

impl Recorded for ReceiptRead {
    type Outcome = Read;
}

pub(super) fn projector() -> Projector {
    Projector::new("receipts", VERSION, TABLES, DUMP)
        .rests_on(&["conversations"])
        .ledger::<ReceiptRead>(Ledger::Receipts, read)
        .opens(place_held)
        .resets_ledgers(reset)
}

fn reset(rows: &Connection) -> Result<(), ViewsError> {
    Ok(rows.execute_batch("DELETE FROM reads; DELETE FROM held_reads")?)
}

fn read(work: &mut Work<'_>, record: &Record, event: &ReceiptRead) -> Result<Effects<Read>, ViewsError> {
    let ReceiptRead { conversation, user, offset } = *event;
    if record.author != Some(user) {
        return Ok(Effects::skipped(IgnoreReason::NotAllowed, Read::NotAllowed));
    }
    let in_open = work.with_conversation(conversation, |rows, state| {
        let (reader, _) = person_row(rows, user)?;
        if let Some(held) = advance(rows, state, reader, sql_offset(offset))? {
            return Ok(Effects::of(Read::Behind(held)));
        }
        let advanced = Effects::of(Read::Advanced);
        if state.members().by_id(user).is_none() {
            return Ok(advanced);
        }
        let frame = ServerFrame::Read { conversation, user, offset };
        Ok(advanced.deliver([Delivery::to(state.member_ids(), frame)]))
    })?;
    match in_open {
        Some(effects) => Ok(effects),
        None => hold(work.rows, conversation, user, offset).map(Effects::of),
    }
}

/// Keeps a position in a conversation that is not open yet.
fn hold(
    rows: &Connection,
    conversation: ConversationId,
    user: UserId,
    offset: Offset,
) -> Result<Read, ViewsError> {
    let mut keep = rows.prepare_cached(
        "INSERT INTO held_reads (conversation, user, \"offset\") VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET \"offset\" = excluded.\"offset\"
         WHERE excluded.\"offset\" > held_reads.\"offset\"",
    )?;
    if keep.execute((blob(&conversation.0), blob(&user.0), sql_offset(offset)))? > 0 {
        return Ok(Read::Advanced);
    }
    let mut held =
        rows.prepare_cached("SELECT \"offset\" FROM held_reads WHERE conversation = ?1 AND user = ?2")?;
    let held = held.query_row((blob(&conversation.0), blob(&user.0)), |row| row.get(0))?;
    Ok(Read::Behind(column_offset(held)))
}

fn place_held(rows: &Connection, state: &mut ConversationState) -> Result<(), ViewsError> {
    let mut held =
        rows.prepare_cached("DELETE FROM held_reads WHERE conversation = ?1 RETURNING user, \"offset\"")?;
    let held = held
        .query_map([blob(&state.id.0)], |row| Ok((UserId(uuid(row, 0)?), row.get::<_, i64>(1)?)))?
        .collect::<Result<Vec<_>, _>>()?;
    for (user, offset) in held {
        let (reader, _) = person_row(rows, user)?;
        advance(rows, state, reader, offset)?;
    }
    Ok(())
}

/// Moves a position forward. Where this is not further, how far it is.
fn advance(
    rows: &Connection,
    state: &ConversationState,
    user: i64,
    offset: i64,
) -> Result<Option<Offset>, ViewsError> {
    let mut advance = rows.prepare_cached(
        "INSERT INTO reads (conversation, user, \"offset\") VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET \"offset\" = excluded.\"offset\" WHERE excluded.\"offset\" > reads.\"offset\"",
    )?;
    if advance.execute((state.row, user, offset))? > 0 {
        return Ok(None);
    }
    let mut held =
        rows.prepare_cached("SELECT \"offset\" FROM reads WHERE conversation = ?1 AND user = ?2")?;
    Ok(Some(column_offset(held.query_row((state.row, user), |row| row.get(0))?)))
}
