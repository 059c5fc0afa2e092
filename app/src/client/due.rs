//! What is due: after every input, whatever it was, the client looks at what should happen now.

use super::{
    Client, Disconnect, Effect, Held, RequestError, Task, Ticks,
    limits::{CLOCK_LOOK_MS, SENDS_MAX},
    summary::{Summary, counts},
    view::Link,
};
use kafkatalk_protocol::{ClientFrame, Offset, UserId};

impl Client {
    pub(super) fn do_what_is_due(&mut self, now: Ticks) {
        if !self.started {
            return;
        }
        self.parts_do_what_is_due(now);
        if self.link.ended() {
            return;
        }
        for request in self.requests.expired(now) {
            self.answered(request, &Err(RequestError::Network), now);
        }
        let disconnect = self.link.tick(now, &mut self.random, &mut self.effects);
        if disconnect != Disconnect::None {
            self.link.changed = true;
        }
        self.lose(disconnect, now);
        if let Some(sent) = self.outbox.expire(now, &mut self.random) {
            let disconnect = self.link.suspect(sent, now, &mut self.random, &mut self.effects);
            self.lose(disconnect, now);
        }
        if self.link.ended() {
            return;
        }
        self.settle(now);
        self.fetch_what_is_wanted(now);
        self.send_what_waits(now);
        self.drafts.store(now, false, &mut self.effects);
    }

    /// When to come back with [`super::Input::Timer`], where anything is to come.
    pub fn wake_at(&self, now: Ticks) -> Option<Ticks> {
        if !self.started || self.link.ended() {
            return None;
        }
        let chats = self
            .chats
            .values()
            .flat_map(|chat| [chat.forward.wake_at(), chat.backward.wake_at(), chat.changes.wake_at()]);
        let look = self.clock.filter(|_| self.link.live().is_some());
        [
            look.map(|clock| clock.ticks.plus(CLOCK_LOOK_MS)),
            self.link.wake_at(),
            self.outbox.wake_at(now),
            self.drafts.wake_at(),
            self.requests.wake_at(),
            self.receipts.wake_at(),
            self.session_wake_at(),
            self.paging.wake_at(),
            self.questions_wake_at(),
        ]
        .into_iter()
        .chain(self.parts.iter().map(|part| part.wake_at()))
        .chain(chats)
        .flatten()
        // What is past was looked at: it waits for something else.
        .filter(|moment| *moment > now)
        .min()
    }

    /// Puts the views of one conversation in agreement: outbox, messages in memory, the list's numbers.
    fn settle(&mut self, now: Ticks) {
        let viewer = self.viewer.id;
        for (id, offset) in self.outbox.overdue(now) {
            if let Some(chat) = self.chats.get_mut(&id) {
                chat.timeline.heard_of(offset);
            }
            if self.conversations.get(id).and_then(Summary::last).is_none_or(|last| last.offset < offset) {
                self.ask(id);
            }
        }
        let overdue = self.outbox.let_go_of_overdue_changes(now);
        let mut gone = !overdue.is_empty();
        for id in overdue {
            self.ask(id);
        }
        let (chats, conversations) = (&self.chats, &self.conversations);
        let in_view = |conversation, offset| match chats.get(&conversation).map(|chat| &chat.timeline) {
            Some(timeline) if !timeline.loaded() => false,
            Some(timeline) if !timeline.detached() => timeline.last() >= Some(offset),
            _ => {
                let last = conversations.get(conversation).and_then(Summary::last);
                last.is_some_and(|last| last.offset >= offset)
            }
        };
        let applied = |conversation, record| {
            let chat = chats.get(&conversation).filter(|chat| chat.timeline.loaded());
            chat.is_some_and(|chat| chat.timeline.chain().applied() >= Some(record))
        };
        gone |= self.outbox.let_go(in_view, applied);
        if gone {
            self.outbox_changed();
        }
        let (mut list_changed, mut chat_changed) = (false, false);
        for (id, chat) in &mut self.chats {
            let open = self.looking.open == Some(*id);
            let at_end = self.looking.at_end || !open;
            chat.timeline.trim(self.limits.window_max, at_end);
            if open && chat.timeline.give_up_filling(self.limits.fill_pages_max) {
                if at_end {
                    chat.timeline.restart();
                } else if !chat.timeline.whole() {
                    chat.timeline.detach(usize::MAX);
                }
            }
            let Some(summary) = self.conversations.get_mut(*id) else { continue };
            // While a message is sought, what is shown is about to be left.
            if chat.timeline.seeks() || !chat.timeline.whole() {
                continue;
            }
            let unread = unread_in(chat, summary.read_of(viewer), viewer);
            if open && self.looking.visible && self.looking.at_end && unread != Some(0) {
                let newest_is_news = unread.is_some() || summary.unread(viewer) > 0;
                if let Some(last) = chat.timeline.last().filter(|_| newest_is_news)
                    && summary.raise_read(viewer, last, viewer)
                {
                    self.receipts.raise(*id, last);
                    (list_changed, chat_changed) = (true, true);
                }
            }
            // Where changes were missed, what is held may count messages that were deleted.
            let unread = unread_in(chat, summary.read_of(viewer), viewer);
            if let Some(unread) = unread.filter(|_| !chat.timeline.chain().has_gap()) {
                if unread != summary.unread(viewer) {
                    list_changed = true;
                    chat_changed |= open;
                }
                summary.set_unread(unread, chat.timeline.last());
            }
        }
        self.conversations.changed |= list_changed;
        self.looking.changed |= chat_changed;
    }

    fn fetch_what_is_wanted(&mut self, now: Ticks) {
        let auto = self.link.view() != Link::Offline;
        if auto {
            self.fetch_session(now);
        }
        if let Some(open) = self.looking.open {
            self.fetch_messages(open, auto, now);
        }
        if auto {
            self.fetch_conversations(now);
            self.fetch_list(now);
        }
    }

    /// The connection is back: requests that failed need not wait longer.
    pub(super) fn retry_fetches_now(&mut self) {
        self.questions.values_mut().for_each(Task::retry_now);
        for chat in self.chats.values_mut() {
            chat.forward.retry_now();
            chat.changes.retry_now();
            // What a person scrolls to is asked for by scrolling.
            chat.backward.forgive();
            if chat.timeline.detached() {
                chat.forward.forgive();
            }
        }
        self.looking.changed = true;
        self.paging.retry_now();
    }

    fn send_what_waits(&mut self, now: Ticks) {
        let Some(socket) = self.link.live() else { return };
        while let Some(entry) = self.outbox.send_next(socket, now, SENDS_MAX) {
            let (conversation, id) = (entry.conversation, entry.id);
            let frame = entry.command.to_frame(conversation, id);
            self.effects.push(Effect::Transmit(socket, frame));
            self.looking.changed = true;
            self.conversations.changed = true;
        }
        for (conversation, offset) in self.receipts.due(now) {
            self.effects.push(Effect::Transmit(socket, ClientFrame::Read { conversation, offset }));
        }
    }
}

/// Messages of others after the read position, where the window reaches back to it.
fn unread_in(chat: &Held, read: Option<Offset>, viewer: UserId) -> Option<u64> {
    let timeline = &chat.timeline;
    let covers =
        timeline.has_beginning() || timeline.window().front().is_some_and(|first| first.previous <= read);
    let unread = || timeline.window().iter().rev().take_while(|message| Some(message.offset) > read);
    covers.then(|| unread().filter(|message| counts(message, viewer)).fold(0, |count, _| count + 1))
}
