//! Who types where, as far as was heard, and how often one's own typing is said.

use crate::client::Ticks;
use kafkatalk_protocol::{ConversationId, UserId};
use std::collections::BTreeMap;

/// Milliseconds between two times that one's own typing is said.
const SAY_INTERVAL_MS: u64 = 3_000;
/// Milliseconds for which it is true that somebody types. Longer than until they say it again.
const TRUE_MS: u64 = 6_000;
/// People typing that are remembered, over all conversations; of more, some are not shown.
const HEARD_MAX: usize = 200;

/// Who is typing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Typing {
    /// Until when it is true.
    heard: BTreeMap<(ConversationId, UserId), Ticks>,
    /// Where and when one's own typing was said last.
    said: Option<(ConversationId, Ticks)>,
}

impl Typing {
    /// The viewer types. Whether it is to be said now.
    pub(crate) fn types(&mut self, conversation: ConversationId, now: Ticks) -> bool {
        let recent =
            |(said, at): (ConversationId, Ticks)| said == conversation && now.since(at) < SAY_INTERVAL_MS;
        let due = !self.said.is_some_and(recent);
        if due {
            self.said = Some((conversation, now));
        }
        due
    }

    /// The viewer sent what was typed: what they type next is said at once.
    pub(crate) fn sent(&mut self) {
        self.said = None;
    }

    /// Somebody types. Whether that is news.
    pub(crate) fn heard(&mut self, conversation: ConversationId, user: UserId, now: Ticks) -> bool {
        let known = self.heard.contains_key(&(conversation, user));
        if !known && self.heard.len() >= HEARD_MAX {
            return false;
        }
        self.heard.insert((conversation, user), now.plus(TRUE_MS));
        !known
    }

    /// Somebody sent what they typed. Whether they were known to type.
    pub(crate) fn wrote(&mut self, conversation: ConversationId, user: UserId) -> bool {
        self.heard.remove(&(conversation, user)).is_some()
    }

    /// Forgets what is no longer true; in which conversations.
    pub(crate) fn expire(&mut self, now: Ticks) -> Vec<ConversationId> {
        let over = self.heard.extract_if(.., |_, until| *until <= now);
        over.map(|((conversation, _), _)| conversation).collect()
    }

    /// When something is no longer true.
    pub(crate) fn wake_at(&self) -> Option<Ticks> {
        self.heard.values().min().copied()
    }

    /// Nothing is known any more; in which conversations something was.
    pub(crate) fn clear(&mut self) -> Vec<ConversationId> {
        self.said = None;
        std::mem::take(&mut self.heard).into_keys().map(|(conversation, _)| conversation).collect()
    }

    /// Who types in a conversation.
    pub(crate) fn who(&self, conversation: ConversationId) -> Vec<UserId> {
        let all = (conversation, UserId(uuid::Uuid::nil()))..=(conversation, UserId(uuid::Uuid::max()));
        self.heard.range(all).map(|((_, user), _)| *user).collect()
    }
}
