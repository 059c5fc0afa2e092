//! What the button, the panel and its parts share.

use crate::chat::Chat;
use crate::client::{Action, People};
use crate::ui::focus::focus_soon;
use kafkatalk_protocol::Conversation;
use leptos::{prelude::*, task::spawn_local};
use std::future::Future;

/// Whether the panel of the open conversation is open.
#[derive(Clone, Copy)]
pub(super) struct Side(RwSignal<bool>);

impl Side {
    pub(super) fn of_context() -> Self {
        expect_context()
    }

    /// One panel at a time: that of a message hides this one.
    pub(super) fn is_shown(self, chat: Chat) -> bool {
        self.0.get() && chat.desk.details.with(Option::is_none)
    }

    /// Opens the panel, or closes it where the keyboard is elsewhere.
    pub(super) fn show(self, open: bool) {
        self.0.set(open);
    }

    /// Closes the panel; the keyboard goes back to its button.
    pub(super) fn close(self) {
        self.0.set(false);
        focus_soon("#members-button".into());
    }
}

/// See [`crate::features::provide`].
pub(crate) fn provide() {
    provide_context(Side(RwSignal::new(false)));
}

/// How many members a group has, in words.
pub(super) fn count(people: &People) -> String {
    match people.others.len() + 1 {
        1 => "1 member".into(),
        members => format!("{members} members"),
    }
}

/// What the parts of the panel share.
#[derive(Clone, Copy)]
pub(super) struct Panel {
    pub(super) chat: Chat,
    /// Something was asked and is not answered yet.
    pub(super) busy: RwSignal<bool>,
    /// Why what was asked was not done.
    pub(super) refusal: RwSignal<Option<String>>,
}

impl Panel {
    /// Asks the server for a change of the group; `done` follows where it was made.
    pub(super) fn change(
        self,
        asked: impl Future<Output = Result<Conversation, String>> + 'static,
        done: impl FnOnce() + 'static,
    ) {
        self.ask(asked, move |group| {
            self.chat.desk.act(Action::Opened(Box::new(group)));
            done();
        });
    }

    pub(super) fn ask<T: 'static>(
        self,
        asked: impl Future<Output = Result<T, String>> + 'static,
        done: impl FnOnce(T) + 'static,
    ) {
        self.busy.set(true);
        self.refusal.set(None);
        spawn_local(async move {
            let answer = asked.await;
            // The panel may be gone.
            self.busy.try_set(false);
            match answer {
                Ok(answer) => done(answer),
                Err(words) => {
                    self.refusal.try_set(Some(words));
                }
            }
        });
    }

    pub(super) fn people(self) -> People {
        self.chat.people()
    }
}
