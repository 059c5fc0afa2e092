//! The engine where there is no browser: the client's state as the page begins with it, which stays as it is.

use super::Signals;
use crate::client::{Action, Answer, Client, Command, NotTaken, Part, Request, RequestError, Subject};
use kafkatalk_protocol::{ConversationId, MessageId};
use leptos::prelude::{StoredValue, SyncStorage};
use std::sync::Arc;

/// How it is held.
pub(super) type Storage = SyncStorage;

/// The client's state on the server.
#[derive(Debug)]
pub(super) struct Engine(Client);

/// A seed is for what happens, and nothing does.
pub(crate) fn seed() -> u128 {
    0
}

impl Engine {
    pub(super) fn hold(client: Client, _signals: Signals) -> StoredValue<Self, Storage> {
        StoredValue::new(Self(client))
    }

    #[expect(clippy::unused_self, reason = "as in the browser")]
    pub(super) fn start(&self) {}

    #[expect(clippy::unused_self, reason = "as in the browser")]
    pub(super) fn act(&self, action: Action) {
        drop(action);
    }

    #[expect(clippy::unused_self, reason = "as in the browser")]
    pub(super) fn submit(&self, _: ConversationId, command: Command) -> Result<MessageId, NotTaken> {
        drop(command);
        Err(NotTaken::SignedOut)
    }

    pub(super) fn read_part<P: Part, T>(&self, _: Subject, read: impl FnOnce(&P) -> T) -> Option<T> {
        self.0.part().map(read)
    }

    #[expect(clippy::unused_self, reason = "as in the browser")]
    pub(super) fn change_part<P: Part>(&self, _: impl FnOnce(&mut P)) {}

    #[expect(clippy::unused_self, reason = "as in the browser")]
    pub(super) fn ask(&self, request: Request) -> std::future::Ready<Answer> {
        drop(request);
        std::future::ready(Err(RequestError::Network))
    }

    pub(super) fn draft(&self, conversation: ConversationId) -> Arc<str> {
        self.0.draft(conversation)
    }
}
