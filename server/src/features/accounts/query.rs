//! People.

use crate::kernel::views::{
    Query, ViewsError,
    query::{sql_limit, user},
    schema::uuid,
};
use kafkatalk_protocol::{User, UserId, Username};
use rusqlite::OptionalExtension;

impl Query<'_> {
    /// Who has that name, and their password's hash.
    pub fn user_by_name(&self, username: &Username) -> Result<Option<(User, String)>, ViewsError> {
        let mut find = self.rows.prepare_cached("SELECT id, password_hash FROM users WHERE username = ?1")?;
        let found = find
            .query_row([username.as_str()], |row| Ok((UserId(uuid(row, 0)?), row.get::<_, String>(1)?)))
            .optional()?;
        Ok(found.map(|(id, hash)| (User { id, username: username.clone() }, hash)))
    }

    /// Who that is.
    #[cfg(test)]
    pub(crate) fn user(&self, id: UserId) -> Result<Option<User>, ViewsError> {
        let mut find = self
            .rows
            .prepare_cached("SELECT id, username FROM users WHERE id = ?1 AND username IS NOT NULL")?;
        let mut found = find.query([crate::kernel::views::schema::blob(&id.0)])?;
        found.next()?.map(|row| user(row, 0)).transpose()
    }

    /// People whose names begin so, in any case, by name.
    pub fn users_by_prefix(&self, prefix: &str, limit: usize) -> Result<Vec<User>, ViewsError> {
        let from = prefix.to_ascii_lowercase();
        // Names are ASCII, so this lies behind every name with that prefix.
        let to = format!("{from}\u{7f}");
        let mut find = self.rows.prepare_cached(
            "SELECT id, username FROM users WHERE username >= ?1 AND username < ?2 ORDER BY username LIMIT ?3",
        )?;
        let mut found = find.query((from, to, sql_limit(limit)))?;
        let mut users = Vec::new();
        while let Some(row) = found.next()? {
            users.push(user(row, 0)?);
        }
        Ok(users)
    }
}
