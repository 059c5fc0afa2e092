//! Who is in a group, and what becomes of a conversation that the viewer is out of, or came back to.

use super::{Client, Effect, Held, Summary, Task, Ticks, view::Group};
use kafkatalk_protocol::{Conversation, ConversationId, Offset, User};

/// How it is known that the viewer is no member any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Departure {
    /// The socket says so, in its order.
    Told,
    /// A request was not allowed at that moment. It may have come to a node that did not know yet that they are back.
    Refused(Ticks),
}

impl Client {
    /// A group has other members, other roles or another name.
    pub(super) fn regroup(&mut self, id: ConversationId, members: &[User], group: Group, revision: Offset) {
        let viewer = self.viewer.id;
        let others = members.iter().filter(|member| member.id != viewer).cloned().collect();
        if let Some(summary) = self.conversations.get_mut(id)
            && summary.regroup(others, group, revision)
        {
            self.conversations.changed = true;
            self.looking.changed |= self.looking.open == Some(id);
        }
    }

    /// What the server refused because the viewer had left is nowhere to be seen any more, and nothing can become of it.
    /// What it has not refused stays: they may have come back.
    pub(super) fn drop_refused_of_left(&mut self) {
        let left = &self.left;
        for id in self.outbox.drop_refused(|conversation| left.contains_key(&conversation)) {
            self.effects.push(Effect::RemoveEntry(id));
        }
        self.outbox_changed();
    }

    /// The viewer is no longer a member: what was said in the conversation is dropped.
    pub(super) fn depart(&mut self, id: ConversationId, how: Departure) {
        let was_member = self.conversations.get(id).is_some();
        let known = self.conversations.get(id).and_then(Summary::newest_record);
        let chain = self.chats.get(&id).and_then(|chat| chat.timeline.chain().heard());
        let known = known.max(chain);
        self.conversations.remove(id);
        self.chats.remove(&id);
        self.questions.remove(&id);
        self.unplaced.retain(|message| message.conversation != id);
        self.unplaced_reads.retain(|(conversation, _, _)| *conversation != id);
        self.receipts.forget(id);
        // The record by which they left comes after all that were heard of before it.
        let from = match how {
            Departure::Told => known.map(Offset::next),
            Departure::Refused(_) => known,
        };
        let told_before = self.left.get(&id).copied().flatten();
        self.left.insert(id, from.max(told_before));
        self.missing.insert(id);
        if let Departure::Refused(now) = how
            && was_member
        {
            let mut again = Task::default();
            again.failed(now, 0, &mut self.random);
            self.questions.insert(id, again);
        }
        self.outbox.drop_stored(id);
        self.drop_refused_of_left();
        self.conversations.changed = true;
        self.looking.changed |= self.looking.open == Some(id);
    }

    /// Something was said in a conversation that the viewer had left, perhaps by themself: they seem to be back.
    pub(super) fn doubt_departure(&mut self, id: ConversationId, record: Offset) {
        if self.left.get(&id).is_some_and(|from| Some(record) >= *from) {
            self.questions.entry(id).or_default();
        }
    }

    /// The server took something that the viewer wrote in a conversation that they had left: before that, so that it is not
    /// to be seen any more, or since they are back.
    pub(super) fn acknowledged_after_departure(&mut self, id: ConversationId, record: Offset) {
        match self.left.get(&id) {
            Some(from) if Some(record) < *from => self.outbox.drop_stored(id),
            Some(_) => self.doubt_departure(id, record),
            None => {}
        }
    }

    /// Whether the server tells of a conversation as it was before the viewer left it: an answer that was on its way, or
    /// one of a node that lags.
    pub(super) fn tells_of_before_departure(&self, told: &Conversation) -> bool {
        self.left.get(&told.id).is_some_and(|from| told.record < *from)
    }

    /// The viewer was out of the conversation and is back, so that they see it from another record on. What is held is of
    /// the time before, and goes.
    pub(super) fn drop_what_was_seen_before(&mut self, told: &Conversation) {
        if self.conversations.get(told.id).is_none_or(|summary| !summary.begins_anew(told)) {
            return;
        }
        self.conversations.remove(told.id);
        if let Some(chat) = self.chats.get_mut(&told.id) {
            *chat = Held { looked: chat.looked, ..Held::default() };
        }
    }

    /// What is held of a conversation, which begins where the viewer sees it from.
    pub(super) fn held(&mut self, id: ConversationId) -> &mut Held {
        let sees_from = self.conversations.get(id).and_then(Summary::sees_from);
        self.chats.entry(id).or_insert_with(|| {
            let mut held = Held::default();
            held.timeline.chain_mut().set_sees_from(sees_from);
            held
        })
    }
}
