//! Pages of the messages of the conversation that is looked at.

use super::{
    Client, Held, RequestId, Ticks,
    request::{Answer, Request, RequestError, read},
    requests::LAGS,
    timeline::Forward,
};
use kafkatalk_protocol::{ConversationId, ErrorCode, Message, Offset, http::Messages};
use std::sync::Arc;

/// Which of the tasks of a conversation a page is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Page {
    Forward(Forward),
    Backward,
    Changes,
}

/// A page of the messages of a conversation; `which` is the rest of the query.
fn page(conversation: ConversationId, limit: usize, which: &str) -> Request {
    Request::get(format!("/conversations/{conversation}/messages?limit={limit}{which}"))
}

impl Held {
    /// What a request of this conversation is for.
    fn asked_by(&self, request: RequestId) -> Option<Page> {
        if let Some(forward) = self.forward.what(request) {
            Some(Page::Forward(forward))
        } else if self.backward.is(request) {
            Some(Page::Backward)
        } else {
            self.changes.is(request).then_some(Page::Changes)
        }
    }

    /// Whether the last attempt to load its messages failed.
    pub(super) fn failed(&self) -> bool {
        self.forward.has_failed()
    }
}

impl Client {
    pub(super) fn fetch_messages(&mut self, open: ConversationId, auto: bool, now: Ticks) {
        if self.missing.contains(&open) {
            return;
        }
        let (messages_page, fill_page) = (self.limits.messages_page, self.limits.fill_page);
        let chat = self.held(open);
        let may = (auto || chat.forward.asked()) && chat.forward.may_start(now);
        let changed_after = chat.timeline.changes_wanted();
        let catches_up = changed_after.is_some() && !chat.changes.has_failed();
        let changed_after = changed_after.filter(|_| auto && chat.changes.may_start(now));
        // Changes bring new messages too.
        let by_itself = |forward: &Forward| may && !(catches_up && matches!(forward, Forward::After(_)));
        let wanted = chat.timeline.wanted().filter(by_itself);
        let asked = chat.forward.asked() && chat.timeline.detached();
        let (earlier, asks_earlier) = (chat.timeline.earlier(), chat.backward.asked());
        let last = chat.timeline.last();
        if let Some(forward) = wanted.or(asked.then_some(Forward::After(last))) {
            let request = match forward {
                Forward::Latest => page(open, messages_page, ""),
                Forward::Around(sought) => {
                    // Offsets are dense but for a few: half of a page lies behind the message.
                    let before = sought.next().0.saturating_add(messages_page as u64 / 2);
                    page(open, messages_page, &format!("&before={before}"))
                }
                Forward::After(last) => {
                    let limit = if asked { messages_page } else { fill_page };
                    let after = last.map_or_else(|| "-1".to_owned(), |last| last.to_string());
                    page(open, limit, &format!("&after={after}"))
                }
            };
            if let Some(request) = self.request(request, now) {
                self.held(open).forward.start(request, forward);
            }
        }
        if let Some(record) = changed_after
            && let page = page(open, fill_page, &format!("&changed_after={record}"))
            && let Some(request) = self.request(page, now)
        {
            self.held(open).changes.start(request, ());
        }
        if asks_earlier
            && let Some(before) = earlier
            && let page = page(open, messages_page, &format!("&before={before}"))
            && let Some(request) = self.request(page, now)
        {
            self.held(open).backward.start(request, ());
        }
    }

    /// False where it is somebody else's answer.
    pub(super) fn page_answered(&mut self, request: RequestId, answer: &Answer, now: Ticks) -> bool {
        let mut chats = self.chats.iter();
        let asked = chats.find_map(|(id, chat)| chat.asked_by(request).map(|page| (*id, page)));
        let Some((id, page)) = asked else { return false };
        self.looking.changed = true;
        match read(answer) {
            Ok(messages) => self.take(id, page, messages, now),
            Err(error) => self.page_failed(id, page, &error, now),
        }
        true
    }

    fn take(&mut self, id: ConversationId, page: Page, messages: Messages, now: Ticks) {
        let taken = match page {
            Page::Changes => self.changed(id, messages, now),
            // One of a node that lags is asked for again.
            _ if self.chats.get(&id).is_some_and(|chat| !chat.timeline.accepts(messages.through)) => {
                self.note(messages.messages, now);
                false
            }
            Page::Forward(Forward::Latest) => self.latest(id, messages, now),
            Page::Forward(Forward::Around(sought)) => self.around(id, sought, messages, now),
            Page::Forward(Forward::After(_)) => self.after(id, messages, now),
            Page::Backward => self.before(id, messages, now),
        };
        if !taken {
            self.page_failed(id, page, &LAGS, now);
        }
    }

    fn page_failed(&mut self, id: ConversationId, page: Page, error: &RequestError, now: Ticks) {
        // That there are no older ones does not say that there is no conversation.
        if page != Page::Backward || error.code() == Some(ErrorCode::NotAllowed) {
            self.is_absent(id, error, now);
        }
        let Some(chat) = self.chats.get_mut(&id) else { return };
        let (wait_ms, random) = (error.wait_ms(), &mut self.random);
        match page {
            Page::Forward(_) => chat.forward.failed(now, wait_ms, random),
            Page::Backward => chat.backward.failed(now, wait_ms, random),
            Page::Changes => chat.changes.failed(now, wait_ms, random),
        }
    }

    /// Takes note of messages that came in a page.
    fn note(&mut self, messages: Vec<Message>, now: Ticks) -> Vec<Arc<Message>> {
        let page: Vec<_> = messages.into_iter().map(Arc::new).collect();
        for message in &page {
            if message.sender.id == self.viewer.id {
                self.mark_stored(message.id, message.offset, now);
            }
        }
        page
    }

    fn latest(&mut self, id: ConversationId, page: Messages, now: Ticks) -> bool {
        let through = page.through;
        let page = self.note(page.messages, now);
        let Some(chat) = self.chats.get_mut(&id) else { return true };
        let placed = chat.timeline.place_latest(page.clone(), through);
        if placed {
            chat.forward.done();
        }
        self.observe_page(&page);
        placed
    }

    fn around(&mut self, id: ConversationId, sought: Offset, page: Messages, now: Ticks) -> bool {
        let through = page.through;
        let page = self.note(page.messages, now);
        let Some(chat) = self.chats.get_mut(&id) else { return true };
        chat.forward.done();
        // Another one may be sought by now, or the newest ones may be wanted.
        if chat.timeline.wanted() == Some(Forward::Around(sought)) {
            chat.timeline.place_around(page, through);
            // Older ones than those that were shown before are of no use.
            chat.backward.done();
        }
        true
    }

    fn after(&mut self, id: ConversationId, page: Messages, now: Ticks) -> bool {
        let end = page.next.is_none();
        let page = self.note(page.messages, now);
        let ahead_max = self.limits.ahead_max;
        let Some(chat) = self.chats.get_mut(&id) else { return true };
        let asked_for = chat.timeline.detached();
        let grew = chat.timeline.place_after(page.clone(), end, ahead_max);
        if asked_for {
            // Whoever asks for newer ones looks at them: the oldest go, or the end would never be reached.
            chat.timeline.trim(self.limits.window_max, true);
        }
        // Else something newer is known to be there.
        let done = grew || chat.timeline.whole() || chat.timeline.detached();
        if done {
            chat.forward.done();
        }
        self.observe_page(&page);
        done
    }

    /// A page of what changed since the record that is applied.
    fn changed(&mut self, id: ConversationId, page: Messages, now: Ticks) -> bool {
        let ends = (page.next, page.through);
        // A server that does not know the question answers another one.
        let understood = page.through.is_some() || page.messages.is_empty();
        let page = self.note(page.messages, now);
        self.observe_page(&page);
        let Some(chat) = self.chats.get_mut(&id) else { return true };
        let taken = understood && chat.timeline.place_changes(page, ends, self.limits.ahead_max);
        if taken {
            chat.changes.done();
        }
        taken
    }

    fn before(&mut self, id: ConversationId, page: Messages, now: Ticks) -> bool {
        let page = self.note(page.messages, now);
        let Some(chat) = self.chats.get_mut(&id) else { return true };
        let placed = chat.timeline.place_before(page);
        if placed {
            // Whoever asks for older ones looks at them.
            chat.timeline.trim_end(self.limits.window_max);
            chat.backward.done();
        }
        placed
    }

    fn observe_page(&mut self, page: &[Arc<Message>]) {
        for message in page {
            self.observe(message);
        }
    }
}
