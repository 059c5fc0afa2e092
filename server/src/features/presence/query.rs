//! Who may know.

use crate::{
    kernel::views::{Query, ViewsError, query::sql_limit, schema::uuid},
    limits::PRESENCE_CONTACTS_MAX,
};
use kafkatalk_protocol::UserId;

impl Query<'_> {
    /// The people who share a conversation with somebody now: nobody else may know whether they are online. Of very many,
    /// those of the conversations with the latest activity.
    pub(super) fn contacts(&self, user: UserId) -> Result<Vec<UserId>, ViewsError> {
        let Some(row) = self.row_of_user(user)? else { return Ok(Vec::new()) };
        let mut find = self.rows.prepare_cached(
            "SELECT DISTINCT users.id FROM (
                 SELECT conversation FROM members JOIN conversations ON conversations.row = conversation
                 WHERE user = ?1 AND until IS NULL AND waiting = 0 ORDER BY activity DESC LIMIT ?2
             ) AS own
             JOIN members ON members.conversation = own.conversation AND until IS NULL AND members.user <> ?1
             JOIN users ON users.row = members.user LIMIT ?2",
        )?;
        let found =
            find.query_map((row, sql_limit(PRESENCE_CONTACTS_MAX)), |row| Ok(UserId(uuid(row, 0)?)))?;
        Ok(found.collect::<Result<_, _>>()?)
    }
}
