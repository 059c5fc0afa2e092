//! Whether the session still stands, and its end.

use super::{
    Client, Conversations, Drafts, Effect, Event, Looking, Outbox, Paging, RequestId, Task, Ticks,
    request::{Answer, Request, RequestError, read},
};
use kafkatalk_protocol::{ErrorCode, http::Me};

/// How far signing out has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum SignOut {
    /// Nobody wants to.
    #[default]
    No,
    /// The server is asked.
    Asked(RequestId),
    /// The server was asked, and may have done it: its answer was lost. Whether the session still stands, says that.
    Unanswered,
    /// The server could not do it.
    Failed,
}

impl Client {
    /// The server is to be asked.
    pub(super) fn doubt_session(&mut self) {
        self.probe.get_or_insert_default();
    }

    /// The connection is back, and with it the session: signing out may be tried again.
    pub(super) fn reconsider_sign_out(&mut self) {
        match self.sign_out {
            SignOut::Failed => self.sign_out = SignOut::No,
            // The socket may have been let in before the server ended the session.
            SignOut::Unanswered => self.doubt_session(),
            SignOut::No | SignOut::Asked(_) => {}
        }
    }

    pub(super) fn fetch_session(&mut self, now: Ticks) {
        if self.probe.as_ref().is_some_and(|task| task.may_start(now))
            && let Some(request) = self.request(Request::get("/me".into()), now)
        {
            self.probe.get_or_insert_default().start(request, ());
        }
    }

    /// The person signs out. Until the server has ended the session, nothing of theirs is deleted from the device.
    pub(super) fn sign_out(&mut self, now: Ticks) {
        if matches!(self.sign_out, SignOut::Asked(_)) {
            return;
        }
        let request = Request { method: "DELETE", path: "/sessions/current".into(), body: None };
        self.sign_out = SignOut::Asked(self.request_change(request, now));
        self.link.changed = true;
    }

    /// False where it is somebody else's answer.
    pub(super) fn session_answered(&mut self, request: RequestId, answer: &Answer, now: Ticks) -> bool {
        let code = answer.as_ref().err().and_then(RequestError::code);
        if code == Some(ErrorCode::Unauthenticated)
            || (answer.is_ok() && self.sign_out == SignOut::Asked(request))
        {
            self.end_session(now);
        } else if self.sign_out == SignOut::Asked(request) {
            self.sign_out = if code.is_some() { SignOut::Failed } else { SignOut::Unanswered };
            // One that was asked before knows nothing of it.
            self.probe = (self.sign_out == SignOut::Unanswered).then(Task::default).or(self.probe);
            self.link.changed = true;
        } else if let Some(task) = self.probe.as_mut().filter(|task| task.is(request)) {
            match read::<Me>(answer) {
                Ok(me) if me.user.id == self.viewer.id => {
                    self.probe = None;
                    if self.sign_out == SignOut::Unanswered {
                        self.sign_out = SignOut::Failed;
                    }
                }
                // Somebody else signed in on this device.
                Ok(_) => self.end_session(now),
                Err(error) => task.failed(now, error.wait_ms(), &mut self.random),
            }
        } else {
            return false;
        }
        true
    }

    /// The session has ended. What the person wrote stays on the device until they are back, unless they signed out:
    /// then nothing of theirs stays. Nothing is shown of it any more, wherever the page goes.
    pub(super) fn end_session(&mut self, now: Ticks) {
        self.link.end(&mut self.effects);
        if matches!(std::mem::take(&mut self.sign_out), SignOut::Asked(_) | SignOut::Unanswered) {
            self.effects.extend([Effect::Forget, Effect::SignedOut]);
        } else {
            self.drafts.store(now, true, &mut self.effects);
            self.effects.push(Effect::SessionEnded);
        }
        self.tell_parts(Event::Disconnected, now);
        self.tell_parts(Event::Ended, now);
        self.outbox = Outbox::default();
        self.drafts = Drafts::default();
        self.conversations = Conversations::default();
        self.chats.clear();
        self.looking = Looking::default();
        self.paging = Paging::default();
        self.questions.clear();
        self.unplaced.clear();
        self.outbox_changed();
    }

    /// When the server is to be asked again.
    pub(super) fn session_wake_at(&self) -> Option<Ticks> {
        self.probe.as_ref().and_then(Task::wake_at)
    }
}
