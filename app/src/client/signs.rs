//! Signals: what is true for moments, and may be lost. They are apart from all else, so that a dot that appears rebuilds
//! neither the list nor a conversation.

use super::{Client, Effect, Ticks};
use kafkatalk_protocol::{ClientFrame, ConversationId, ServerFrame, UserId, presence::Presence};

/// What something is true of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A conversation: see [`Client::typing_in`].
    Conversation(ConversationId),
    /// A person: see [`Client::presence_of`].
    Person(UserId),
}

impl Client {
    /// Who of the others is typing in a conversation now.
    pub fn typing_in(&self, conversation: ConversationId) -> Vec<UserId> {
        self.typing.who(conversation)
    }

    /// How things stand with a person, where that is known.
    pub fn presence_of(&self, user: UserId) -> Option<Presence> {
        self.presences.of(user)
    }

    /// What something else may be true of since this was last asked.
    pub fn take_changed_signs(&mut self) -> Vec<Subject> {
        std::mem::take(&mut self.changed_signs)
    }

    fn sign_changed(&mut self, subject: Subject) {
        self.changed_signs.push(subject);
        self.changes.signs = true;
    }

    /// A signal came.
    pub(super) fn signal(&mut self, frame: ServerFrame, now: Ticks) {
        match frame {
            ServerFrame::Typing { conversation, user }
                if user != self.viewer.id && self.typing.heard(conversation, user, now) =>
            {
                self.sign_changed(Subject::Conversation(conversation));
            }
            ServerFrame::Presence(presence) => self.learn_presence(presence),
            ServerFrame::Presences { people } => {
                self.forget_presences();
                for presence in people {
                    self.learn_presence(presence);
                }
            }
            _ => {}
        }
    }

    fn learn_presence(&mut self, presence: Presence) {
        self.presences.put(presence);
        self.sign_changed(Subject::Person(presence.user));
    }

    fn forget_presences(&mut self) {
        for presence in self.presences.clear() {
            self.sign_changed(Subject::Person(presence.user));
        }
    }

    /// The viewer types in a conversation.
    pub(super) fn types(&mut self, conversation: ConversationId, now: Ticks) {
        if let Some(socket) = self.link.live()
            && self.typing.types(conversation, now)
        {
            self.effects.push(Effect::Transmit(socket, ClientFrame::Typing { conversation }));
        }
    }

    /// A message of somebody came: they typed it.
    pub(super) fn wrote(&mut self, conversation: ConversationId, user: UserId) {
        if self.typing.wrote(conversation, user) {
            self.sign_changed(Subject::Conversation(conversation));
        }
    }

    /// Without a connection nothing is known.
    pub(super) fn forget_signs(&mut self) {
        self.forget_presences();
        self.expire_signs(Ticks(u64::MAX));
    }

    pub(super) fn expire_signs(&mut self, now: Ticks) {
        let changed = &mut self.changed_signs;
        self.typing.expire(now, |conversation| changed.push(Subject::Conversation(conversation)));
        self.changes.signs |= !self.changed_signs.is_empty();
    }
}
