//! What people do.

use super::{Action, Client, Command, Effect, Event, Held, NotTaken, Now, event::Ticks};
use kafkatalk_protocol::{Body, ConversationId, MessageId, Offset, text::is_blank};

impl Client {
    /// Takes a message that was typed. It is kept on the device and goes out as soon as it can; the draft of the
    /// conversation is cleared. Where the outbox is full, nothing happens.
    pub fn send(
        &mut self,
        conversation: ConversationId,
        body: Body,
        now: Now,
    ) -> Result<MessageId, NotTaken> {
        self.submit(conversation, Command::Post { body, reply_to: None }, now)
    }

    /// Takes any command, likewise. What it changes is shown as it will be until the server has it, or refuses it.
    pub fn submit(
        &mut self,
        conversation: ConversationId,
        command: Command,
        now: Now,
    ) -> Result<MessageId, NotTaken> {
        if self.link.ended() {
            return Err(NotTaken::SignedOut);
        }
        let id = self.random.message_id();
        let posts = command.target().is_none();
        let stored = self.outbox.push((id, conversation, command), now.wall, self.limits.outbox_max)?;
        self.effects.push(Effect::StoreEntry(stored));
        if posts {
            self.drafts.clear(conversation, &mut self.effects);
            self.forget_change_elsewhere();
            self.tell_parts(Event::Posted, now.ticks);
            self.looking.aim = None;
            if let Some(chat) = self.chats.get_mut(&conversation) {
                // Own messages are shown at the end.
                chat.show_newest();
            }
        }
        self.outbox_changed();
        self.do_what_is_due(now.ticks);
        Ok(id)
    }

    pub(super) fn act(&mut self, action: Action, now: Now) {
        match action {
            Action::Open(conversation) => self.open(conversation, now.ticks),
            Action::OpenAt(conversation, offset) => self.open_at(conversation, offset, now.ticks),
            Action::AtEnd(at_end) => self.looking.at_end = at_end,
            Action::LoadEarlier => self.with_open(|chat| {
                if chat.timeline.earlier().is_some() {
                    chat.backward.ask();
                }
            }),
            Action::LoadLater => self.with_open(|chat| {
                if chat.timeline.detached() {
                    chat.forward.ask();
                }
            }),
            Action::JumpToLatest => {
                self.looking.aim = None;
                self.with_open(Held::show_newest);
            }
            Action::Reached => {
                self.looking.aim = None;
                self.looking.changed = true;
            }
            Action::Reload => {
                self.with_open(|chat| chat.forward.ask());
                if let Some(open) = self.looking.open {
                    self.missing.remove(&open);
                    self.ask(open);
                }
                self.retry_fetches_now();
            }
            Action::LoadMoreConversations => {
                if self.paging.cursor.is_some() {
                    self.paging.more.ask();
                    self.conversations.changed = true;
                }
            }
            Action::Retry(id) => {
                let stored = self.outbox.retry(id, now.wall);
                self.effects.extend(stored.map(Effect::StoreEntry));
                self.outbox_changed();
            }
            Action::Discard(id) => {
                if self.outbox.discard(id) {
                    self.effects.push(Effect::RemoveEntry(id));
                    self.outbox_changed();
                }
            }
            Action::Draft(conversation, text) => {
                let changed = self.drafts.change(conversation, &text, now.ticks, &mut self.effects);
                // The list does not show the draft of the conversation that is open.
                self.conversations.changed |= changed && self.looking.open != Some(conversation);
                self.forget_change_elsewhere();
                if changed && !is_blank(&text) {
                    self.tell_parts(Event::Typed(conversation), now.ticks);
                }
            }
            Action::ConnectNow => self.link.retry_now(now.ticks, &mut self.effects),
            Action::Opened(conversation) => {
                self.learn(&conversation, now.ticks);
            }
            Action::SignOut => self.sign_out(now.ticks),
        }
    }

    /// The draft was changed here since: when another tab makes the same change again, that is a new one.
    fn forget_change_elsewhere(&mut self) {
        self.looking.changed |= self.looking.drafted_elsewhere.take().is_some();
    }

    fn open_at(&mut self, conversation: ConversationId, offset: Offset, now: Ticks) {
        let was_open = self.looking.open == Some(conversation);
        self.open(Some(conversation), now);
        // What is newest is not in view until the page says so: it is not read.
        self.looking.at_end &= was_open;
        self.looking.aim = Some(offset);
        self.with_open(|chat| {
            chat.timeline.seek(offset);
            if chat.timeline.seeks() {
                chat.forward.ask();
            }
        });
    }

    /// The person does something else than to wait for the message that was to be brought into view.
    pub(super) fn give_up_aim(&mut self) {
        self.looking.aim = None;
        self.with_open(|chat| chat.timeline.give_up_seeking());
    }

    fn with_open(&mut self, act: impl FnOnce(&mut Held)) {
        if let Some(chat) = self.looking.open.and_then(|open| self.chats.get_mut(&open)) {
            act(chat);
            self.looking.changed = true;
        }
    }

    fn open(&mut self, conversation: Option<ConversationId>, now: Ticks) {
        self.drafts.store(now, true, &mut self.effects);
        if self.looking.open == conversation {
            return;
        }
        // What did not load before it was left is loaded anew when it is looked at again, and so is what was left
        // without its newest messages: a conversation opens at its end.
        self.chats.retain(|_, Held { timeline, .. }| {
            timeline.loaded() && !timeline.detached() && !timeline.seeks()
        });
        self.missing.clear();
        self.looking.open = conversation;
        self.looking.at_end = true;
        self.looking.aim = None;
        self.looking.drafted_elsewhere = None;
        self.conversations.changed = true;
        self.looking.changed = true;
        let Some(id) = conversation else { return };
        self.looking.read_on_open =
            self.conversations.get(id).and_then(|summary| summary.read_of(self.viewer.id));
        if self.conversations.get(id).is_none() {
            self.ask(id);
        }
        self.looks += 1;
        let looks = self.looks;
        self.held(id).looked = looks;
        if self.chats.len() > self.limits.timelines_max
            && let Some(oldest) =
                self.chats.iter().min_by_key(|(_, chat)| chat.looked).map(|(oldest, _)| *oldest)
        {
            self.chats.remove(&oldest);
        }
    }
}

impl Held {
    /// The newest messages are wanted: whatever is sought is given up for them, and so is a window that ends before
    /// them.
    fn show_newest(&mut self) {
        if self.timeline.detached() || self.timeline.seeks() {
            self.timeline.restart();
            self.forward.retry_now();
        }
    }
}
