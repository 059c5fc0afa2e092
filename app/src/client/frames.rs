//! What the server says on the socket.

use super::{Client, Effect, Now, Refresh, Set, SocketId, Ticks, limits::UNPLACED_MAX};
use kafkatalk_protocol::{
    ClientFrame, ConversationId, ErrorCode, Message, MessageId, Offset, ServerFrame, User,
    limits::HELLO_POSITIONS_MAX,
};
use std::{collections::BTreeMap, sync::Arc};

impl Client {
    /// The socket is open: say what is held, so that the server sends what came after it.
    pub(super) fn greet(&mut self, socket: SocketId) {
        let positions = self.positions();
        self.effects.push(Effect::Transmit(socket, ClientFrame::Hello { positions, records: [].into() }));
    }

    fn positions(&self) -> BTreeMap<ConversationId, Offset> {
        let mut held: Vec<_> = self
            .summaries
            .iter()
            .filter_map(|(id, summary)| {
                let mut position = summary.counted()?;
                if let Some(chat) = self.chats.get(id)
                    && chat.timeline.loaded()
                    && !chat.timeline.detached()
                    && let Some(last) = chat.timeline.last()
                {
                    position = position.min(last);
                }
                let open = self.looking.open == Some(*id);
                Some(((open, summary.active_at()), *id, position))
            })
            .collect();
        held.sort_by(|one, other| other.cmp(one));
        held.into_iter().take(HELLO_POSITIONS_MAX).map(|(_, id, position)| (id, position)).collect()
    }

    pub(super) fn frame(&mut self, socket: SocketId, frame: ServerFrame, now: Now) {
        match frame {
            ServerFrame::Ready { user, .. } => self.ready(socket, &user, now),
            ServerFrame::Ack { id, offset, .. } => self.landed(id, offset, now.ticks),
            ServerFrame::Message { message, .. } => self.message(message, now),
            ServerFrame::Behind { conversation, latest, .. } => {
                if let Some(chat) = self.chats.get_mut(&conversation) {
                    chat.timeline.heard_of(latest);
                }
                self.ask(conversation);
            }
            ServerFrame::Conversation { conversation } => self.learn(&conversation, now.ticks),
            ServerFrame::Read { conversation, user, offset } => {
                let viewer = self.viewer.id;
                if let Some(summary) = self.summaries.get_mut(&conversation) {
                    if user == viewer {
                        summary.telling.confirm(offset);
                    }
                    if summary.raise_read(user, offset, viewer) {
                        self.changes.list = true;
                        self.changes.chat |= self.looking.open == Some(conversation);
                    }
                } else {
                    self.unplaced_reads.push((conversation, user, offset));
                    if self.unplaced_reads.len() > UNPLACED_MAX {
                        self.unplaced_reads.remove(0);
                    }
                }
            }
            ServerFrame::Error { code: ErrorCode::Unauthenticated, .. } => self.end_session(),
            ServerFrame::Error { code, detail, id: Some(id) } => {
                let refused = self.outbox.refuse((id, code, detail), now.ticks, &mut self.random);
                self.effects.extend(refused.map(Effect::StoreEntry));
                self.outbox_changed();
            }
            ServerFrame::Error { id: None, .. }
            | ServerFrame::Changed { .. }
            | ServerFrame::Record { .. }
            | ServerFrame::CaughtUp { .. }
            | ServerFrame::Delivered { .. }
            | ServerFrame::Typing { .. }
            | ServerFrame::Presence { .. }
            | ServerFrame::Pong
            | ServerFrame::Unknown => {}
        }
    }

    fn ready(&mut self, socket: SocketId, user: &User, now: Now) {
        if user.id != self.viewer.id {
            // Somebody else signed in on this device: nothing of this viewer may go out in their name.
            self.end_session();
            return;
        }
        self.link.ready(socket, now.ticks);
        self.probe = None;
        self.hurry_fetches();
        for (_, summary) in self.summaries.iter_mut() {
            summary.telling.forget();
        }
        // The hello brings the messages of the conversations that it names. The list brings the rest: new
        // conversations, and who has read what.
        let mut uncovered: Set<_> = self.summaries.keys().map(|id| (*id, ())).collect();
        if let Some(open) = self.looking.open {
            // It may be far down; if it is not on the first page, it is asked for by itself.
            uncovered.remove(&open);
        }
        self.paging.refresh = Some(Refresh { uncovered, ..Refresh::default() });
        self.outbox_changed();
    }

    /// A message of the viewer is in the log.
    pub(super) fn landed(&mut self, id: MessageId, offset: Offset, now: Ticks) {
        if self.outbox.land(id, offset, now) {
            self.effects.push(Effect::RemoveEntry(id));
            self.outbox_changed();
        }
    }

    fn message(&mut self, message: Message, now: Now) {
        let message = Arc::new(message);
        let conversation = message.conversation;
        if message.sender.id == self.viewer.id {
            self.landed(message.id, message.offset, now.ticks);
        }
        if !self.summaries.contains_key(&conversation) {
            // Not loaded that far down, or opened just now. The answer may come from a node that lags.
            self.ask(conversation);
            self.unplaced.push(message.clone());
            if self.unplaced.len() > UNPLACED_MAX {
                self.unplaced.remove(0);
            }
        }
        if self.observe(&message) {
            self.announce_newest(message.clone());
        }
        if let Some(chat) = self.chats.get_mut(&conversation) {
            chat.timeline.offer(message, self.limits.ahead_max);
            self.changes.chat |= self.looking.open == Some(conversation);
        }
    }
}
