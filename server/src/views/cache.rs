//! Answers kept in memory, so that the path of a message needs no file.

use kafkatalk_protocol::{ConversationId, MessageId, SessionId, User, UserId};
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
pub(super) const RECENT_MESSAGES: usize = 32;

/// Everyone in a conversation that is seen. They never change once it is.
#[derive(Debug)]
pub(super) struct Members {
    /// The conversation's row.
    pub(super) row: i64,
    /// By username.
    pub(super) people: Box<[Person]>,
    /// The same, ids only.
    pub(super) ids: Arc<[UserId]>,
}

/// A member and their row.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) row: i64,
    pub(super) user: User,
}

impl Members {
    pub(super) fn new(row: i64, people: Vec<Person>) -> Self {
        let ids = people.iter().map(|person| person.user.id).collect();
        Self { row, people: people.into(), ids }
    }

    pub(super) fn by_id(&self, id: UserId) -> Option<&Person> {
        self.people.iter().find(|person| person.user.id == id)
    }

    pub(super) fn by_row(&self, row: i64) -> Option<&User> {
        self.people.iter().find(|person| person.row == row).map(|person| &person.user)
    }
}

/// A token's hash.
pub(super) type TokenHash = [u8; 32];

/// Marks of the newest messages of a conversation, the oldest first to go.
#[derive(Debug, Default)]
pub(super) struct Recent(Mutex<([u64; RECENT_MESSAGES], usize)>);

impl Recent {
    pub(super) fn add(&self, sender: UserId, id: MessageId) {
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

pub(super) struct Cache {
    members: Moka<ConversationId, Arc<Members>>,
    sessions: Moka<TokenHash, (SessionId, User)>,
    recent: Moka<ConversationId, Arc<Recent>>,
    /// Raised whenever a session ends: see [`Cache::keep_session`].
    ends: AtomicU64,
}

impl Cache {
    pub(super) fn new() -> Self {
        Self {
            members: Moka::new(MEMBERS_MAX),
            sessions: Moka::new(SESSIONS_MAX),
            recent: Moka::new(RECENT_CONVERSATIONS_MAX),
            ends: AtomicU64::new(0),
        }
    }

    pub(super) fn members(&self, conversation: ConversationId) -> Option<Arc<Members>> {
        self.members.get(&conversation)
    }

    pub(super) fn keep_members(&self, conversation: ConversationId, members: &Arc<Members>) {
        self.members.insert(conversation, Arc::clone(members));
    }

    /// Whether a message may be one of the conversation's newest; `None` where those are not remembered.
    pub(super) fn may_be_recent(
        &self,
        conversation: ConversationId,
        sender: UserId,
        id: MessageId,
    ) -> Option<bool> {
        self.recent.get(&conversation).map(|recent| recent.has(sender, id))
    }

    /// A message was placed.
    pub(super) fn placed(&self, conversation: ConversationId, sender: UserId, id: MessageId) {
        if let Some(recent) = self.recent.get(&conversation) {
            recent.add(sender, id);
        }
    }

    /// Begins to remember. What is placed between the reading of these and now is missed, which costs a repeated record
    /// at worst, that the views skip.
    pub(super) fn keep_recent(&self, conversation: ConversationId, recent: Recent) {
        self.recent.insert(conversation, Arc::new(recent));
    }

    pub(super) fn session(&self, hash: &TokenHash) -> Option<(SessionId, User)> {
        self.sessions.get(hash)
    }

    /// To be taken before the session is read from the file.
    pub(super) fn ends(&self) -> u64 {
        self.ends.load(Ordering::SeqCst)
    }

    /// Keeps a session that was read after `ends` was taken. A session that ended in between must not stay: the
    /// reader may have seen the moment before.
    pub(super) fn keep_session(&self, hash: TokenHash, session: SessionId, user: &User, ends: u64) {
        if self.ends() != ends {
            return;
        }
        self.sessions.insert(hash, (session, user.clone()));
        if self.ends() != ends {
            self.sessions.invalidate(&hash);
        }
    }

    /// Forgets sessions whose end is committed.
    pub(super) fn end_sessions(&self, hashes: &[TokenHash]) {
        if hashes.is_empty() {
            return;
        }
        self.ends.fetch_add(1, Ordering::SeqCst);
        for hash in hashes {
            self.sessions.invalidate(hash);
        }
    }
}
