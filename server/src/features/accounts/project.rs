//! Usernames: the first claim of a name has it, and a person has one name.

use crate::kernel::{
    projector::{Effects, IgnoreReason, Projector, Recorded, introduce},
    views::{ViewsError, schema::uuid, work::Work},
};
use kafkatalk_log::{Ledger, Record};
use kafkatalk_protocol::{ConversationId, User, event::UserClaimed};
use rusqlite::OptionalExtension;
use std::sync::Arc;

/// Raised with every change of the tables, of the kinds handled or of what becomes of a record: see
/// [`Projector::new`].
const VERSION: u32 = 1;

/// What came of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// The name is theirs.
    Won(User),
    /// Somebody has it, or the person has another.
    Lost,
}

impl Recorded for UserClaimed {
    type Outcome = Claimed;
}

pub(super) fn projector() -> Projector {
    Projector::new("accounts", VERSION, "", &[]).ledger::<UserClaimed>(Ledger::Users, claimed)
}

fn claimed(
    work: &mut Work<'_>,
    record: &Record,
    claim: &UserClaimed,
) -> Result<Effects<Claimed>, ViewsError> {
    if record.author != Some(claim.user) {
        return Ok(Effects::skipped(IgnoreReason::NotAllowed, Claimed::Lost));
    }
    let user = User { id: claim.user, username: claim.username.clone() };
    let mut holder = work.rows.prepare_cached("SELECT id FROM users WHERE username = ?1")?;
    let holder = holder.query_row([user.username.as_str()], |row| uuid(row, 0)).optional()?;
    if let Some(holder) = holder {
        return Ok(Effects::of(if holder == user.id.0 { Claimed::Won(user) } else { Claimed::Lost }));
    }
    let (row, named) = work.person(user.id)?;
    if named {
        return Ok(Effects::of(Claimed::Lost));
    }
    let mut name =
        work.rows.prepare_cached("UPDATE users SET username = ?2, password_hash = ?3 WHERE row = ?1")?;
    name.execute((row, user.username.as_str(), &claim.password_hash))?;
    let mut deliver = Vec::new();
    for conversation in no_longer_wait_for(work, row)? {
        let members = work.open(conversation)?;
        deliver.push(introduce(conversation, Arc::clone(&members.ids)));
    }
    // Whoever is named is looked up at once: this is committed before anybody learns of it.
    Ok(Effects::of(Claimed::Won(user)).deliver(deliver))
}

/// Conversations that had waited for this person alone.
fn no_longer_wait_for(work: &Work<'_>, user: i64) -> Result<Vec<ConversationId>, ViewsError> {
    let mut waiting = work.rows.prepare_cached(
        "UPDATE conversations SET waiting = waiting - 1
         WHERE waiting > 0 AND row IN (SELECT conversation FROM members WHERE user = ?1) RETURNING id, waiting",
    )?;
    let waiting = waiting.query_map([user], |row| Ok((uuid(row, 0)?, row.get::<_, i64>(1)?)))?;
    let waiting = waiting.collect::<Result<Vec<_>, _>>()?;
    Ok(waiting.into_iter().filter(|(_, still)| *still == 0).map(|(id, _)| ConversationId(id)).collect())
}
