//! Questions about one conversation: who is in it, what was said last, how much of it is unread.

use super::{
    Client, RequestId, Summary, Task, Ticks,
    membership::Departure,
    request::{Answer, Request, RequestError, read},
    requests::LAGS,
};
use kafkatalk_protocol::{Conversation, ConversationId, ErrorCode};

impl Client {
    /// The server is to be asked about a conversation.
    pub(super) fn ask(&mut self, conversation: ConversationId) {
        if !self.missing.contains(&conversation) {
            self.questions.entry(conversation).or_default();
        }
    }

    pub(super) fn fetch_conversations(&mut self, now: Ticks) {
        for id in self.conversations.doubtful(self.refreshes_list()) {
            self.ask(id);
        }
        let due = self.questions.iter().filter(|(_, task)| task.may_start(now)).map(|(id, _)| *id);
        for id in due.collect::<Vec<_>>() {
            let asked = self.request(Request::get(format!("/conversations/{id}")), now);
            if let Some((request, task)) = asked.zip(self.questions.get_mut(&id)) {
                task.start(request, ());
            }
        }
    }

    /// False where it is somebody else's answer.
    pub(super) fn question_answered(&mut self, request: RequestId, answer: &Answer, now: Ticks) -> bool {
        let Some(id) = self.questions.iter().find(|(_, task)| task.is(request)).map(|(id, _)| *id) else {
            return false;
        };
        match read::<Conversation>(answer) {
            Ok(told) if told.id == id => self.told(&told, now),
            // About another one: the server is wrong.
            Ok(_) => self.question_failed(id, &RequestError::Network, now),
            Err(error) => self.question_failed(id, &error, now),
        }
        true
    }

    fn told(&mut self, told: &Conversation, now: Ticks) {
        let taken = self.learn(told, now);
        let unsure = !taken || self.conversations.get(told.id).is_some_and(Summary::lags);
        let last = told.last_message.as_ref().map(|message| message.offset);
        let mut overdue = self.outbox.overdue(now).into_iter();
        if unsure || overdue.any(|(id, offset)| id == told.id && Some(offset) > last) {
            self.question_failed(told.id, &LAGS, now);
        } else {
            self.questions.remove(&told.id);
        }
    }

    fn question_failed(&mut self, id: ConversationId, error: &RequestError, now: Ticks) {
        if self.is_absent(id, error, now) {
            return;
        }
        if let Some(task) = self.questions.get_mut(&id) {
            task.failed(now, error.wait_ms(), &mut self.random);
        }
    }

    /// Whether a request about a conversation was refused since it is not there for the viewer, which is taken note of.
    pub(super) fn is_absent(&mut self, id: ConversationId, error: &RequestError, now: Ticks) -> bool {
        match error.code() {
            Some(ErrorCode::NotAllowed) => self.depart(id, Departure::Refused(now)),
            Some(ErrorCode::NotFound | ErrorCode::InvalidInput) => {
                self.missing.insert(id);
                self.questions.remove(&id);
                self.looking.changed = true;
            }
            _ => return false,
        }
        true
    }

    /// When a question is asked again.
    pub(super) fn questions_wake_at(&self) -> Option<Ticks> {
        self.questions.values().filter_map(Task::wake_at).min()
    }
}
