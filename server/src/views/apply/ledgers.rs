//! People, sessions, conversations, read positions.

use super::{Known, Work, ignored};
use crate::views::{
    Change, IgnoreReason, Opened, ViewsError,
    cache::TokenHash,
    schema::{CONVERSATION_ROW_MAX, blob, column_offset, conversation_row, sql_offset, token_hash, uuid},
};
use kafkatalk_log::Record;
use kafkatalk_protocol::{
    ConversationId, Offset, User, UserId,
    event::{ConversationCreated, ReceiptRead, SessionEnded, SessionStarted, UserClaimed},
};
use rusqlite::OptionalExtension;
use std::sync::Arc;
use uuid::Uuid;

impl Work<'_> {
    /// The first claim of a name has it, and a person has one name.
    pub(super) fn claimed(&mut self, record: &Record, claim: UserClaimed) -> Result<Change, ViewsError> {
        if record.author != Some(claim.user) {
            return Ok(ignored(IgnoreReason::NotAllowed));
        }
        let user = User { id: claim.user, username: claim.username };
        let outcome = |won, opened| Change::Claimed { user: user.clone(), won, opened };
        let mut holder = self.rows.prepare_cached("SELECT id FROM users WHERE username = ?1")?;
        let holder = holder.query_row([user.username.as_str()], |row| uuid(row, 0)).optional()?;
        if let Some(holder) = holder {
            return Ok(outcome(holder == user.id.0, Vec::new()));
        }
        let mut find =
            self.rows.prepare_cached("SELECT row, username IS NOT NULL FROM users WHERE id = ?1")?;
        let named = find.query_row([blob(&user.id.0)], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        match named {
            Some((_, true)) => Ok(outcome(false, Vec::new())),
            Some((row, false)) => {
                let mut name = self
                    .rows
                    .prepare_cached("UPDATE users SET username = ?2, password_hash = ?3 WHERE row = ?1")?;
                name.execute((row, user.username.as_str(), &claim.password_hash))?;
                Ok(outcome(true, self.no_longer_wait_for(row)?))
            }
            None => {
                let mut insert = self
                    .rows
                    .prepare_cached("INSERT INTO users (id, username, password_hash) VALUES (?1, ?2, ?3)")?;
                insert.execute((blob(&user.id.0), user.username.as_str(), &claim.password_hash))?;
                Ok(outcome(true, Vec::new()))
            }
        }
    }

    fn no_longer_wait_for(&mut self, user: i64) -> Result<Vec<Opened>, ViewsError> {
        let mut waiting = self.rows.prepare_cached(
            "UPDATE conversations SET waiting = waiting - 1
             WHERE row IN (SELECT conversation FROM members WHERE user = ?1) RETURNING id, waiting",
        )?;
        let waiting = waiting.query_map([user], |row| Ok((uuid(row, 0)?, row.get::<_, i64>(1)?)))?;
        let waiting = waiting.collect::<Result<Vec<_>, _>>()?;
        let mut opened = Vec::new();
        for (id, still) in waiting {
            if still == 0 {
                let conversation = ConversationId(id);
                let members = self.open(conversation)?;
                opened.push(Opened { conversation, members });
            }
        }
        Ok(opened)
    }

    pub(super) fn session_started(
        &self,
        record: &Record,
        event: SessionStarted,
    ) -> Result<Change, ViewsError> {
        if record.author != Some(event.user) {
            return Ok(ignored(IgnoreReason::NotAllowed));
        }
        let Some(hash) = token_hash(&event.token_hash) else { return Ok(ignored(IgnoreReason::Malformed)) };
        let mut insert = self.rows.prepare_cached(
            "INSERT INTO sessions (id, user, token_hash, created_at, user_agent) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO NOTHING",
        )?;
        let started = insert.execute((
            blob(&event.session.0),
            blob(&event.user.0),
            hash,
            record.at.as_millis(),
            event.user_agent,
        ))?;
        Ok(match started {
            0 => ignored(IgnoreReason::Repeat),
            _ => Change::SessionStarted { session: event.session, user: event.user },
        })
    }

    pub(super) fn session_ended(
        &mut self,
        record: &Record,
        event: &SessionEnded,
    ) -> Result<Change, ViewsError> {
        let session = event.session;
        let mut find = self.rows.prepare_cached("SELECT user, token_hash FROM sessions WHERE id = ?1")?;
        let found = find
            .query_row([blob(&session.0)], |row| Ok((UserId(uuid(row, 0)?), row.get::<_, TokenHash>(1)?)))
            .optional()?;
        let Some((user, hash)) = found else {
            // Its start may be compacted away.
            return Ok(Change::SessionEnded { session, user: None });
        };
        if record.author != Some(user) {
            return Ok(ignored(IgnoreReason::NotAllowed));
        }
        self.rows.prepare_cached("DELETE FROM sessions WHERE id = ?1")?.execute([blob(&session.0)])?;
        self.ended.push(hash);
        Ok(Change::SessionEnded { session, user: Some(user) })
    }

    /// The first record of an id counts.
    pub(super) fn created(
        &mut self,
        record: &Record,
        event: ConversationCreated,
    ) -> Result<Change, ViewsError> {
        let (conversation, mut members) = (event.conversation, event.members);
        members.sort_unstable();
        members.dedup();
        if !record.author.is_some_and(|author| members.contains(&author)) {
            return Ok(ignored(IgnoreReason::NotAllowed));
        }
        if conversation_row(self.rows, conversation)?.is_some() {
            let members = match self.take(conversation)? {
                None => Arc::new([]) as Arc<[UserId]>,
                Some(known) => {
                    let members = Arc::clone(&known.members.ids);
                    self.give_back(known);
                    members
                }
            };
            return Ok(Change::Created { conversation, members, first: false });
        }
        let Some(row) = self.insert_conversation(conversation, record)? else {
            return Ok(ignored(IgnoreReason::OutOfRange));
        };
        let mut waiting = 0_i64;
        for member in members {
            let (user, named) = self.row_of_user(member.0)?;
            waiting += i64::from(!named);
            let mut insert =
                self.rows.prepare_cached("INSERT INTO members (conversation, user) VALUES (?1, ?2)")?;
            insert.execute((row, user))?;
        }
        let members = if waiting == 0 {
            self.open(conversation)?
        } else {
            self.rows.execute("UPDATE conversations SET waiting = ?2 WHERE row = ?1", (row, waiting))?;
            Arc::new([])
        };
        Ok(Change::Created { conversation, members, first: true })
    }

    fn insert_conversation(&self, id: ConversationId, record: &Record) -> Result<Option<i64>, ViewsError> {
        let mut insert = self.rows.prepare_cached(
            "INSERT INTO conversations (id, created_at, waiting, activity) VALUES (?1, ?2, 0, ?2)",
        )?;
        let row = insert.insert((blob(&id.0), record.at.as_millis()))?;
        if row > CONVERSATION_ROW_MAX {
            self.rows.execute("DELETE FROM conversations WHERE row = ?1", [row])?;
            return Ok(None);
        }
        Ok(Some(row))
    }

    /// The person's row, and whether their name is known yet.
    fn row_of_user(&self, id: Uuid) -> Result<(i64, bool), ViewsError> {
        let mut find =
            self.rows.prepare_cached("SELECT row, username IS NOT NULL FROM users WHERE id = ?1")?;
        let found = find.query_row([blob(&id)], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        if let Some(found) = found {
            return Ok(found);
        }
        Ok((self.rows.prepare_cached("INSERT INTO users (id) VALUES (?1)")?.insert([blob(&id)])?, false))
    }

    /// Lets a conversation be seen, with all that was held for it.
    fn open(&mut self, conversation: ConversationId) -> Result<Arc<[UserId]>, ViewsError> {
        let known = Known::load(self.rows, conversation)?;
        let mut known = known.ok_or_else(|| ViewsError::Damaged("a conversation has vanished".into()))?;
        self.place_held(&mut known)?;
        let mut held = self
            .rows
            .prepare_cached("DELETE FROM held_reads WHERE conversation = ?1 RETURNING user, \"offset\"")?;
        let held = held
            .query_map([blob(&conversation.0)], |row| Ok((UserId(uuid(row, 0)?), row.get::<_, i64>(1)?)))?
            .collect::<Result<Vec<_>, _>>()?;
        for (user, offset) in held {
            if let Some(person) = known.members.by_id(user) {
                self.advance(&known, person.row, offset)?;
            }
        }
        self.opened.push((conversation, Arc::clone(&known.members)));
        let ids = Arc::clone(&known.members.ids);
        self.give_back(known);
        Ok(ids)
    }

    /// Read positions only go forward. Where this one does not, how far they are.
    fn advance(&self, known: &Known, user: i64, offset: i64) -> Result<Option<Offset>, ViewsError> {
        let mut advance = self.rows.prepare_cached(
            "UPDATE members SET read = ?3 WHERE conversation = ?1 AND user = ?2 AND (read IS NULL OR read < ?3)",
        )?;
        if advance.execute((known.row, user, offset))? > 0 {
            return Ok(None);
        }
        let mut held =
            self.rows.prepare_cached("SELECT read FROM members WHERE conversation = ?1 AND user = ?2")?;
        Ok(Some(column_offset(held.query_row((known.row, user), |row| row.get(0))?)))
    }

    pub(super) fn read(&mut self, record: &Record, event: &ReceiptRead) -> Result<Change, ViewsError> {
        let &ReceiptRead { conversation, user, offset } = event;
        if record.author != Some(user) {
            return Ok(ignored(IgnoreReason::NotAllowed));
        }
        let change = |held: Option<Offset>, members| {
            let (advanced, held) = (held.is_none(), held.unwrap_or(offset));
            Change::Read { conversation, user, offset, advanced, held, members }
        };
        let Some(known) = self.take(conversation)? else {
            let mut keep = self.rows.prepare_cached(
                "INSERT INTO held_reads (conversation, user, \"offset\") VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET \"offset\" = excluded.\"offset\"
                 WHERE excluded.\"offset\" > held_reads.\"offset\"",
            )?;
            let further = keep.execute((blob(&conversation.0), blob(&user.0), sql_offset(offset)))?;
            if further > 0 {
                return Ok(change(None, Arc::new([])));
            }
            let mut held = self
                .rows
                .prepare_cached("SELECT \"offset\" FROM held_reads WHERE conversation = ?1 AND user = ?2")?;
            let held = held.query_row((blob(&conversation.0), blob(&user.0)), |row| row.get(0))?;
            return Ok(change(Some(column_offset(held)), Arc::new([])));
        };
        let change = match known.members.by_id(user) {
            None => ignored(IgnoreReason::NotAllowed),
            Some(person) => {
                let held = self.advance(&known, person.row, sql_offset(offset))?;
                change(held, Arc::clone(&known.members.ids))
            }
        };
        self.give_back(known);
        Ok(change)
    }
}
