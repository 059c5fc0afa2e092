//! Sessions.

use crate::kernel::views::{
    Query, ViewsError,
    cache::TokenHash,
    query::user,
    schema::{blob, token_hash, uuid},
};
use kafkatalk_protocol::{SessionId, Timestamp, User, UserId, http::Session};

impl Query<'_> {
    /// The session whose token has this SHA-256, in hex.
    pub fn session_by_token_hash(&self, hash: &str) -> Result<Option<(SessionId, User)>, ViewsError> {
        let Some(hash) = token_hash(hash) else { return Ok(None) };
        if let Some(kept) = self.cache.session(&hash) {
            return Ok(Some(kept));
        }
        let found = self.find_session(&hash)?;
        if let Some((session, user)) = &found {
            self.cache.keep_session(hash, *session, user, self.changes);
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
