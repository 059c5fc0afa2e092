//! Read positions: they only go forward.

use crate::kernel::{
    projector::{Delivery, Effects, IgnoreReason, Projector, Recorded},
    views::{
        ViewsError,
        conversation::ConversationState,
        schema::{blob, column_offset, sql_offset, uuid},
        work::Work,
    },
};
use kafkatalk_log::{Ledger, Record};
use kafkatalk_protocol::{ConversationId, Offset, ServerFrame, UserId, event::ReceiptRead};
use rusqlite::Connection;

/// Positions in conversations that are not open yet.
const TABLES: &str = "
CREATE TABLE held_reads (
    conversation BLOB NOT NULL, user BLOB NOT NULL, \"offset\" INTEGER NOT NULL, PRIMARY KEY (conversation, user)
) STRICT, WITHOUT ROWID;
";

const DUMP: &[(&str, &str)] = &[("held read", "SELECT * FROM held_reads ORDER BY 1, 2")];

/// What came of a read position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// The member has read up to here now.
    Advanced,
    /// They had read further by an earlier record: up to there.
    Behind(Offset),
    /// They are no member.
    NotAllowed,
}

impl Recorded for ReceiptRead {
    type Outcome = Read;
}

pub(super) fn projector() -> Projector {
    Projector::new("receipts", TABLES, DUMP).ledger::<ReceiptRead>(Ledger::Receipts, read).opens(place_held)
}

fn read(work: &mut Work<'_>, record: &Record, event: &ReceiptRead) -> Result<Effects<Read>, ViewsError> {
    let ReceiptRead { conversation, user, offset } = *event;
    let not_allowed = || Effects::skipped(IgnoreReason::NotAllowed, Read::NotAllowed);
    if record.author != Some(user) {
        return Ok(not_allowed());
    }
    let in_open = work.with_conversation(conversation, |rows, state| {
        let members = std::sync::Arc::clone(state.members());
        let Some(person) = members.by_id(user) else { return Ok(not_allowed()) };
        if let Some(held) = advance(rows, state, person.row, sql_offset(offset))? {
            return Ok(Effects::of(Read::Behind(held)));
        }
        let frame = ServerFrame::Read { conversation, user, offset };
        Ok(Effects::of(Read::Advanced).deliver([Delivery::to(state.member_ids(), frame)]))
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
        if let Some(person) = state.members().by_id(user) {
            advance(rows, state, person.row, offset)?;
        }
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
        "UPDATE members SET read = ?3 WHERE conversation = ?1 AND user = ?2 AND (read IS NULL OR read < ?3)",
    )?;
    if advance.execute((state.row, user, offset))? > 0 {
        return Ok(None);
    }
    let mut held = rows.prepare_cached("SELECT read FROM members WHERE conversation = ?1 AND user = ?2")?;
    Ok(Some(column_offset(held.query_row((state.row, user), |row| row.get(0))?)))
}
