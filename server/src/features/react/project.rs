//! What becomes of a reaction.

use crate::{
    features::messages::{
        change::{self, Changed},
        upkeep,
    },
    kernel::{
        projector::{AfterReset, Effects, InConversation, Projector, Recorded, Seen},
        views::{
            ViewsError,
            query::{sql_limit, user_of_row},
            schema::{places_of, sql_offset},
        },
    },
};
use kafkatalk_log::Record;
use kafkatalk_protocol::{
    Message,
    reaction::{Emoji, REACTIONS_OF_PERSON_MAX, Reaction, ReactionSet},
};
use rusqlite::Connection;

/// Raised with every change of the tables, of the kinds handled or of what becomes of a record: see
/// [`Projector::new`].
const VERSION: u32 = 1;

/// `record` is the offset of the record that set the reaction: the order in which they are shown.
const TABLES: &str = "
CREATE TABLE reactions (
    place INTEGER NOT NULL, user INTEGER NOT NULL, emoji TEXT NOT NULL, record INTEGER NOT NULL,
    PRIMARY KEY (place, user, emoji)
) STRICT, WITHOUT ROWID;
";

const DUMP: &[(&str, &str)] = &[(
    "reaction",
    "SELECT conversations.id, place & 0xffffffff, users.id, emoji, record FROM reactions
     JOIN conversations ON conversations.row = place >> 32 JOIN users ON users.row = user ORDER BY 1, 2, 3, 4",
)];

impl Recorded for ReactionSet {
    type Outcome = Changed;
}

pub(super) fn projector() -> Projector {
    Projector::new("react", VERSION, TABLES, DUMP)
        .rests_on(&["messages"])
        .conversation::<ReactionSet>(set)
        .completes(complete)
        .forgets(forget)
        .resets(reset)
}

fn set(
    at: &mut InConversation<'_>,
    record: &Record,
    event: &ReactionSet,
) -> Result<Effects<Changed>, ViewsError> {
    let Some((author, user)) = upkeep::author(at, record) else {
        return Ok(change::refused(Changed::NotAllowed));
    };
    let Some(target) = change::target(at, event.message)?.filter(|_| at.may_see(user, event.message)) else {
        return Ok(change::refused(Changed::NotFound));
    };
    if target.is_deleted() {
        return Ok(change::refused(Changed::Deleted));
    }
    if let Some(first) = change::claim(at, author, event.id, event.message)? {
        return Ok(change::refused(Changed::Repeat(first)));
    }
    let emoji = event.emoji.as_str();
    let most = sql_limit(REACTIONS_OF_PERSON_MAX);
    let changed = if event.on {
        let mut add = at.rows.prepare_cached(
            "INSERT INTO reactions (place, user, emoji, record)
             SELECT ?1, ?2, ?3, ?4 WHERE (SELECT count(*) FROM reactions WHERE place = ?1 AND user = ?2) < ?5
             ON CONFLICT DO NOTHING",
        )?;
        add.execute((target.row, author, emoji, sql_offset(at.offset), most))?
    } else {
        at.rows
            .prepare_cached("DELETE FROM reactions WHERE place = ?1 AND user = ?2 AND emoji = ?3")?
            .execute((target.row, author, emoji))?
    };
    if changed == 0 {
        let mut find = at
            .rows
            .prepare_cached("SELECT 1 FROM reactions WHERE place = ?1 AND user = ?2 AND emoji = ?3")?;
        if event.on && !find.exists((target.row, author, emoji))? {
            return Ok(change::refused(Changed::TooManyReactions));
        }
        return change::unchanged(at, event.message);
    }
    change::finish(at, event.message)
}

fn forget(rows: &Connection, place: i64) -> Result<(), ViewsError> {
    rows.prepare_cached("DELETE FROM reactions WHERE place = ?1")?.execute([place])?;
    Ok(())
}

fn reset(rows: &Connection, conversation: i64) -> Result<Option<AfterReset>, ViewsError> {
    rows.execute("DELETE FROM reactions WHERE place BETWEEN ?1 AND ?2", places_of(conversation))?;
    Ok(None)
}

/// Adds the reactions of messages, in the order in which their emoji were first used.
fn complete(rows: &Connection, seen: &Seen<'_>, messages: &mut [Message]) -> Result<(), ViewsError> {
    let query =
        "SELECT place, user, emoji FROM reactions WHERE place BETWEEN ?1 AND ?2 ORDER BY place, record";
    seen.add_rows(rows, query, messages, |message, row| {
        let user = row.get(1)?;
        let user = match seen.members.by_row(user) {
            Some(user) => user.id,
            None => user_of_row(rows, user)?.id,
        };
        let emoji: String = row.get(2)?;
        let emoji = Emoji::kept(&emoji).map_err(|error| ViewsError::Damaged(error.to_string()))?;
        match message.reactions.iter_mut().find(|reaction| reaction.emoji == emoji) {
            Some(reaction) => reaction.users.push(user),
            None => message.reactions.push(Reaction { emoji, users: vec![user] }),
        }
        Ok(())
    })
}
