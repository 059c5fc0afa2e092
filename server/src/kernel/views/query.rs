//! What can be asked of the views: the kernel's part. Features add their own questions to [`Query`] and [`Viewpoint`].

mod viewpoint;
mod whole;

pub use viewpoint::Viewpoint;

use super::{
    ViewsError,
    cache::{Cache, Members, Person},
    schema::{blob, column_offset, uuid},
};
use crate::kernel::projector::Registry;
use kafkatalk_log::Checkpoint;
use kafkatalk_protocol::{Body, ConversationId, Offset, User, UserId, Username, member::Role};
use rusqlite::{Connection, OptionalExtension, Row};
use std::sync::Arc;

/// Questions about one moment: what one closure asks belongs together, whatever is written meanwhile.
///
/// What a person may see of a conversation is asked of their [`Viewpoint`] alone: see [`Query::as_seen_by`].
pub struct Query<'a> {
    pub(crate) rows: &'a Connection,
    pub(crate) cache: &'a Cache,
    pub(crate) registry: &'a Registry,
    /// See [`Cache::keep_session`].
    pub(crate) changes: u64,
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
    registry: &Registry,
    ask: impl FnOnce(&Query<'_>) -> Result<T, ViewsError>,
) -> Result<T, ViewsError> {
    let changes = cache.changes();
    let moment = connection.transaction()?;
    ask(&Query { rows: &moment, cache, registry, changes })
}

impl Query<'_> {
    /// Everyone who is in an open conversation now.
    pub(crate) fn members_of(
        &self,
        conversation: ConversationId,
    ) -> Result<Option<Arc<Members>>, ViewsError> {
        if let Some(members) = self.cache.members(conversation) {
            return Ok(Some(members));
        }
        let mut find =
            self.rows.prepare_cached("SELECT row FROM conversations WHERE id = ?1 AND waiting = 0")?;
        let Some(row) = find.query_row([blob(&conversation.0)], |row| row.get(0)).optional()? else {
            return Ok(None);
        };
        let members = Arc::new(members_of_row(self.rows, row)?);
        self.cache.keep_members(conversation, &members, self.changes);
        Ok(Some(members))
    }

    /// Who is in a conversation; `None` if it is not open.
    pub fn members(&self, conversation: ConversationId) -> Result<Option<Arc<[UserId]>>, ViewsError> {
        Ok(self.members_of(conversation)?.map(|members| Arc::clone(&members.ids)))
    }

    /// Whether a conversation is an open group, as far as this node knows it.
    pub fn is_group(&self, conversation: ConversationId) -> Result<bool, ViewsError> {
        let mut find =
            self.rows.prepare_cached("SELECT is_group FROM conversations WHERE id = ?1 AND waiting = 0")?;
        Ok(find.query_row([blob(&conversation.0)], |row| row.get(0)).optional()?.unwrap_or(false))
    }

    /// The last record of a conversation that the rows hold, visible or not.
    pub fn applied(&self, conversation: ConversationId) -> Result<Option<Offset>, ViewsError> {
        let mut find = self.rows.prepare_cached("SELECT applied FROM conversations WHERE id = ?1")?;
        let applied: Option<Option<i64>> =
            find.query_row([blob(&conversation.0)], |row| row.get(0)).optional()?;
        Ok(applied.flatten().map(column_offset))
    }

    /// Whether somebody who is no member of a conversation was one.
    pub fn was_member(&self, user: UserId, conversation: ConversationId) -> Result<bool, ViewsError> {
        let mut find = self.rows.prepare_cached(
            "SELECT 1 FROM members JOIN users ON users.row = user JOIN conversations ON conversations.row = conversation
             WHERE users.id = ?1 AND conversations.id = ?2 AND until IS NOT NULL",
        )?;
        Ok(find.exists((blob(&user.0), blob(&conversation.0)))?)
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
    pub(crate) fn row_of_user(&self, user: UserId) -> Result<Option<i64>, ViewsError> {
        let mut find =
            self.rows.prepare_cached("SELECT row FROM users WHERE id = ?1 AND username IS NOT NULL")?;
        Ok(find.query_row([blob(&user.0)], |row| row.get(0)).optional()?)
    }
}

/// Everyone who is in the conversation of that row now, by username.
pub(crate) fn members_of_row(rows: &Connection, conversation: i64) -> Result<Members, ViewsError> {
    let mut find = rows.prepare_cached(
        "SELECT users.row, sees_from, role, users.id, coalesce(users.username, users.told) AS username
         FROM members JOIN users ON users.row = members.user
         WHERE members.conversation = ?1 AND until IS NULL ORDER BY username",
    )?;
    let mut found = find.query([conversation])?;
    let mut people = Vec::new();
    while let Some(row) = found.next()? {
        let sees_from = column_offset(row.get(1)?);
        people.push(Person { row: row.get(0)?, user: user(row, 3)?, sees_from, role: role(row.get(2)?) });
    }
    Ok(Members::new(conversation, people))
}

/// The person's row, made where there is none, and whether their name is known yet.
pub(crate) fn person_row(rows: &Connection, id: UserId) -> Result<(i64, bool), ViewsError> {
    let mut find = rows.prepare_cached("SELECT row, username IS NOT NULL FROM users WHERE id = ?1")?;
    let found = find.query_row([blob(&id.0)], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    if let Some(found) = found {
        return Ok(found);
    }
    Ok((rows.prepare_cached("INSERT INTO users (id) VALUES (?1)")?.insert([blob(&id.0)])?, false))
}

/// The row of a person whom a record names, claimed or not. Where records tell different names of one person, all views
/// keep the same.
pub(crate) fn person_told(rows: &Connection, id: UserId, username: &Username) -> Result<i64, ViewsError> {
    let mut tell = rows.prepare_cached(
        "INSERT INTO users (id, told) VALUES (?1, ?2)
         ON CONFLICT (id) DO UPDATE SET told = min(coalesce(told, excluded.told), excluded.told) RETURNING row",
    )?;
    Ok(tell.query_row((blob(&id.0), username.as_str()), |row| row.get(0))?)
}

/// A role from a column.
fn role(column: i64) -> Role {
    match column {
        2 => Role::Owner,
        1 => Role::Admin,
        _ => Role::Member,
    }
}

/// A role as a column holds it.
pub(crate) fn sql_role(role: Role) -> i64 {
    match role {
        Role::Owner => 2,
        Role::Admin => 1,
        Role::Member => 0,
    }
}

/// The row of a conversation, open or not.
pub(super) fn conversation_row(
    connection: &Connection,
    id: ConversationId,
) -> Result<Option<i64>, ViewsError> {
    let mut found = connection.prepare_cached("SELECT row FROM conversations WHERE id = ?1")?;
    Ok(found.query_row([blob(&id.0)], |row| row.get(0)).optional()?)
}

/// The person of that row.
pub(crate) fn user_of_row(rows: &Connection, row: i64) -> Result<User, ViewsError> {
    let mut find = rows.prepare_cached("SELECT id, coalesce(username, told) FROM users WHERE row = ?1")?;
    let mut found = find.query([row])?;
    match found.next()? {
        Some(row) => user(row, 0),
        None => Err(ViewsError::Damaged("a row names a person who is not there".into())),
    }
}

/// The person of that id, member or not.
pub(crate) fn user_of_id(rows: &Connection, id: UserId) -> Result<User, ViewsError> {
    let mut find = rows.prepare_cached("SELECT id, coalesce(username, told) FROM users WHERE id = ?1")?;
    let mut found = find.query([blob(&id.0)])?;
    match found.next()? {
        Some(row) => user(row, 0),
        None => Err(ViewsError::Damaged("a row names a person who is not there".into())),
    }
}

/// A limit as SQL takes it.
pub(crate) fn sql_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// A person from two columns: id, username.
pub(crate) fn user(row: &Row<'_>, column: usize) -> Result<User, ViewsError> {
    let name = row.get_ref(column + 1)?.as_str().map_err(|error| ViewsError::Damaged(error.to_string()))?;
    let username =
        Username::parse(name).map_err(|_| ViewsError::Damaged("a username that cannot be".into()))?;
    Ok(User { id: uuid(row, column)?.into(), username })
}

/// A body from a column.
pub(crate) fn body(row: &Row<'_>, column: usize) -> Result<Body, ViewsError> {
    let text = row.get_ref(column)?.as_str().map_err(|error| ViewsError::Damaged(error.to_string()))?;
    Body::kept(text).map_err(|_| ViewsError::Damaged("a message that cannot be".into()))
}
