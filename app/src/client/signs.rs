//! Signals: what is true for moments, and may be lost. They are apart from all else, so that a dot that appears rebuilds
//! neither the list nor a conversation.

use super::{Client, Effect, Ticks};
use kafkatalk_protocol::{ClientFrame, ConversationId, ServerFrame, UserId, presence::Presence};

/// What is true of a conversation for moments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signs {
    /// Who of the others is typing.
    pub typing: Vec<UserId>,
    /// How things stand with the other one of a conversation of two, where that is known.
    pub peer: Option<Presence>,
}

impl Client {
    /// What is true of a conversation now.
    pub fn signs(&self, conversation: ConversationId) -> Signs {
        Signs { typing: self.typing.who(conversation), peer: self.presences.peer(conversation) }
    }

    /// The conversations of which something else may be true since this was last asked.
    pub fn take_changed_signs(&mut self) -> Vec<ConversationId> {
        std::mem::take(&mut self.changed_signs).into_iter().collect()
    }

    fn signs_changed(&mut self, conversations: impl IntoIterator<Item = ConversationId>) {
        self.changed_signs.extend(conversations);
        self.changes.signs = !self.changed_signs.is_empty();
    }

    /// A signal came.
    pub(super) fn signal(&mut self, frame: ServerFrame, now: Ticks) {
        let viewer = self.viewer.id;
        match frame {
            ServerFrame::Typing { conversation, user } => {
                let news = user != viewer && self.typing.heard(conversation, user, now);
                self.signs_changed(news.then_some(conversation));
            }
            ServerFrame::Presence { user, online, last_seen_at } => {
                let news = self.presences.put(Presence { user, online, last_seen_at }, viewer);
                self.signs_changed(news);
            }
            ServerFrame::Presences { people } => {
                let changed = self.presences.replace(people, viewer);
                self.signs_changed(changed);
            }
            _ => {}
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
        let news = self.typing.wrote(conversation, user);
        self.signs_changed(news.then_some(conversation));
    }

    /// Without a connection nothing is known.
    pub(super) fn forget_signs(&mut self) {
        let typing = self.typing.clear();
        let presences = self.presences.clear();
        self.signs_changed(typing.into_iter().chain(presences));
    }

    pub(super) fn expire_signs(&mut self, now: Ticks) {
        let over = self.typing.expire(now);
        self.signs_changed(over);
    }
}
