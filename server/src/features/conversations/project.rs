//! Creating a conversation: the first record of an id counts.

use crate::kernel::{
    projector::{Effects, IgnoreReason, Projector, Recorded, introduce},
    views::{
        ViewsError,
        query::sql_role,
        schema::{CONVERSATION_ROW_MAX, blob},
        work::Work,
    },
};
use kafkatalk_log::{Ledger, Record};
use kafkatalk_protocol::{ConversationId, event::ConversationCreated, member::Role};
use std::sync::Arc;

/// Raised with every change of the tables, of the kinds handled or of what becomes of a record: see
/// [`Projector::new`].
const VERSION: u32 = 1;

/// `members.founder` of whom the creation named, and of who created the conversation.
const FOUNDER: i64 = 1;
const CREATOR: i64 = 2;

/// What came of the creation of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// This record created it.
    First,
    /// An earlier record had created it.
    Earlier,
    /// Its author is not among its members, or the views can hold no more conversations.
    Refused,
}

impl Recorded for ConversationCreated {
    type Outcome = Created;
}

pub(super) fn projector() -> Projector {
    Projector::new("conversations", VERSION, "", &[])
        .rests_on(&["accounts"])
        .ledger::<ConversationCreated>(Ledger::Conversations, created)
}

fn created(
    work: &mut Work<'_>,
    record: &Record,
    event: &ConversationCreated,
) -> Result<Effects<Created>, ViewsError> {
    let (conversation, mut members) = (event.conversation, event.members.clone());
    members.sort_unstable();
    members.dedup();
    if !record.author.is_some_and(|author| members.contains(&author)) {
        return Ok(Effects::skipped(IgnoreReason::NotAllowed, Created::Refused));
    }
    if work.has_conversation(conversation)? {
        return Ok(Effects::of(Created::Earlier));
    }
    // Of two people there is one conversation, and nobody else comes into it.
    let is_group = members.len() > 2;
    let Some(row) = insert(work, conversation, record, is_group)? else {
        return Ok(Effects::skipped(IgnoreReason::OutOfRange, Created::Refused));
    };
    let mut waiting = 0_i64;
    for member in members {
        let (user, named) = work.person(member)?;
        waiting += i64::from(!named);
        let creator = record.author == Some(member);
        let role = if creator && is_group { Role::Owner } else { Role::Member };
        let founder = if creator { CREATOR } else { FOUNDER };
        let mut insert = work.rows.prepare_cached(
            "INSERT INTO members (conversation, user, role, founder) VALUES (?1, ?2, ?3, ?4)",
        )?;
        insert.execute((row, user, sql_role(role), founder))?;
    }
    let created = Effects::of(Created::First);
    if waiting > 0 {
        work.rows.execute("UPDATE conversations SET waiting = ?2 WHERE row = ?1", (row, waiting))?;
        return Ok(created);
    }
    let members = work.open(conversation)?;
    Ok(created.deliver([introduce(conversation, Arc::clone(&members.ids))]))
}

fn insert(
    work: &Work<'_>,
    id: ConversationId,
    record: &Record,
    is_group: bool,
) -> Result<Option<i64>, ViewsError> {
    let mut insert = work.rows.prepare_cached(
        "INSERT INTO conversations (id, created_at, waiting, activity, is_group) VALUES (?1, ?2, 0, ?2, ?3)",
    )?;
    let row = insert.insert((blob(&id.0), record.at.as_millis(), is_group))?;
    if row > CONVERSATION_ROW_MAX {
        work.rows.execute("DELETE FROM conversations WHERE row = ?1", [row])?;
        return Ok(None);
    }
    Ok(Some(row))
}
