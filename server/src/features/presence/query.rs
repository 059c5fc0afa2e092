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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        features::registry,
        kernel::views::{Views, ViewsOptions},
    };
    use kafkatalk_log::{Batch, Entry, Ledger, Record, Stream};
    use kafkatalk_protocol::{
        ConversationId, Offset, Timestamp, Username,
        event::{ConversationCreated, Event, UserClaimed},
    };
    use std::{collections::HashSet, sync::Arc};
    use uuid::Uuid;

    /// More than one page of anything.
    const CONTACTS: u64 = 1_500;

    fn user(number: u64) -> UserId {
        UserId(Uuid::from_u128(u128::from(number)))
    }

    fn entry(ledger: Ledger, offset: u64, author: UserId, event: &impl Event) -> Entry {
        let record = Record::of(Uuid::new_v4(), Some(author), Timestamp::from_millis(1), event);
        Entry { stream: Stream::Ledger(ledger), offset: Offset(offset), record: Arc::new(record) }
    }

    #[test]
    fn all_of_very_many_contacts_are_found_and_each_finds_the_other() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("views.sqlite");
        let (views, mut applier) = Views::open(&file, &ViewsOptions::default(), registry()).unwrap();
        let claims = (0..=CONTACTS).map(|number| {
            let username = Username::parse(&format!("user-{number}")).unwrap();
            let claimed = UserClaimed { user: user(number), username, password_hash: "a hash".into() };
            entry(Ledger::Users, number, user(number), &claimed)
        });
        let opened = (1..=CONTACTS).map(|number| {
            let conversation = ConversationId::of_pair(user(0), user(number));
            let created = ConversationCreated { conversation, members: vec![user(0), user(number)] };
            entry(Ledger::Conversations, number - 1, user(0), &created)
        });
        let entries = claims.chain(opened).collect();
        applier.apply(&Batch { entries, ..Batch::default() }).unwrap();
        let contacts = |of| views.read_blocking(|query| query.contacts(of)).unwrap();
        let found: HashSet<_> = contacts(user(0)).into_iter().collect();
        assert!(found == (1..=CONTACTS).map(user).collect(), "{} were found", found.len());
        assert_eq!(contacts(user(CONTACTS)), [user(0)]);
    }
}
