//! Answers to HTTP requests.

use super::{
    Answer, Client, FetchError, Held, Purpose, RequestId, Summary, Ticks, limits::CONVERSATIONS_MAX,
    membership::Departure, timeline::Forward,
};
use kafkatalk_protocol::{
    Conversation, ConversationId, ErrorCode, Message, Offset,
    http::{Conversations, Messages},
};
use std::sync::Arc;

/// Pages that a refresh of the list fetches at most: more than the list holds.
const REFRESH_PAGES_MAX: usize = 2 * CONVERSATIONS_MAX / kafkatalk_protocol::limits::PAGE_DEFAULT;

impl Client {
    pub(super) fn answered(&mut self, request: RequestId, answer: Result<Answer, FetchError>, now: Ticks) {
        // Late answers, and those to questions that are of no interest any more, change nothing.
        let Some(purpose) = self.requests.end(request) else { return };
        if !self.task(purpose).is_some_and(|task| task.is(request)) {
            return;
        }
        self.looking.changed = true;
        self.conversations.changed = true;
        match (purpose, answer) {
            (_, Err(error)) => self.fetch_failed(purpose, error, now),
            (Purpose::Session, Ok(_)) => self.probe = None,
            (Purpose::Refresh, Ok(Answer::Conversations(page))) => self.refreshed(page, now),
            (Purpose::More, Ok(Answer::Conversations(page))) => {
                self.paging.more.done();
                self.paging.cursor = page.next.filter(|_| self.conversations.len() < CONVERSATIONS_MAX);
                self.learn_page(&page.conversations, now);
            }
            (Purpose::Conversation(id), Ok(Answer::Conversation(told))) if told.id == id => {
                self.told(&told, now);
            }
            (Purpose::Latest(id), Ok(Answer::Messages(page))) => self.latest(id, page, now),
            (Purpose::Around(id, sought), Ok(Answer::Messages(page))) => self.around(id, sought, page, now),
            (Purpose::After(id), Ok(Answer::Messages(page))) => self.after(id, page, now),
            (Purpose::Before(id), Ok(Answer::Messages(page))) => self.before(id, page, now),
            (Purpose::Changes(id), Ok(Answer::Messages(page))) => self.changed(id, page, now),
            // An answer to another question: the glue is wrong, or the server.
            (_, Ok(_)) => self.fetch_failed(purpose, FetchError::Network, now),
        }
    }

    fn fetch_failed(&mut self, purpose: Purpose, error: FetchError, now: Ticks) {
        let mut wait_ms = 0;
        match error {
            FetchError::Refused { code: ErrorCode::Unauthenticated, .. } => return self.end_session(now),
            FetchError::Refused { code: ErrorCode::NotAllowed, .. } => {
                if let Some(id) = purpose.conversation() {
                    return self.depart(id, Departure::Refused(now));
                }
            }
            FetchError::Refused { code: ErrorCode::NotFound | ErrorCode::InvalidInput, .. } => {
                if let Purpose::Conversation(id)
                | Purpose::Latest(id)
                | Purpose::After(id)
                | Purpose::Around(id, _)
                | Purpose::Changes(id) = purpose
                {
                    self.missing.insert(id);
                    self.asks.remove(&id);
                }
            }
            FetchError::Refused { retry_after_seconds: Some(seconds), .. } => {
                wait_ms = u64::from(seconds) * 1_000;
            }
            FetchError::Refused { .. } | FetchError::Network => {}
        }
        let mut random = self.random.clone();
        if let Some(task) = self.task(purpose) {
            task.failed(now, wait_ms, &mut random);
        }
        self.random = random;
    }

    fn learn_page(&mut self, page: &[Conversation], now: Ticks) {
        for conversation in page {
            self.learn(conversation, now);
        }
    }

    fn refreshed(&mut self, page: Conversations, now: Ticks) {
        self.learn_page(&page.conversations, now);
        let Some(refresh) = &mut self.paging.refresh else { return };
        for conversation in &page.conversations {
            refresh.uncovered.remove(&conversation.id);
        }
        refresh.pages += 1;
        refresh.task.done();
        let listed = |open: &ConversationId| page.conversations.iter().any(|listed| listed.id == *open);
        let mut unlisted: Vec<_> =
            self.looking.open.into_iter().filter(|open| refresh.pages == 1 && !listed(open)).collect();
        if refresh.uncovered.is_empty() || page.next.is_none() || refresh.pages >= REFRESH_PAGES_MAX {
            // What moved up the list from one page to the next was on neither.
            unlisted.extend(&refresh.uncovered);
            self.paging.refresh = None;
            self.paging.cursor = page.next;
        } else {
            refresh.cursor = page.next;
        }
        for id in unlisted {
            self.ask(id);
        }
    }

    fn told(&mut self, told: &Conversation, now: Ticks) {
        let taken = self.learn(told, now);
        let unsure = !taken || self.conversations.get(told.id).is_some_and(Summary::lags);
        let last = told.last_message.as_ref().map(|message| message.offset);
        let mut overdue = self.outbox.overdue(now).into_iter();
        if unsure || overdue.any(|(id, offset)| id == told.id && Some(offset) > last) {
            // A node that lags behind what this client has seen.
            self.fetch_failed(Purpose::Conversation(told.id), FetchError::Network, now);
        } else {
            self.asks.remove(&told.id);
        }
    }

    /// Takes note of messages that came in a page.
    fn note(&mut self, messages: Vec<Message>, now: Ticks) -> Vec<Arc<Message>> {
        let page: Vec<_> = messages.into_iter().map(Arc::new).collect();
        for message in &page {
            if message.sender.id == self.viewer.id {
                self.landed(message.id, message.offset, now);
            }
        }
        page
    }

    fn latest(&mut self, id: ConversationId, page: Messages, now: Ticks) {
        let through = page.through;
        let Some(page) = self.take_page(Purpose::Latest(id), id, page, now) else { return };
        let Some(chat) = self.chats.get_mut(&id) else { return };
        if chat.timeline.place_latest(page.clone(), through) {
            chat.forward.done();
        } else {
            self.fetch_failed(Purpose::Latest(id), FetchError::Network, now);
        }
        self.observe_page(&page);
    }

    fn around(&mut self, id: ConversationId, sought: Offset, page: Messages, now: Ticks) {
        let through = page.through;
        let Some(page) = self.take_page(Purpose::Around(id, sought), id, page, now) else { return };
        let Some(chat) = self.chats.get_mut(&id) else { return };
        chat.forward.done();
        if chat.timeline.wanted() != Some(Forward::Around(sought)) {
            // Another one is sought by now, or the newest ones are wanted.
            return;
        }
        chat.timeline.place_around(page, through);
        // Older ones than those that were shown before are of no use.
        chat.backward.done();
    }

    fn after(&mut self, id: ConversationId, page: Messages, now: Ticks) {
        let end = page.next.is_none();
        let Some(page) = self.take_page(Purpose::After(id), id, page, now) else { return };
        let ahead_max = self.limits.ahead_max;
        let Some(chat) = self.chats.get_mut(&id) else { return };
        let asked_for = chat.timeline.detached();
        let grew = chat.timeline.place_after(page.clone(), end, ahead_max);
        if asked_for {
            // Whoever asks for newer ones looks at them: the oldest go, or the end would never be reached.
            chat.timeline.trim(self.limits.window_max, true);
        }
        let done = grew || chat.timeline.whole() || chat.timeline.detached();
        if done {
            chat.forward.done();
        } else {
            // Something newer is known to be there: a node that lags.
            self.fetch_failed(Purpose::After(id), FetchError::Network, now);
        }
        self.observe_page(&page);
    }

    /// A page of what changed since the record that is applied.
    fn changed(&mut self, id: ConversationId, page: Messages, now: Ticks) {
        let ends = (page.next, page.through);
        // A server that does not know the question answers another one.
        let understood = page.through.is_some() || page.messages.is_empty();
        let page = self.note(page.messages, now);
        self.observe_page(&page);
        let Some(chat) = self.chats.get_mut(&id) else { return };
        if understood && chat.timeline.place_changes(page, ends, self.limits.ahead_max) {
            chat.changes.done();
        } else {
            self.fetch_failed(Purpose::Changes(id), FetchError::Network, now);
        }
    }

    /// The messages of a page; none where it comes from a node that lags, and is asked for again.
    fn take_page(
        &mut self,
        purpose: Purpose,
        id: ConversationId,
        page: Messages,
        now: Ticks,
    ) -> Option<Vec<Arc<Message>>> {
        let through = page.through;
        let messages = self.note(page.messages, now);
        let lags = self.chats.get(&id).is_some_and(|chat| !chat.timeline.accepts(through));
        if lags {
            self.fetch_failed(purpose, FetchError::Network, now);
        }
        (!lags).then_some(messages)
    }

    fn before(&mut self, id: ConversationId, page: Messages, now: Ticks) {
        let Some(page) = self.take_page(Purpose::Before(id), id, page, now) else { return };
        let Some(chat) = self.chats.get_mut(&id) else { return };
        if chat.timeline.place_before(page) {
            // Whoever asks for older ones looks at them.
            chat.timeline.trim_end(self.limits.window_max);
            chat.backward.done();
        } else {
            self.fetch_failed(Purpose::Before(id), FetchError::Network, now);
        }
    }

    fn observe_page(&mut self, page: &[Arc<Message>]) {
        for message in page {
            self.observe(message);
        }
    }
}

impl Held {
    /// Whether the last attempt to load its messages failed.
    pub(super) fn failed(&self) -> bool {
        self.forward.has_failed()
    }
}
