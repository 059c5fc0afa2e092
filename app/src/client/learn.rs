//! What the client comes to know of conversations and messages, whichever way it comes.

use super::{Client, Effect, Summary, Ticks, limits};
use kafkatalk_protocol::{Conversation, Message};
use std::sync::Arc;

impl Client {
    /// Takes what the server told of a conversation. False where that is of before the viewer left it.
    pub(super) fn learn(&mut self, told: &Conversation, now: Ticks) -> bool {
        if self.tells_of_before_departure(told) {
            return false;
        }
        let viewer = self.viewer.id;
        if let Some(last) = &told.last_message
            && last.sender.id == viewer
        {
            self.mark_stored(last.id, last.offset, now);
        }
        self.missing.remove(&told.id);
        self.left.remove(&told.id);
        self.drop_what_was_seen_before(told);
        self.conversations.merge(told, viewer);
        if let Some(read) = told.read.get(&viewer) {
            self.receipts.confirm(told.id, *read);
        }
        if let Some(chat) = self.chats.get_mut(&told.id) {
            let sees_from = self.conversations.get(told.id).and_then(Summary::sees_from);
            chat.timeline.chain_mut().set_sees_from(sees_from);
            if let Some(last) = &told.last_message {
                chat.timeline.offer(Arc::new(last.clone()), self.limits.ahead_max);
            }
            if let Some(record) = told.record {
                chat.timeline.chain_mut().heard_of(record);
            }
        }
        self.conversations.changed = true;
        self.looking.changed |= self.looking.open == Some(told.id);
        self.unplaced_reads.retain(|(conversation, user, offset)| {
            let other = *conversation != told.id;
            if !other && let Some(summary) = self.conversations.get_mut(*conversation) {
                summary.raise_read(*user, *offset, viewer);
            }
            other
        });
        while let Some(index) = self.unplaced.iter().position(|message| message.conversation == told.id) {
            let message = self.unplaced.remove(index);
            self.observe(&message);
            if message.revision() == message.offset {
                self.announce_newest(message);
            }
        }
        if self.conversations.len() > limits::CONVERSATIONS_HELD_MAX {
            self.drop_quietest();
        }
        true
    }

    /// Tells of a message of somebody else, where it is the newest of its conversation.
    pub(super) fn announce_newest(&mut self, message: Arc<Message>) {
        let last = self.conversations.get(message.conversation).and_then(Summary::last);
        if message.sender.id != self.viewer.id && last.is_some_and(|last| last.offset == message.offset) {
            self.effects.push(Effect::Announce(message));
        }
    }

    /// Lets go of the conversation that was quiet for longest. It comes back with its next message.
    fn drop_quietest(&mut self) {
        let open = self.looking.open;
        let quiet = self.conversations.iter().filter(|(id, _)| Some(*id) != open);
        if let Some(id) = quiet.min_by_key(|(_, summary)| summary.active_at()).map(|(id, _)| id) {
            self.conversations.remove(id);
            self.chats.remove(&id);
        }
    }

    /// A message was seen, in whatever way. True where it is the newest of its conversation.
    pub(super) fn observe(&mut self, message: &Arc<Message>) -> bool {
        let Some(summary) = self.conversations.get_mut(message.conversation) else { return false };
        let state = |summary: &Summary| summary.last().map(|last| (last.offset, last.revision()));
        let before = state(summary);
        let newest = summary.observe(message, self.viewer.id);
        let changed = state(summary) != before;
        self.conversations.changed |= changed;
        newest
    }

    /// Messages that were taken from the device's store may be in the log already, and in memory.
    pub(super) fn resolve_from_memory(&mut self, now: Ticks) {
        let in_windows = self.chats.values().flat_map(|chat| chat.timeline.held());
        let newest = self.conversations.iter().filter_map(|(_, summary)| summary.last());
        let viewer = self.viewer.id;
        let own =
            in_windows.chain(newest).chain(&self.unplaced).filter(|message| message.sender.id == viewer);
        let own: Vec<_> = own.map(|message| (message.id, message.offset)).collect();
        for (id, offset) in own {
            self.mark_stored(id, offset, now);
        }
    }
}
