//! What the messenger keeps: each conversation's messages in their present state, and its chain of records.

use kafkatalk_protocol::{
    Body, ConversationId, Message, MessageId, Offset, ServerFrame, Timestamp, User, UserId,
    delete::TOMBSTONE_TEXT, http::Messages,
};
use std::collections::{BTreeMap, HashMap};
use tokio::sync::mpsc;

#[derive(Default)]
pub(super) struct Rooms {
    pub(super) users: HashMap<String, User>,
    pub(super) members: HashMap<ConversationId, Vec<UserId>>,
    pub(super) sockets: HashMap<UserId, mpsc::UnboundedSender<ServerFrame>>,
    pub(super) written: usize,
    pub(super) readings: usize,
    logs: HashMap<ConversationId, Log>,
    changes: HashMap<MessageId, Offset>,
    changes_made: usize,
}

#[derive(Default)]
struct Log {
    messages: Vec<Message>,
    /// The offset of the next record.
    end: Offset,
    /// The last link of the chain.
    last_record: Option<Offset>,
}

impl Log {
    fn next(&mut self) -> Offset {
        let offset = self.end;
        self.end = offset.next();
        offset
    }

    fn link(&mut self, record: Offset) -> (Option<Offset>, Option<Offset>) {
        (Some(record), self.last_record.replace(record))
    }

    /// Messages after a record, in the order of their revisions.
    fn changed_after(&self, record: Offset) -> Vec<Message> {
        let later = self.messages.iter().filter(|message| message.revision() > record);
        let mut later: Vec<_> = later.cloned().collect();
        later.sort_by_key(Message::revision);
        later
    }
}

impl Rooms {
    pub(super) fn find(&self, conversation: ConversationId, id: MessageId) -> Option<Message> {
        self.logs.get(&conversation)?.messages.iter().find(|message| message.id == id).cloned()
    }

    /// What a device missed that has applied these records.
    pub(super) fn missed(&self, records: &BTreeMap<ConversationId, Offset>) -> Vec<ServerFrame> {
        let mut frames = Vec::new();
        for (conversation, applied) in records {
            let Some(log) = self.logs.get(conversation) else { continue };
            let changed = |message| ServerFrame::Changed { message, record: None, previous_record: None };
            frames.extend(log.changed_after(*applied).into_iter().map(changed));
            if let Some(record) = log.last_record.filter(|last| last > applied) {
                frames.push(ServerFrame::CaughtUp { conversation: *conversation, record });
            }
        }
        frames
    }

    pub(super) fn after(&self, conversation: ConversationId, after: i64, limit: usize) -> Messages {
        let Some(log) = self.logs.get(&conversation) else {
            return Messages { messages: Vec::new(), next: None, through: None };
        };
        let later = |message: &&Message| i64::try_from(message.offset.0).unwrap() > after;
        let messages: Vec<Message> = log.messages.iter().filter(later).take(limit).cloned().collect();
        let next = messages.last().filter(|_| messages.len() == limit).map(|message| message.offset);
        Messages { messages, next, through: log.last_record }
    }

    pub(super) fn changed_after(
        &self,
        conversation: ConversationId,
        record: Offset,
        limit: usize,
    ) -> Messages {
        let log = &self.logs[&conversation];
        let mut messages = log.changed_after(record);
        let more = messages.len() > limit;
        messages.truncate(limit);
        let next = messages.last().filter(|_| more).map(Message::revision);
        Messages { messages, next, through: log.last_record }
    }

    /// A new message, which is not kept yet.
    pub(super) fn next(
        &mut self,
        conversation: ConversationId,
        id: MessageId,
        user: &User,
        body: Body,
    ) -> Message {
        self.written += 1;
        let log = self.logs.entry(conversation).or_default();
        let (previous, offset) = (log.messages.last().map(|message| message.offset), log.next());
        let message = Message::new(conversation, offset, id, user.clone(), Timestamp::default(), body);
        Message { previous, ..message }
    }

    /// Keeps a message; the frame that tells of it.
    pub(super) fn post(&mut self, message: Message) -> ServerFrame {
        let log = self.logs.entry(message.conversation).or_default();
        let (record, previous_record) = log.link(message.offset);
        log.messages.push(message.clone());
        ServerFrame::Message { message, record, previous_record }
    }

    /// The record of the change with that id, where there is one.
    pub(super) fn change_made(&self, id: MessageId) -> Option<Offset> {
        self.changes.get(&id).copied()
    }

    /// How many records of changes there are.
    pub(super) fn changes_made(&self) -> usize {
        self.changes_made
    }

    /// A record of a change, which is not made yet.
    pub(super) fn note_change(&mut self, conversation: ConversationId, id: MessageId) -> Offset {
        self.changes_made += 1;
        let record = self.logs.entry(conversation).or_default().next();
        self.changes.insert(id, record);
        record
    }

    pub(super) fn is_deleted(&self, conversation: ConversationId, at: Offset) -> bool {
        self.logs[&conversation].messages.iter().any(|message| message.offset == at && message.deleted)
    }

    /// Gives a message another text, or deletes it; the frame that tells of it.
    pub(super) fn change(
        &mut self,
        conversation: ConversationId,
        at: Offset,
        record: Offset,
        body: Option<Body>,
    ) -> ServerFrame {
        let log = self.logs.get_mut(&conversation).unwrap();
        let (link, previous_record) = log.link(record);
        let message = log.messages.iter_mut().find(|message| message.offset == at).unwrap();
        message.revision = Some(record);
        message.deleted = body.is_none();
        message.edited_at = body.is_some().then(Timestamp::default);
        message.body = body.unwrap_or_else(|| TOMBSTONE_TEXT.parse().unwrap());
        ServerFrame::Changed { message: message.clone(), record: link, previous_record }
    }

    /// To everybody, the sender too.
    pub(super) fn deliver(&self, conversation: ConversationId, frame: &ServerFrame) {
        for socket in self.members[&conversation].iter().filter_map(|member| self.sockets.get(member)) {
            let _ = socket.send(frame.clone());
        }
    }
}
