//! What the server says on the socket.

use super::{Client, Effect, Now, SocketId, Ticks, limits::UNPLACED_MAX, membership::Departure, view::Group};
use kafkatalk_protocol::{
    ClientFrame, ConversationId, ErrorCode, Message, MessageId, Offset, ServerFrame, User,
    limits::HELLO_POSITIONS_MAX,
};
use std::{collections::BTreeMap, sync::Arc};

impl Client {
    /// The socket is open: say what is held, so that the server sends what came after it.
    pub(super) fn greet(&mut self, socket: SocketId) {
        let positions = self.positions();
        let mut records = BTreeMap::new();
        for (id, chat) in &mut self.chats {
            chat.greeted = None;
            if let Some(applied) = chat.timeline.chain().applied().filter(|_| chat.timeline.loaded()) {
                chat.greeted = Some((socket, applied));
                records.insert(*id, applied);
            }
        }
        self.effects.push(Effect::Transmit(socket, ClientFrame::Hello { positions, records, signals: true }));
    }

    fn positions(&self) -> BTreeMap<ConversationId, Offset> {
        let mut held: Vec<_> = self
            .conversations
            .iter()
            .filter_map(|(id, summary)| {
                let mut position = summary.counted()?;
                if let Some(chat) = self.chats.get(&id)
                    && chat.timeline.loaded()
                    && !chat.timeline.detached()
                    && let Some(last) = chat.timeline.last()
                {
                    position = position.min(last);
                }
                let open = self.looking.open == Some(id);
                Some(((open, summary.active_at()), id, position))
            })
            .collect();
        held.sort_by(|one, other| other.cmp(one));
        held.into_iter().take(HELLO_POSITIONS_MAX).map(|(_, id, position)| (id, position)).collect()
    }

    /// Takes a frame. False where it is for the parts of features alone, or says only that the server is there.
    pub(super) fn frame(&mut self, socket: SocketId, frame: ServerFrame, now: Now) -> bool {
        match frame {
            ServerFrame::Ready { user, .. } => self.ready(socket, &user, now),
            ServerFrame::Ack { id, conversation, offset, .. } => {
                self.mark_stored(id, offset, now.ticks);
                self.acknowledged_after_departure(conversation, offset);
            }
            ServerFrame::Message { message, record, previous_record } => {
                self.message(message, record.map(|record| (record, previous_record)), true, now);
            }
            ServerFrame::Changed { message, record, previous_record } => {
                self.message(message, record.map(|record| (record, previous_record)), false, now);
            }
            ServerFrame::Record { conversation, record, previous_record } => {
                self.link_record(conversation, record, previous_record);
            }
            ServerFrame::CaughtUp { conversation, record } => self.caught_up(socket, conversation, record),
            ServerFrame::Behind { conversation, latest, changed_after, .. } => {
                self.behind(socket, conversation, latest, changed_after);
            }
            ServerFrame::Group {
                conversation,
                members,
                roles,
                name,
                revision,
                notice,
                record,
                previous_record,
            } => {
                self.regroup(conversation, &members, Group { name, roles }, revision);
                if let Some(notice) = notice {
                    self.message(notice, record.map(|record| (record, previous_record)), true, now);
                }
            }
            ServerFrame::Left { conversation } => self.depart(conversation, Departure::Told),
            ServerFrame::Conversation { conversation } => {
                // In the socket's order: what it said of a departure was before this.
                self.left.remove(&conversation.id);
                self.learn(&conversation, now.ticks);
            }
            ServerFrame::Read { conversation, user, offset } => {
                let viewer = self.viewer.id;
                if user == viewer {
                    self.receipts.confirm(conversation, offset);
                }
                if let Some(summary) = self.conversations.get_mut(conversation) {
                    if summary.raise_read(user, offset, viewer) {
                        self.conversations.changed = true;
                        self.looking.changed |= self.looking.open == Some(conversation);
                    }
                } else {
                    self.unplaced_reads.push((conversation, user, offset));
                    if self.unplaced_reads.len() > UNPLACED_MAX {
                        self.unplaced_reads.remove(0);
                    }
                }
            }
            ServerFrame::Error { code: ErrorCode::Unauthenticated, .. } => self.end_session(now.ticks),
            ServerFrame::Error { code, detail, id: Some(id) } => self.refused((id, code, detail), now.ticks),
            _ => return false,
        }
        true
    }

    fn ready(&mut self, socket: SocketId, user: &User, now: Now) {
        if user.id != self.viewer.id {
            // Somebody else signed in on this device: nothing of this viewer may go out in their name.
            self.end_session(now.ticks);
            return;
        }
        self.link.ready(socket, now.ticks);
        self.probe = None;
        self.reconsider_sign_out();
        self.retry_fetches_now();
        self.receipts.start_over();
        // The hello brings the messages of the conversations that it names. The list brings the rest: new
        // conversations, and who has read what.
        self.refresh_list();
        self.outbox_changed();
    }

    /// The server did not take a command.
    fn refused(&mut self, refusal: (MessageId, ErrorCode, String), now: Ticks) {
        // They may have left the group while this page was closed: then nothing shows the message that was refused.
        if refusal.1 == ErrorCode::NotAllowed
            && let Some(conversation) = self.outbox.conversation_of(refusal.0)
            && self.conversations.get(conversation).is_none()
        {
            self.ask(conversation);
        }
        let refused = self.outbox.refuse(refusal, now, &mut self.random);
        self.effects.extend(refused.map(Effect::StoreEntry));
        self.drop_refused_of_left();
    }

    /// A message of the viewer is in the log.
    pub(super) fn mark_stored(&mut self, id: MessageId, offset: Offset, now: Ticks) {
        if self.outbox.mark_stored(id, offset, now) {
            self.effects.push(Effect::RemoveEntry(id));
            self.outbox_changed();
        }
    }

    /// A record of the chain was applied, or has nothing to apply.
    fn link_record(&mut self, conversation: ConversationId, record: Offset, previous: Option<Offset>) {
        if let Some(chat) = self.chats.get_mut(&conversation) {
            chat.timeline.link(record, previous);
        }
        if let Some(summary) = self.conversations.get_mut(conversation) {
            summary.link(record, previous);
        }
    }

    /// The server has sent everything up to that record that happened since the one that this socket's `hello` named.
    fn caught_up(&mut self, socket: SocketId, conversation: ConversationId, record: Offset) {
        let Some(chat) = self.chats.get_mut(&conversation) else { return };
        // What the hello named was applied to messages that may not be in memory any more.
        let Some((_, from)) = chat.greeted.filter(|(greeted, _)| *greeted == socket) else { return };
        chat.timeline.chain_mut().raise(record);
        if let Some(summary) = self.conversations.get_mut(conversation) {
            summary.caught_up(from, record);
        }
    }

    fn behind(
        &mut self,
        socket: SocketId,
        conversation: ConversationId,
        latest: Offset,
        changed_after: Option<Offset>,
    ) {
        if let Some(chat) = self.chats.get_mut(&conversation) {
            chat.timeline.heard_of(latest);
            if let Some(record) = changed_after
                && chat.greeted.is_some_and(|(greeted, _)| greeted == socket)
            {
                chat.timeline.chain_mut().raise(record);
                chat.timeline.chain_mut().fall_behind();
            }
        }
        self.ask(conversation);
    }

    /// A message, new or changed, and the link of the chain that it is, where it is one.
    fn message(&mut self, message: Message, link: Option<(Offset, Option<Offset>)>, new: bool, now: Now) {
        let message = Arc::new(message);
        let conversation = message.conversation;
        if message.sender.id == self.viewer.id {
            self.mark_stored(message.id, message.offset, now.ticks);
        }
        if self.conversations.get(conversation).is_none() {
            // Not loaded that far down, or opened just now. The answer may come from a node that lags.
            // A change of an old message is no reason to ask, but the list may be on its way in an older state.
            if new {
                self.ask(conversation);
                self.doubt_departure(conversation, message.offset);
            }
            self.unplaced.push(message.clone());
            if self.unplaced.len() > UNPLACED_MAX {
                self.unplaced.remove(0);
            }
        }
        if self.observe(&message) {
            self.announce_newest(message.clone());
        }
        if let Some(chat) = self.chats.get_mut(&conversation) {
            chat.timeline.offer(message.clone(), self.limits.ahead_max);
            if new && link.is_none() {
                chat.timeline.link_of(&message);
            }
            self.looking.changed |= self.looking.open == Some(conversation);
        }
        if message.deleted
            && let Some(summary) = self.conversations.get_mut(conversation)
        {
            summary.observe_deletion(&message, self.viewer.id);
        }
        if let Some((record, previous)) = link {
            self.link_record(conversation, record, previous);
        }
    }
}
