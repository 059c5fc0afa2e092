//! What happens, and what follows from it at once.

use super::{Client, Disconnect, Effect, Event, Input, Now, StoredEntry, Ticks, limits};
use kafkatalk_protocol::ConversationId;

impl Client {
    /// Something happened.
    pub fn handle(&mut self, input: Input, now: Now) {
        if self.link.ended() {
            // Nothing of an ended session is shown, sent or kept any more. A page that comes back leads on.
            if matches!(input, Input::Visible(true)) {
                self.effects.push(Effect::SessionEnded);
            }
            return;
        }
        if self.slept(now) {
            self.link.wake(now.ticks, &mut self.effects);
        }
        let before = self.link.view();
        match input {
            Input::Started { outbox, drafts, online, visible } => {
                self.start((outbox, drafts), (online, visible), now.ticks);
            }
            Input::Opened(socket) if self.link.is(socket) => self.greet(socket),
            Input::Opened(socket) => self.effects.push(Effect::Close(socket)),
            Input::Frame(socket, frame) => {
                if self.link.is(socket) {
                    self.link.heard(now.ticks);
                    self.tell_parts(Event::Frame(&frame), now.ticks);
                    if !self.frame(socket, *frame, now) {
                        // Nothing else is due for it, and nothing else is looked through.
                        return;
                    }
                }
            }
            Input::Closed(socket, code) => {
                let disconnect = self.link.closed(socket, code, now.ticks, &mut self.random);
                self.lose(disconnect, now.ticks);
            }
            Input::Answered(request, answer) => self.answered(request, &answer, now.ticks),
            Input::Unauthenticated => self.end_session(now.ticks),
            Input::Online(online) => {
                let disconnect = self.link.set_online(online, now.ticks, &mut self.random, &mut self.effects);
                // Without a network, what is not loaded says so.
                self.link.changed = true;
                self.looking.changed = true;
                self.lose(disconnect, now.ticks);
                if online {
                    self.retry_fetches_now();
                }
            }
            Input::Visible(visible) => {
                self.looking.visible = visible;
                if visible {
                    self.link.retry_now(now.ticks, &mut self.effects);
                } else {
                    self.drafts.store(now.ticks, true, &mut self.effects);
                }
            }
            Input::Timer => {}
            Input::Touched if self.looking.aim.is_none() => return,
            Input::Touched => self.give_up_aim(),
            Input::EntryStored(entry) => {
                self.outbox.adopt(entry, now.ticks.plus(limits::ADOPT_DELAY_MS));
                self.resolve_from_memory(now.ticks);
                self.drop_refused_of_left();
            }
            Input::EntryRemoved(id) => {
                self.outbox.removed_elsewhere(id);
                self.outbox_changed();
            }
            Input::DraftStored(conversation, text) => self.draft_stored(conversation, &text),
            Input::Action(action) => self.act(action, now),
        }
        self.do_what_is_due(now.ticks);
        self.link.changed |= self.link.view() != before;
        // What was refused may be out of view now, or in it.
        self.link.changed |= self.looking.changed && self.outbox.refused() > 0;
    }

    /// Another tab stored a draft.
    fn draft_stored(&mut self, conversation: ConversationId, text: &str) {
        let Some(change) = self.drafts.stored_elsewhere(conversation, text) else { return };
        self.conversations.changed = true;
        if self.looking.open == Some(conversation) {
            self.looking.drafted_elsewhere = Some(change);
            self.looking.changed = true;
        }
    }

    /// Whether the device slept since something happened last: the wall clock went on, and the other one stood still.
    fn slept(&mut self, now: Now) -> bool {
        let Some(before) = self.clock.replace(now) else { return false };
        let wall_ms = now.wall.as_millis().saturating_sub(before.wall.as_millis());
        u64::try_from(wall_ms).is_ok_and(|ms| ms > now.ticks.since(before.ticks) + limits::SLEEP_MS)
    }

    fn start(
        &mut self,
        (outbox, drafts): (Vec<StoredEntry>, Vec<(ConversationId, String)>),
        (online, visible): (bool, bool),
        now: Ticks,
    ) {
        for entry in outbox {
            self.outbox.adopt(entry, Ticks(0));
        }
        for (conversation, text) in drafts {
            self.drafts.restore(conversation, &text);
        }
        self.resolve_from_memory(now);
        self.started = true;
        self.looking.visible = visible;
        self.link.start(online, now, &mut self.effects);
        self.outbox_changed();
    }

    /// The socket is gone, or the session.
    pub(super) fn lose(&mut self, disconnect: Disconnect, now: Ticks) {
        match disconnect {
            Disconnect::None => return,
            Disconnect::Requeue | Disconnect::RequeueAndProbe => {
                self.outbox.requeue_in_flight();
                // What is not looked at and has holes is not worth filling.
                let open = self.looking.open;
                self.chats.retain(|id, chat| Some(*id) == open || chat.timeline.whole());
            }
            Disconnect::SessionEnded => return self.end_session(now),
        }
        self.tell_parts(Event::Disconnected, now);
        if disconnect == Disconnect::RequeueAndProbe {
            self.doubt_session();
        }
        self.outbox_changed();
    }

    pub(super) fn outbox_changed(&mut self) {
        self.link.changed = true;
        self.conversations.changed = true;
        self.looking.changed = true;
    }
}
