//! Who types where, as far as was heard, and how often one's own typing is said.

use crate::client::{Event, Part, Subject, Surroundings, Ticks};
use kafkatalk_protocol::{ClientFrame, ConversationId, ServerFrame, UserId};

/// Milliseconds between two times that one's own typing is said.
const SAY_INTERVAL_MS: u64 = 3_000;
/// Milliseconds for which it is true that somebody types. Longer than until they say it again.
const TRUE_MS: u64 = 6_000;
/// People typing that are remembered, over all conversations; of more, some are not shown.
const HEARD_MAX: usize = 200;

/// Who is typing.
#[derive(Clone, Debug, Default)]
pub struct Typing {
    /// Who was heard, and until when it is true.
    heard: Vec<(ConversationId, UserId, Ticks)>,
    /// Where and when one's own typing was said last.
    said: Option<(ConversationId, Ticks)>,
}

impl Typing {
    /// Who types in a conversation.
    pub fn who(&self, conversation: ConversationId) -> Vec<UserId> {
        let here = self.heard.iter().filter(|(place, _, _)| *place == conversation);
        here.map(|(_, user, _)| *user).collect()
    }

    /// The viewer types, which is said now and then.
    fn types(&mut self, conversation: ConversationId, surroundings: &mut Surroundings<'_>) {
        let now = surroundings.now;
        let recent =
            |(said, at): (ConversationId, Ticks)| said == conversation && now.since(at) < SAY_INTERVAL_MS;
        if surroundings.is_live() && !self.said.is_some_and(recent) {
            self.said = Some((conversation, now));
            surroundings.transmit(ClientFrame::Typing { conversation });
        }
    }

    /// Somebody types.
    fn hear(&mut self, conversation: ConversationId, user: UserId, surroundings: &mut Surroundings<'_>) {
        let known = self.forget(conversation, user);
        if self.heard.len() < HEARD_MAX {
            self.heard.push((conversation, user, surroundings.now.plus(TRUE_MS)));
        }
        if !known {
            surroundings.changed(Subject::Conversation(conversation));
        }
    }

    /// Somebody does not type any more. Whether they were known to.
    fn forget(&mut self, conversation: ConversationId, user: UserId) -> bool {
        let before = self.heard.len();
        self.heard.retain(|(place, typist, _)| (*place, *typist) != (conversation, user));
        self.heard.len() < before
    }

    /// Forgets what is true until then at most.
    fn expire(&mut self, now: Ticks, surroundings: &mut Surroundings<'_>) {
        self.heard.retain(|(conversation, _, until)| {
            if *until <= now {
                surroundings.changed(Subject::Conversation(*conversation));
            }
            *until > now
        });
    }
}

impl Part for Typing {
    fn on(&mut self, event: Event<'_>, surroundings: &mut Surroundings<'_>) {
        match event {
            Event::Frame(ServerFrame::Typing { conversation, user }) if *user != surroundings.viewer => {
                self.hear(*conversation, *user, surroundings);
            }
            // Who sent a message typed it.
            Event::Frame(ServerFrame::Message { message, .. } | ServerFrame::Changed { message, .. }) => {
                if self.forget(message.conversation, message.sender.id) {
                    surroundings.changed(Subject::Conversation(message.conversation));
                }
            }
            Event::Frame(_) | Event::Ended => {}
            Event::Typed(conversation) => self.types(conversation, surroundings),
            // What is typed next is said at once.
            Event::Posted => self.said = None,
            // Without a connection nothing is known.
            Event::Disconnected => self.expire(Ticks(u64::MAX), surroundings),
        }
    }

    fn due(&mut self, surroundings: &mut Surroundings<'_>) {
        self.expire(surroundings.now, surroundings);
    }

    fn wake_at(&self) -> Option<Ticks> {
        self.heard.iter().map(|(_, _, until)| *until).min()
    }
}
