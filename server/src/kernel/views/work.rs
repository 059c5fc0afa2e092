//! Applies one batch of records to the rows.

use super::{
    ViewsError,
    cache::{Cache, Members},
    conversation::{ConversationState, States},
    query::{self, conversation_row},
    schema::{self, blob, column_offset, sql_offset},
};
use crate::kernel::projector::{Applied, IgnoreReason, InConversation, Registry};
use kafkatalk_log::{Entry, Record, Stream};
use kafkatalk_protocol::ConversationId;
use rusqlite::Connection;
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};
use uuid::Uuid;

/// Runs on the cache once the transaction is committed.
type AfterCommit = Box<dyn FnOnce(&Cache) + Send>;

/// What a transaction changes in the cache.
#[derive(Default)]
pub(super) struct Memory {
    members: HashMap<ConversationId, Arc<Members>>,
    after_commit: Vec<AfterCommit>,
}

impl Memory {
    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty() && self.after_commit.is_empty()
    }

    pub(super) fn extend(&mut self, later: Self) {
        self.members.extend(later.members);
        self.after_commit.extend(later.after_commit);
    }

    /// From here on readers load members from the rows, so that all they read is of one moment.
    pub(super) fn before_commit(&self, cache: &Cache) {
        for conversation in self.members.keys() {
            cache.forget_members(*conversation);
        }
    }

    pub(super) fn after_commit(self, cache: &Cache) {
        for (conversation, members) in self.members {
            cache.set_members(conversation, &members);
        }
        for change in self.after_commit {
            change(cache);
        }
    }
}

/// What handlers of ledgers work with.
pub struct Work<'a> {
    /// The rows, in the transaction that holds the records.
    pub rows: &'a Connection,
    pub(super) registry: &'a Registry,
    pub(super) cache: &'a Cache,
    pub(super) states: &'a mut States,
    pub(super) memory: Memory,
}

impl std::fmt::Debug for Work<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Work")
    }
}

impl Work<'_> {
    pub(super) fn entry(&mut self, entry: &Entry) -> Result<Applied, ViewsError> {
        let registry = self.registry;
        match entry.stream {
            Stream::Conversation(conversation) => self.in_stream(conversation, entry),
            Stream::Ledger(ledger) => {
                self.states.applied_in_ledger(ledger, entry.offset);
                match registry.in_ledger(ledger, &entry.record.kind) {
                    Some((_, apply)) => apply(self, entry),
                    None => Ok(Applied::ignored(entry, IgnoreReason::UnknownKind)),
                }
            }
        }
    }

    /// Has these features keep what they need of a message that was posted before.
    pub(super) fn posted_before(
        &mut self,
        entry: &Entry,
        features: &BTreeSet<&'static str>,
    ) -> Result<(), ViewsError> {
        let Stream::Conversation(conversation) = entry.stream else { return Ok(()) };
        let Some(mut state) = self.states.take(self.rows, conversation)? else { return Ok(()) };
        let place = schema::place(state.row, entry.offset);
        let Self { rows, cache, registry, .. } = *self;
        let (offset, at) = (entry.offset, entry.record.at);
        let at = InConversation { rows, cache, registry, state: &mut state, offset, at };
        let kept = registry.posted_before(&at, place, &entry.record, features);
        self.states.put(state);
        kept
    }

    /// Applies a record of a ledger for these features alone.
    pub(super) fn in_ledger_for(
        &mut self,
        entry: &Entry,
        features: &BTreeSet<&'static str>,
    ) -> Result<(), ViewsError> {
        let Stream::Ledger(ledger) = entry.stream else { return Ok(()) };
        let registry = self.registry;
        match registry.in_ledger(ledger, &entry.record.kind) {
            Some((feature, apply)) if features.contains(feature) => apply(self, entry).map(drop),
            _ => Ok(()),
        }
    }

    /// Changes the cache once the rows are committed. A batch with such changes is committed immediately.
    pub fn after_commit(&mut self, change: impl FnOnce(&Cache) + Send + 'static) {
        self.memory.after_commit.push(Box::new(change));
    }

    fn in_stream(&mut self, conversation: ConversationId, entry: &Entry) -> Result<Applied, ViewsError> {
        if entry.offset.0 > schema::OFFSET_MAX {
            return Ok(Applied::ignored(entry, IgnoreReason::OutOfRange));
        }
        let Some(mut state) = self.states.take(self.rows, conversation)? else {
            return self.hold(conversation, entry);
        };
        let applied = self.apply(&mut state, entry);
        self.states.put(state);
        applied
    }

    fn keep_members(&mut self, conversation: ConversationId, members: Arc<Members>) {
        self.memory.members.insert(conversation, members);
    }

    fn apply(&mut self, state: &mut ConversationState, entry: &Entry) -> Result<Applied, ViewsError> {
        if state.has_applied(entry.offset) {
            return Ok(Applied::ignored(entry, IgnoreReason::Repeat));
        }
        // A version that knows the kind reads the stream again.
        state.note_kind(self.rows, &entry.record.kind)?;
        let Some(apply) = self.registry.in_conversation(&entry.record.kind) else {
            state.applied(entry.offset, false);
            return Ok(Applied::ignored(entry, IgnoreReason::UnknownKind));
        };
        let Self { rows, cache, registry, .. } = *self;
        let mut at =
            InConversation { rows, cache, registry, state, offset: entry.offset, at: entry.record.at };
        let before = Arc::clone(at.state.members());
        let (applied, visible) = apply(&mut at, entry)?;
        state.applied(entry.offset, visible);
        if !Arc::ptr_eq(&before, state.members()) {
            self.keep_members(state.id, Arc::clone(state.members()));
        }
        Ok(applied)
    }

    /// Keeps a record of a conversation that this node has not heard of, or not of all its members: see [`Work::open`].
    fn hold(&self, conversation: ConversationId, entry: &Entry) -> Result<Applied, ViewsError> {
        if *entry.record.kind == *Record::ERASED {
            self.forget_held(conversation, &entry.record)?;
        }
        let mut hold = self.rows.prepare_cached(
            "INSERT INTO held (conversation, \"offset\", id, record) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
        )?;
        let record = serde_json::to_string(&*entry.record)
            .map_err(|error| ViewsError::Storage(format!("a record cannot be kept: {error}")))?;
        let new =
            hold.execute((blob(&conversation.0), sql_offset(entry.offset), blob(&entry.record.id), record))?;
        let reason = if new == 0 { IgnoreReason::Repeat } else { IgnoreReason::Held };
        Ok(Applied::ignored(entry, reason))
    }

    /// The content of a held record is gone at once.
    fn forget_held(&self, conversation: ConversationId, erasure: &Record) -> Result<(), ViewsError> {
        if let Some(erased) = erasure.key.as_deref().and_then(|key| Uuid::parse_str(key).ok()) {
            self.rows
                .prepare_cached("DELETE FROM held WHERE conversation = ?1 AND id = ?2")?
                .execute((blob(&conversation.0), blob(&erased)))?;
        }
        Ok(())
    }

    /// Opens a conversation whose members are all known now, with all that was held for it.
    pub fn open(&mut self, conversation: ConversationId) -> Result<Arc<Members>, ViewsError> {
        let state = self.states.take(self.rows, conversation)?;
        let mut state = state.ok_or_else(|| ViewsError::Damaged("a conversation has vanished".into()))?;
        for entry in self.held(conversation)? {
            self.apply(&mut state, &entry)?;
        }
        for opens in &self.registry.opens {
            opens(self.rows, &mut state)?;
        }
        self.rows.execute("DELETE FROM held WHERE conversation = ?1", [blob(&conversation.0)])?;
        let members = Arc::clone(state.members());
        self.keep_members(conversation, Arc::clone(&members));
        self.states.put(state);
        self.states.opened();
        Ok(members)
    }

    fn held(&self, conversation: ConversationId) -> Result<Vec<Entry>, ViewsError> {
        let stream = Stream::Conversation(conversation);
        let mut find = self.rows.prepare_cached(
            "SELECT \"offset\", record FROM held WHERE conversation = ?1 ORDER BY \"offset\"",
        )?;
        let mut found = find.query([blob(&conversation.0)])?;
        let mut entries = Vec::new();
        while let Some(row) = found.next()? {
            let record: String = row.get(1)?;
            let record: Record = serde_json::from_str(&record)
                .map_err(|error| ViewsError::Damaged(format!("a held record: {error}")))?;
            entries.push(Entry { stream, offset: column_offset(row.get(0)?), record: Arc::new(record) });
        }
        Ok(entries)
    }

    /// Works on an open conversation on behalf of a record of a ledger; `None` if it is not open.
    pub fn with_conversation<T>(
        &mut self,
        conversation: ConversationId,
        work: impl FnOnce(&Connection, &mut ConversationState) -> Result<T, ViewsError>,
    ) -> Result<Option<T>, ViewsError> {
        let Some(mut state) = self.states.take(self.rows, conversation)? else { return Ok(None) };
        let done = work(self.rows, &mut state);
        self.states.put(state);
        done.map(Some)
    }

    /// Whether there is a conversation of that id, open or not.
    pub fn has_conversation(&self, conversation: ConversationId) -> Result<bool, ViewsError> {
        Ok(conversation_row(self.rows, conversation)?.is_some())
    }

    /// The person's row, and whether their name is known yet.
    pub fn person(&self, id: kafkatalk_protocol::UserId) -> Result<(i64, bool), ViewsError> {
        query::person_row(self.rows, id)
    }
}
