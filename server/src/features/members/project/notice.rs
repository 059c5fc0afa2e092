//! The lines that say what happened to a group. They lie among the messages, with a text of no length: they are neither
//! searched nor counted as unread, and no feature changes them.

use crate::{
    features::messages::{query::message_at, upkeep::TOMBSTONE_BODY},
    kernel::{
        projector::{AfterReset, InConversation, Seen},
        views::{
            ViewsError,
            cache::{Members, Person},
            query::user_of_id,
            schema::{blob, place, places_of},
        },
    },
};
use kafkatalk_log::Record;
use kafkatalk_protocol::{
    Body, Message, UserId,
    member::{GroupName, Notice, NoticeKind, Role},
};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

/// `notice` is what happened, as JSON, with ids for people: names are looked up when it is read.
pub(super) const TABLES: &str = "
CREATE TABLE notices (place INTEGER PRIMARY KEY, notice TEXT NOT NULL) STRICT;
";

pub(super) const DUMP: &[(&str, &str)] = &[(
    "notice",
    "SELECT conversations.id, place & 0xffffffff, notice FROM notices
     JOIN conversations ON conversations.row = place >> 32 ORDER BY 1, 2",
)];

/// A notice as the rows hold it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Stored {
    pub(super) kind: NoticeKind,
    pub(super) users: Vec<UserId>,
    pub(super) role: Option<Role>,
    pub(super) name: Option<GroupName>,
}

impl Stored {
    pub(super) fn of(kind: NoticeKind, users: Vec<UserId>) -> Self {
        Self { kind, users, role: None, name: None }
    }

    /// With the names of the people.
    fn named(self, rows: &Connection, members: &Members) -> Result<Notice, ViewsError> {
        let user = |id: UserId| match members.by_id(id) {
            Some(person) => Ok(person.user.clone()),
            None => user_of_id(rows, id),
        };
        let users = self.users.into_iter().map(user).collect::<Result<_, ViewsError>>()?;
        Ok(Notice { kind: self.kind, users, role: self.role, name: self.name })
    }
}

/// Whether the notice of that record has a place already, or a message of the same author its id.
pub(super) fn is_taken(
    at: &InConversation<'_>,
    author: &Person,
    record: &Record,
) -> Result<bool, ViewsError> {
    let mut find = at
        .rows
        .prepare_cached("SELECT 1 FROM messages WHERE conversation = ?1 AND sender = ?2 AND id = ?3")?;
    Ok(find.exists((at.state.row, author.row, blob(&record.id)))?)
}

/// Puts a notice at the end of the messages.
pub(super) fn post(
    at: &mut InConversation<'_>,
    record: &Record,
    author: &Person,
    notice: &Stored,
) -> Result<Message, ViewsError> {
    let row = place(at.state.row, at.offset);
    let sent_at = record.at.as_millis();
    let damaged = |error: serde_json::Error| ViewsError::Damaged(format!("a notice: {error}"));
    let stored = serde_json::to_string(notice).map_err(damaged)?;
    at.rows
        .prepare_cached(
            "INSERT INTO messages (place, sender, sent_at, id, record, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute((row, author.row, sent_at, blob(&record.id), blob(&record.id), TOMBSTONE_BODY))?;
    at.rows.prepare_cached("INSERT INTO notices (place, notice) VALUES (?1, ?2)")?.execute((row, stored))?;
    at.state.set_newest(Some((at.offset, sent_at)));
    let line = message_at(at, at.offset)?;
    line.ok_or_else(|| ViewsError::Damaged("a notice vanished while it was posted".into()))
}

pub(super) fn forget(rows: &Connection, place: i64) -> Result<(), ViewsError> {
    rows.prepare_cached("DELETE FROM notices WHERE place = ?1")?.execute([place])?;
    Ok(())
}

/// See [`crate::kernel::projector::Reset`]. The members themselves are the kernel's.
pub(super) fn reset(rows: &Connection, conversation: i64) -> Result<Option<AfterReset>, ViewsError> {
    rows.execute("DELETE FROM notices WHERE place BETWEEN ?1 AND ?2", places_of(conversation))?;
    Ok(None)
}

/// Makes notices of those messages that are.
pub(super) fn complete(
    rows: &Connection,
    seen: &Seen<'_>,
    messages: &mut [Message],
) -> Result<(), ViewsError> {
    let query = "SELECT place, notice FROM notices WHERE place BETWEEN ?1 AND ?2";
    seen.add_rows(rows, query, messages, |message, row| {
        let stored: String = row.get(1)?;
        let stored: Stored = serde_json::from_str(&stored)
            .map_err(|error| ViewsError::Damaged(format!("a notice: {error}")))?;
        let notice = stored.named(rows, seen.members)?;
        let text = notice.text(message.sender.username.as_str(), |user| user.username.to_string());
        message.body = Body::kept(&text).map_err(|error| ViewsError::Damaged(error.to_string()))?;
        (message.deleted, message.notice) = (false, Some(notice));
        Ok(())
    })
}
