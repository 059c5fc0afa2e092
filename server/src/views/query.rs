//! What can be asked.

mod conversations;
mod messages;
mod people;
mod search;
mod whole;

pub use messages::HistoryPage;
pub(super) use messages::message_at;

use super::{
    ViewsError,
    cache::{Cache, Members, Person},
    schema::{blob, uuid},
};
use kafkatalk_log::Checkpoint;
use kafkatalk_protocol::{Body, ConversationId, User, UserId, Username};
use rusqlite::{Connection, OptionalExtension, Row};
use std::sync::Arc;

/// Questions about one moment: what one closure asks belongs together, whatever is written meanwhile.
///
/// Who may see what: methods that take a viewer answer only what that person may see. The others are for use cases
/// that have checked membership already.
pub struct Query<'a> {
    rows: &'a Connection,
    cache: &'a Cache,
    /// See [`Cache::keep_session`].
    ends: u64,
}

impl std::fmt::Debug for Query<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Query")
    }
}

/// Runs a closure on one moment of the file.
pub(super) fn ask<T>(
    connection: &mut Connection,
    cache: &Cache,
    ask: impl FnOnce(&Query<'_>) -> Result<T, ViewsError>,
) -> Result<T, ViewsError> {
    let ends = cache.ends();
    let moment = connection.transaction()?;
    ask(&Query { rows: &moment, cache, ends })
}

impl Query<'_> {
    /// Everyone in a conversation that is seen.
    fn members_of(&self, conversation: ConversationId) -> Result<Option<Arc<Members>>, ViewsError> {
        if let Some(members) = self.cache.members(conversation) {
            return Ok(Some(members));
        }
        let mut find =
            self.rows.prepare_cached("SELECT row FROM conversations WHERE id = ?1 AND waiting = 0")?;
        let Some(row) = find.query_row([blob(&conversation.0)], |row| row.get(0)).optional()? else {
            return Ok(None);
        };
        let members = Arc::new(members_of_row(self.rows, row)?);
        self.cache.keep_members(conversation, &members);
        Ok(Some(members))
    }

    /// Whether the rows hold all up to these positions of the log.
    pub fn has_reached(&self, positions: &Checkpoint) -> Result<bool, ViewsError> {
        let mut held = self.rows.prepare_cached("SELECT position FROM checkpoint WHERE name = ?1")?;
        for (name, position) in positions.iter().filter(|(_, position)| **position > 0) {
            let held = held.query_row([name], |row| row.get::<_, i64>(0)).optional()?;
            if held.and_then(|held| u64::try_from(held).ok()).is_none_or(|held| held < *position) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The person's row, if they are registered.
    fn row_of_user(&self, user: UserId) -> Result<Option<i64>, ViewsError> {
        let mut find =
            self.rows.prepare_cached("SELECT row FROM users WHERE id = ?1 AND username IS NOT NULL")?;
        Ok(find.query_row([blob(&user.0)], |row| row.get(0)).optional()?)
    }
}

/// Everyone in the conversation of that row, by username.
pub(super) fn members_of_row(rows: &Connection, conversation: i64) -> Result<Members, ViewsError> {
    let mut find = rows.prepare_cached(
        "SELECT users.row, users.id, users.username FROM members JOIN users ON users.row = members.user
         WHERE members.conversation = ?1 ORDER BY users.username",
    )?;
    let mut found = find.query([conversation])?;
    let mut people = Vec::new();
    while let Some(row) = found.next()? {
        people.push(Person { row: row.get(0)?, user: user(row, 1)? });
    }
    Ok(Members::new(conversation, people))
}

/// A person from two columns: id, username.
fn user(row: &Row<'_>, column: usize) -> Result<User, ViewsError> {
    let name = row.get_ref(column + 1)?.as_str().map_err(|error| ViewsError::Damaged(error.to_string()))?;
    let username =
        Username::parse(name).map_err(|_| ViewsError::Damaged("a username that cannot be".into()))?;
    Ok(User { id: uuid(row, column)?.into(), username })
}

/// A body from a column.
pub(super) fn body(row: &Row<'_>, column: usize) -> Result<Body, ViewsError> {
    let text = row.get_ref(column)?.as_str().map_err(|error| ViewsError::Damaged(error.to_string()))?;
    Body::kept(text).map_err(|_| ViewsError::Damaged("a message that cannot be".into()))
}
