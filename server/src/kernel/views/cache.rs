//! The cache: what the path of a message needs, without reading the file.

use kafkatalk_protocol::{ConversationId, MessageId, Offset, SessionId, User, UserId, member::Role};
use moka::sync::Cache as Moka;
use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

/// Conversations whose members are kept.
const MEMBERS_MAX: u64 = 20_000;
/// Sessions that are kept.
const SESSIONS_MAX: u64 = 20_000;
/// Conversations whose newest messages are remembered by a mark each.
const RECENT_CONVERSATIONS_MAX: u64 = 20_000;
/// Messages of a conversation that are remembered so. A device repeats what it sent last, one message at a time.
pub(crate) const RECENT_MESSAGES: usize = 32;

/// Everyone who is in an open conversation now.
#[derive(Debug)]
pub struct Members {
    /// The conversation's row.
    pub(crate) row: i64,
    /// By username.
    pub(crate) people: Box<[Person]>,
    /// The same, ids only.
    pub(crate) ids: Arc<[UserId]>,
    /// The first offset that all of them may see.
    all_see_from: Offset,
}

impl Default for Members {
    fn default() -> Self {
        Self::new(0, Vec::new())
    }
}

/// A member.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) row: i64,
    pub(crate) user: User,
    /// The first offset that they may see.
    pub(crate) sees_from: Offset,
    pub(crate) role: Role,
}

impl Members {
    pub(super) fn new(row: i64, people: Vec<Person>) -> Self {
        let ids = people.iter().map(|person| person.user.id).collect();
        let all_see_from = people.iter().map(|person| person.sees_from).max().unwrap_or_default();
        Self { row, people: people.into(), ids, all_see_from }
    }

    /// Whether every member may see what lies at that offset.
    pub(crate) fn all_see(&self, offset: Offset) -> bool {
        self.all_see_from <= offset
    }

    /// The first offset that all of them may see.
    pub(crate) fn all_see_from(&self) -> Offset {
        self.all_see_from
    }

    pub(crate) fn by_id(&self, id: UserId) -> Option<&Person> {
        self.people.iter().find(|person| person.user.id == id)
    }

    pub(crate) fn by_row(&self, row: i64) -> Option<&User> {
        self.people.iter().find(|person| person.row == row).map(|person| &person.user)
    }
}

/// A token's hash.
pub(crate) type TokenHash = [u8; 32];

/// Marks of the newest messages of a conversation, the oldest first to go.
#[derive(Debug, Default)]
pub(crate) struct Recent(Mutex<([u64; RECENT_MESSAGES], usize)>);

impl Recent {
    pub(crate) fn add(&self, sender: UserId, id: MessageId) {
        let (marks, next) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        marks[*next % RECENT_MESSAGES] = mark(sender, id);
        *next += 1;
    }

    fn has(&self, sender: UserId, id: MessageId) -> bool {
        let (marks, next) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner);
        marks[..RECENT_MESSAGES.min(*next)].contains(&mark(sender, id))
    }
}

/// Two messages may have the same mark: it only says where to look more closely.
fn mark(sender: UserId, id: MessageId) -> u64 {
    let ((a, b), (c, d)) = (sender.0.as_u64_pair(), id.0.as_u64_pair());
    a ^ b ^ c ^ d
}

/// The cache of a node's views.
pub struct Cache {
    members: Moka<ConversationId, Arc<Members>>,
    sessions: Moka<TokenHash, (SessionId, User)>,
    recent: Moka<ConversationId, Arc<Recent>>,
    /// Raised whenever something that is kept here changes in the rows: see [`Cache::keep_session`].
    changes: AtomicU64,
}

impl std::fmt::Debug for Cache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cache")
    }
}

impl Cache {
    pub(super) fn new() -> Self {
        Self {
            members: Moka::new(MEMBERS_MAX),
            sessions: Moka::new(SESSIONS_MAX),
            recent: Moka::new(RECENT_CONVERSATIONS_MAX),
            changes: AtomicU64::new(0),
        }
    }

    pub(super) fn members(&self, conversation: ConversationId) -> Option<Arc<Members>> {
        self.members.get(&conversation)
    }

    /// Keeps members that were read after `changes` was taken, unless they changed since.
    pub(super) fn keep_members(&self, conversation: ConversationId, members: &Arc<Members>, changes: u64) {
        if self.changes() != changes {
            return;
        }
        self.members.insert(conversation, Arc::clone(members));
        if self.changes() != changes {
            self.members.invalidate(&conversation);
        }
    }

    /// The members of a conversation are about to change.
    pub(super) fn forget_members(&self, conversation: ConversationId) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        self.members.invalidate(&conversation);
    }

    /// The members of a conversation have changed, and the rows are committed.
    pub(super) fn set_members(&self, conversation: ConversationId, members: &Arc<Members>) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        self.members.insert(conversation, Arc::clone(members));
    }

    /// Whether a message may be one of the conversation's newest; `None` where those are not remembered.
    pub(crate) fn may_be_recent(
        &self,
        conversation: ConversationId,
        sender: UserId,
        id: MessageId,
    ) -> Option<bool> {
        self.recent.get(&conversation).map(|recent| recent.has(sender, id))
    }

    /// A message was placed.
    pub(crate) fn placed(&self, conversation: ConversationId, sender: UserId, id: MessageId) {
        if let Some(recent) = self.recent.get(&conversation) {
            recent.add(sender, id);
        }
    }

    /// Begins to remember. What is placed between the reading of these and now is missed, which costs a repeated record
    /// at worst, that the views skip.
    pub(crate) fn keep_recent(&self, conversation: ConversationId, recent: Recent) {
        self.recent.insert(conversation, Arc::new(recent));
    }

    pub(crate) fn session(&self, hash: &TokenHash) -> Option<(SessionId, User)> {
        self.sessions.get(hash)
    }

    /// To be taken before what is to be kept is read from the file.
    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Ordering::SeqCst)
    }

    /// Keeps a session that was read after `changes` was taken. A session that ended in between must not stay: the
    /// reader may have seen the moment before.
    pub(crate) fn keep_session(&self, hash: TokenHash, session: SessionId, user: &User, changes: u64) {
        if self.changes() != changes {
            return;
        }
        self.sessions.insert(hash, (session, user.clone()));
        if self.changes() != changes {
            self.sessions.invalidate(&hash);
        }
    }

    /// Forgets a session whose end is committed.
    pub(crate) fn end_session(&self, hash: &TokenHash) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        self.sessions.invalidate(hash);
    }
}
