//! What other features do to a message: find it, count a change once, and put it into its new state.

use super::{
    query::message_at,
    upkeep::{TOMBSTONE_BODY, await_erasure_of, bounds, find_newest, forget_changes, forget_words},
};
use crate::features::conversations::errors::{ConversationError, no_longer_a_member};
use crate::kernel::{
    Kernel,
    errors::{Unavailable, field_problem, not_found, through_unavailable, with_unknown},
    projector::{Effects, IgnoreReason, InConversation, Recorded},
    views::{
        Viewpoint, ViewsError,
        schema::{blob, column_offset, offset_of, place, sql_offset, uuid},
    },
};
use kafkatalk_log::{Level, Record, Stream, failpoints};
use kafkatalk_protocol::{
    ConversationId, ErrorCode, Message, MessageId, Offset, Problem, ServerFrame, Timestamp, UserId,
    reaction::NoEmoji,
};
use rusqlite::OptionalExtension;
use std::sync::Arc;

/// The feature level that includes changes of messages.
const LEVEL: Level = Level(1);

/// What came of a change.
#[derive(Clone, Debug)]
pub enum Changed {
    /// The message is in its new state.
    Done(Arc<Message>),
    /// The change was made before, under the same id, by that record.
    Repeat(Offset),
    /// The author may not change this message.
    NotAllowed,
    /// There is no such message.
    NotFound,
    /// The message was deleted.
    Deleted,
    /// The author has as many reactions to it as one person may have.
    TooManyReactions,
}

/// Why a message was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// There is no such message for the caller.
    #[error("no such message")]
    NotFound,
    /// The caller was a member, and is not any more.
    #[error("no longer a member")]
    NotAMember,
    /// It is not theirs to change.
    #[error("not allowed")]
    NotAllowed,
    /// It is a notice of what happened to the group.
    #[error("a notice")]
    Notice,
    /// It was deleted.
    #[error("the message was deleted")]
    Deleted,
    /// The caller has as many reactions to the message as one person may have.
    #[error("too many reactions")]
    TooManyReactions,
    /// Not an emoji that may be set.
    #[error(transparent)]
    NoEmoji(NoEmoji),
    /// Too many changes at once.
    #[error("too many changes")]
    TooOften(Problem),
    /// See there.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

through_unavailable!(ChangeError);

impl From<ConversationError> for ChangeError {
    fn from(error: ConversationError) -> Self {
        match error {
            ConversationError::NotFound => Self::NotFound,
            ConversationError::NotAllowed => Self::NotAMember,
            ConversationError::Unavailable(error) => Self::Unavailable(error),
        }
    }
}

impl From<ChangeError> for Problem {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::NotFound => not_found(),
            ChangeError::NotAMember => no_longer_a_member(),
            ChangeError::NotAllowed => {
                Self::new(ErrorCode::NotAllowed, "You can only change your own messages.")
            }
            ChangeError::Notice => Self::new(
                ErrorCode::NotAllowed,
                "This line says what happened to the group. It stays as it is.",
            ),
            ChangeError::Deleted => Self::new(ErrorCode::Conflict, "This message was deleted."),
            ChangeError::TooManyReactions => {
                Self::new(ErrorCode::Conflict, "You have 10 reactions here. Take one back first.")
            }
            ChangeError::NoEmoji(error) => field_problem("emoji", error.to_string()),
            ChangeError::TooOften(problem) => problem,
            ChangeError::Unavailable(error) => with_unknown(
                error,
                "It is not known whether this was done. Send the same again, under the same id, in a moment.",
            ),
        }
    }
}

/// A change that is in the log.
#[derive(Clone, Debug)]
pub struct Done {
    /// The offset of its record: of the first one, where it was sent repeatedly.
    pub record: Offset,
    /// When the node accepted the change.
    pub at: Timestamp,
}

/// A message that is to be changed.
#[derive(Debug)]
pub struct Target {
    /// Its place in the rows.
    pub row: i64,
    /// The sender's row.
    pub sender: i64,
    /// The sender.
    pub sender_id: UserId,
    /// The text, as it is now.
    pub body: String,
    /// The record that posted it.
    pub record: uuid::Uuid,
}

impl Target {
    /// Whether its content is gone.
    pub fn is_deleted(&self) -> bool {
        self.body == TOMBSTONE_BODY
    }
}

/// The message at an offset, if there is one.
pub fn target(at: &InConversation<'_>, message: Offset) -> Result<Option<Target>, ViewsError> {
    let row = place(at.state.row, message);
    let mut find = at.rows.prepare_cached(
        "SELECT sender, users.id, body, record FROM messages JOIN users ON users.row = sender WHERE place = ?1",
    )?;
    let found = find.query_row([row], |found| {
        Ok(Target {
            row,
            sender: found.get(0)?,
            sender_id: UserId(uuid(found, 1)?),
            body: found.get(2)?,
            record: uuid(found, 3)?,
        })
    });
    Ok(found.optional()?)
}

/// Notes a change of that author under that id. The offset of the first record of it, where this is not the first.
pub fn claim(
    at: &InConversation<'_>,
    author: i64,
    id: MessageId,
    message: Offset,
) -> Result<Option<Offset>, ViewsError> {
    let row = place(at.state.row, message);
    let mut note = at.rows.prepare_cached(
        "INSERT INTO changes (place, author, id, record) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
    )?;
    let first = note.execute((row, author, blob(&id.0), sql_offset(at.offset)))? > 0;
    if first || failpoints::is_on(failpoints::broken::CHANGE_TWICE) {
        return Ok(None);
    }
    let mut first =
        at.rows.prepare_cached("SELECT record FROM changes WHERE place = ?1 AND author = ?2 AND id = ?3")?;
    Ok(Some(column_offset(first.query_row((row, author, blob(&id.0)), |row| row.get(0))?)))
}

/// Gives a message another text; the search index follows.
pub fn set_body(at: &InConversation<'_>, target: &Target, body: &str) -> Result<(), ViewsError> {
    let learn = (body != TOMBSTONE_BODY).then_some(target.row);
    forget_words(at, target.row, &target.body, learn)?;
    at.rows.prepare_cached("UPDATE messages SET body = ?2 WHERE place = ?1")?.execute((target.row, body))?;
    Ok(())
}

/// The record in hand holds content of the message too: what deletes the message has the log forget that record as well.
pub fn holds_content(at: &InConversation<'_>, target: &Target, record: &Record) -> Result<(), ViewsError> {
    at.rows
        .prepare_cached("INSERT INTO contents (place, record) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
        .execute((target.row, blob(&record.id)))?;
    Ok(())
}

/// All records that hold content of the message are to be erased from the log.
pub fn await_erasure(at: &InConversation<'_>, target: &Target) -> Result<(), ViewsError> {
    let mut find = at.rows.prepare_cached("DELETE FROM contents WHERE place = ?1 RETURNING record")?;
    let contents = find.query_map([target.row], |row| uuid(row, 0))?.collect::<Result<Vec<_>, _>>()?;
    contents.into_iter().try_for_each(|record| await_erasure_of(at, record, false))?;
    await_erasure_of(at, target.record, true)
}

/// Duplicates of a message that is deleted are deleted with it.
pub fn forget_duplicates(at: &InConversation<'_>, target: &Target) -> Result<(), ViewsError> {
    let (from, to) = bounds(at);
    let mut find = at.rows.prepare_cached(
        "DELETE FROM duplicates WHERE sender = ?1 AND id = (SELECT id FROM messages WHERE place = ?2)
         AND place BETWEEN ?3 AND ?4 RETURNING record, place",
    )?;
    let range = (target.sender, target.row, from, to);
    let found = find.query_map(range, |row| Ok((uuid(row, 0)?, row.get::<_, i64>(1)?)))?;
    for (record, row) in found.collect::<Result<Vec<_>, _>>()? {
        at.registry.forget(at.rows, row)?;
        await_erasure_of(at, record, false)?;
    }
    Ok(())
}

/// A duplicate of a message that the log has forgotten may have taken its part, and is deleted with it.
pub fn demote_duplicate(at: &mut InConversation<'_>, sender: i64, id: MessageId) -> Result<(), ViewsError> {
    let mut find = at
        .rows
        .prepare_cached("SELECT place FROM messages WHERE conversation = ?1 AND sender = ?2 AND id = ?3")?;
    let found: Option<i64> =
        find.query_row((at.state.row, sender, blob(&id.0)), |row| row.get(0)).optional()?;
    let Some(found) = found else { return Ok(()) };
    let offset = offset_of(found);
    // Tombstones and notices take nobody's part.
    let Some(target) = target(at, offset)?.filter(|target| !target.is_deleted()) else { return Ok(()) };
    forget_duplicates(at, &target)?;
    await_erasure(at, &target)?;
    forget_words(at, target.row, &target.body, None)?;
    forget_changes(at, target.row)?;
    at.registry.forget(at.rows, target.row)?;
    at.rows.prepare_cached("DELETE FROM messages WHERE place = ?1")?.execute([target.row])?;
    at.state.count(offset, sender, -1);
    find_newest(at)
}

/// A message that is known to be there, in its present state.
fn present(at: &InConversation<'_>, message: Offset) -> Result<Message, ViewsError> {
    let vanished = || ViewsError::Damaged("a message vanished while it was changed".into());
    message_at(at, message)?.ok_or_else(vanished)
}

/// The record in hand has changed the message: its new revision, and the frame for those who may see it.
pub fn finish(at: &mut InConversation<'_>, message: Offset) -> Result<Effects<Changed>, ViewsError> {
    if failpoints::is_on(failpoints::broken::LOST_CHANGE) {
        return lose(at, message);
    }
    at.rows
        .prepare_cached("UPDATE messages SET revision = ?2 WHERE place = ?1")?
        .execute((place(at.state.row, message), sql_offset(at.offset)))?;
    let state = present(at, message)?;
    let (record, previous_record) = at.link();
    let frame = ServerFrame::Changed { message: state.clone(), record, previous_record };
    let deliver = at.to_viewers(message, frame);
    Ok(Effects::of(Changed::Done(Arc::new(state))).visible().deliver(deliver))
}

/// The promise broken on purpose: see [`failpoints::broken::LOST_CHANGE`].
fn lose(at: &mut InConversation<'_>, message: Offset) -> Result<Effects<Changed>, ViewsError> {
    let mut state = present(at, message)?;
    state.revision = Some(at.offset);
    Ok(Effects::of(Changed::Done(Arc::new(state))))
}

/// The message is so already: the record counts for nothing, and whoever asked for it is told what there is.
pub fn unchanged(at: &InConversation<'_>, message: Offset) -> Result<Effects<Changed>, ViewsError> {
    let state = present(at, message)?;
    Ok(Effects::skipped(IgnoreReason::NothingToChange, Changed::Done(Arc::new(state))))
}

/// The record counts for nothing.
pub fn refused(reason: Changed) -> Effects<Changed> {
    let skipped = match &reason {
        Changed::Repeat(_) => IgnoreReason::Duplicate,
        Changed::NotAllowed => IgnoreReason::NotAllowed,
        _ => IgnoreReason::NothingToChange,
    };
    Effects::skipped(skipped, reason)
}

/// What the use case answers.
pub fn answer(outcome: Changed, at: Timestamp) -> Result<Done, ChangeError> {
    match outcome {
        Changed::Done(message) => Ok(Done { record: message.revision(), at }),
        Changed::Repeat(record) => Ok(Done { record, at }),
        Changed::NotAllowed => Err(ChangeError::NotAllowed),
        Changed::NotFound => Err(ChangeError::NotFound),
        Changed::Deleted => Err(ChangeError::Deleted),
        Changed::TooManyReactions => Err(ChangeError::TooManyReactions),
    }
}

impl Kernel {
    /// Writes a change, as far as the feature level and the caller's rate allow it: what came of it, and when.
    pub(crate) async fn change<E: Recorded<Outcome = Changed>>(
        &self,
        caller: UserId,
        conversation: ConversationId,
        event: &E,
    ) -> Result<(Changed, Timestamp), ChangeError> {
        self.require_level(LEVEL).await?;
        self.rates.message(caller).map_err(ChangeError::TooOften)?;
        let at = self.clock.now();
        let outcome = self.commit(Stream::Conversation(conversation), caller, None, event).await?;
        Ok((outcome, at))
    }

    /// The message that the caller wants to change. That there is none is said only of views that hold all that the
    /// conversation held when the question came.
    pub(crate) async fn to_be_changed(
        &self,
        caller: UserId,
        conversation: ConversationId,
        message: Offset,
    ) -> Result<Message, ChangeError> {
        let look =
            move |seen: &Viewpoint<'_>| Ok((seen.message(message)?, seen.query.applied(conversation)?));
        let (found, applied) = self.read_as(caller, conversation, look).await?;
        if let Some(found) = found {
            return if found.notice.is_none() { Ok(found) } else { Err(ChangeError::Notice) };
        }
        if applied >= Some(message) {
            return Err(ChangeError::NotFound);
        }
        // Whoever names what is not there asks the log each time.
        self.rates.look(caller).map_err(ChangeError::TooOften)?;
        if self.is_in_log(conversation, message).await? {
            return Err(Unavailable::NotReplicatedYet.into());
        }
        Err(ChangeError::NotFound)
    }
}
