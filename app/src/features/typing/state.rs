//! Who types where, as far as was heard, and how often one's own typing is said.

use crate::client::event::Ticks;
use kafkatalk_protocol::{ConversationId, UserId};

/// Milliseconds between two times that one's own typing is said.
const SAY_INTERVAL_MS: u64 = 3_000;
/// Milliseconds for which it is true that somebody types. Longer than until they say it again.
const TRUE_MS: u64 = 6_000;
/// People typing that are remembered, over all conversations; of more, some are not shown.
const HEARD_MAX: usize = 200;

/// Who is typing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Typing {
    /// Who was heard, and until when it is true.
    heard: Vec<(ConversationId, UserId, Ticks)>,
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
        let known = self.wrote(conversation, user);
        if self.heard.len() < HEARD_MAX {
            self.heard.push((conversation, user, now.plus(TRUE_MS)));
        }
        !known
    }

    /// Somebody sent what they typed. Whether they were known to type.
    pub(crate) fn wrote(&mut self, conversation: ConversationId, user: UserId) -> bool {
        let before = self.heard.len();
        self.heard.retain(|(place, typist, _)| (*place, *typist) != (conversation, user));
        self.heard.len() < before
    }

    /// Forgets what is no longer true, and says where.
    pub(crate) fn expire(&mut self, now: Ticks, mut over: impl FnMut(ConversationId)) {
        self.heard.retain(|(conversation, _, until)| {
            if *until <= now {
                over(*conversation);
            }
            *until > now
        });
    }

    /// When something is no longer true.
    pub(crate) fn wake_at(&self) -> Option<Ticks> {
        self.heard.iter().map(|(_, _, until)| *until).min()
    }

    /// Who types in a conversation.
    pub(crate) fn who(&self, conversation: ConversationId) -> Vec<UserId> {
        let here = self.heard.iter().filter(|(place, _, _)| *place == conversation);
        here.map(|(_, user, _)| *user).collect()
    }
}
