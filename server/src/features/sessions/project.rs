//! Sessions: started and ended.

use crate::kernel::{
    projector::{Delivery, Effects, IgnoreReason, Projector, Recorded},
    views::{
        ViewsError,
        cache::TokenHash,
        schema::{blob, token_hash, uuid},
        work::Work,
    },
};
use kafkatalk_log::{Ledger, Record};
use kafkatalk_protocol::{
    UserId,
    event::{SessionEnded, SessionStarted},
};
use rusqlite::{Connection, OptionalExtension};

/// Raised with every change of the tables, of the kinds handled or of what becomes of a record: see
/// [`Projector::new`].
const VERSION: u32 = 1;

const TABLES: &str = "
CREATE TABLE sessions (
    id BLOB PRIMARY KEY, user BLOB NOT NULL, token_hash BLOB NOT NULL UNIQUE, created_at INTEGER NOT NULL,
    user_agent TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_user ON sessions (user, created_at);
";

const DUMP: &[(&str, &str)] =
    &[("session", "SELECT id, user, token_hash, created_at, user_agent FROM sessions ORDER BY id")];

impl Recorded for SessionStarted {
    type Outcome = ();
}

impl Recorded for SessionEnded {
    type Outcome = ();
}

pub(super) fn projector() -> Projector {
    Projector::new("sessions", VERSION, TABLES, DUMP)
        .ledger::<SessionStarted>(Ledger::Sessions, started)
        .ledger::<SessionEnded>(Ledger::Sessions, ended)
        .resets_ledgers(reset)
}

fn reset(rows: &Connection) -> Result<(), ViewsError> {
    Ok(rows.execute_batch("DELETE FROM sessions")?)
}

fn started(work: &mut Work<'_>, record: &Record, event: &SessionStarted) -> Result<Effects<()>, ViewsError> {
    if record.author != Some(event.user) {
        return Ok(Effects::skipped(IgnoreReason::NotAllowed, ()));
    }
    let Some(hash) = token_hash(&event.token_hash) else {
        return Ok(Effects::skipped(IgnoreReason::Malformed, ()));
    };
    let mut insert = work.rows.prepare_cached(
        "INSERT INTO sessions (id, user, token_hash, created_at, user_agent) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT DO NOTHING",
    )?;
    let started = insert.execute((
        blob(&event.session.0),
        blob(&event.user.0),
        hash,
        record.at.as_millis(),
        event.user_agent.as_deref(),
    ))?;
    Ok(match started {
        0 => Effects::skipped(IgnoreReason::Repeat, ()),
        _ => Effects::of(()),
    })
}

fn ended(work: &mut Work<'_>, record: &Record, event: &SessionEnded) -> Result<Effects<()>, ViewsError> {
    let session = event.session;
    let mut find = work.rows.prepare_cached("SELECT user, token_hash FROM sessions WHERE id = ?1")?;
    let found = find
        .query_row([blob(&session.0)], |row| Ok((UserId(uuid(row, 0)?), row.get::<_, TokenHash>(1)?)))
        .optional()?;
    // Its start may be compacted away.
    let Some((user, hash)) = found else { return Ok(Effects::of(())) };
    if record.author != Some(user) {
        return Ok(Effects::skipped(IgnoreReason::NotAllowed, ()));
    }
    work.rows.prepare_cached("DELETE FROM sessions WHERE id = ?1")?.execute([blob(&session.0)])?;
    work.after_commit(move |cache| cache.end_session(&hash));
    Ok(Effects::of(()).deliver([Delivery::EndSession { user, session }]))
}
