//! People and their sessions.

use super::{Query, user};
use crate::views::{
    ViewsError,
    cache::TokenHash,
    schema::{blob, token_hash, uuid},
};
use kafkatalk_protocol::{SessionId, Timestamp, User, UserId, Username, http::Session};
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
        let mut found = find.query([blob(&id.0)])?;
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

    /// The session whose token has this SHA-256, in hex.
    pub fn session_by_token_hash(&self, hash: &str) -> Result<Option<(SessionId, User)>, ViewsError> {
        let Some(hash) = token_hash(hash) else { return Ok(None) };
        if let Some(kept) = self.cache.session(&hash) {
            return Ok(Some(kept));
        }
        let found = self.find_session(&hash)?;
        if let Some((session, user)) = &found {
            self.cache.keep_session(hash, *session, user, self.ends);
        }
        Ok(found)
    }

    fn find_session(&self, hash: &TokenHash) -> Result<Option<(SessionId, User)>, ViewsError> {
        let mut find = self.rows.prepare_cached(
            "SELECT sessions.id, users.id, users.username FROM sessions JOIN users ON users.id = sessions.user
             WHERE sessions.token_hash = ?1 AND users.username IS NOT NULL",
        )?;
        let mut found = find.query([hash])?;
        match found.next()? {
            Some(row) => Ok(Some((uuid(row, 0)?.into(), user(row, 1)?))),
            None => Ok(None),
        }
    }

    /// The devices of a person, newest first. The views know no more of their use than when they signed in.
    pub fn sessions_of(&self, user: UserId) -> Result<Vec<Session>, ViewsError> {
        let mut find = self.rows.prepare_cached(
            "SELECT id, created_at, user_agent FROM sessions WHERE user = ?1 ORDER BY created_at DESC, id",
        )?;
        let sessions = find.query_map([blob(&user.0)], |row| {
            let created_at = Timestamp::from_millis(row.get(1)?);
            let id = uuid(row, 0)?.into();
            Ok(Session { id, created_at, last_seen_at: created_at, user_agent: row.get(2)?, current: false })
        })?;
        Ok(sessions.collect::<Result<_, _>>()?)
    }
}

/// A limit as SQL takes it.
pub(super) fn sql_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
