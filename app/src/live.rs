//! The client's state as signals: what components read, and what they tell it.
//!
//! On the server this is what the page begins with and nothing ever changes. In the browser the same values are made
//! from the same model; [`Live::start`] then sets the state going.

#[cfg(not(feature = "hydrate"))]
mod still;

#[cfg(feature = "hydrate")]
pub(crate) use crate::browser::seed;
#[cfg(feature = "hydrate")]
use crate::browser::{Engine, Storage};
#[cfg(not(feature = "hydrate"))]
pub(crate) use still::seed;
#[cfg(not(feature = "hydrate"))]
use still::{Engine, Storage};

use crate::{
    client::{
        Action, Answer, ChatView, Client, Command, Features, LinkView, ListView, NotTaken, Part, Request,
        Subject,
    },
    page::PageModel,
};
use kafkatalk_protocol::{Body, ConversationId, Message, MessageId, Offset, User};
use leptos::prelude::*;
use std::sync::Arc;

/// A handle on the client's state. Copy it freely; put it into the context.
#[derive(Clone, Copy)]
pub struct Live {
    viewer: StoredValue<User>,
    /// How the connection stands, and how much waits for it.
    pub link: RwSignal<LinkView>,
    /// The list of conversations.
    pub list: RwSignal<ListView>,
    /// The conversation that is looked at.
    pub chat: RwSignal<Option<ChatView>>,
    /// The newest message of somebody else, as it arrives: for those who do not see the screen, or the page.
    pub announced: RwSignal<Option<Arc<Message>>>,
    /// A message that could not be kept on the device (its store is full or closed): it is lost if the page is closed
    /// before it was sent.
    pub unsaved: RwSignal<bool>,
    engine: StoredValue<Engine, Storage>,
}

/// Where the views of the client are published.
#[derive(Clone, Copy)]
pub(crate) struct Signals {
    pub(crate) link: RwSignal<LinkView>,
    pub(crate) list: RwSignal<ListView>,
    pub(crate) chat: RwSignal<Option<ChatView>>,
    pub(crate) announced: RwSignal<Option<Arc<Message>>>,
    pub(crate) unsaved: RwSignal<bool>,
}

impl Live {
    /// The state that the page begins with; none where nobody is signed in.
    pub fn new(page: &PageModel, features: Features) -> Option<Self> {
        let client = Client::new(page, seed(), features)?;
        let signals = Signals {
            link: RwSignal::new(client.link()),
            list: RwSignal::new(client.list()),
            chat: RwSignal::new(client.opened().map(|open| client.chat(open))),
            announced: RwSignal::new(None),
            unsaved: RwSignal::new(false),
        };
        let Signals { link, list, chat, announced, unsaved } = signals;
        let viewer = StoredValue::new(client.viewer().clone());
        let engine = Engine::hold(client, signals);
        Some(Self { viewer, link, list, chat, announced, unsaved, engine })
    }

    /// The signed-in person.
    pub fn viewer(self) -> User {
        self.viewer.get_value()
    }

    /// Sets the state going: takes the outbox and the drafts from the device and connects. Call it once, in the
    /// browser, once the page is drawn (in an `Effect`). Does nothing on the server.
    pub fn start(self) {
        self.engine.with_value(Engine::start);
    }

    /// The person did something.
    pub fn act(self, action: Action) {
        self.engine.with_value(|engine| engine.act(action));
    }

    /// Sends a message, now or as soon as there is a connection. Where the outbox is full, nothing happens: keep the
    /// text and say that other messages have to go first.
    pub fn send(
        self,
        conversation: ConversationId,
        body: Body,
        reply_to: Option<Offset>,
    ) -> Result<MessageId, NotTaken> {
        self.submit(conversation, Command::Post { body, reply_to })
    }

    /// The same for any command.
    pub fn submit(self, conversation: ConversationId, command: Command) -> Result<MessageId, NotTaken> {
        self.engine.with_value(|engine| engine.submit(conversation, command))
    }

    /// Reads what a part of the client knows of a subject, and tracks that alone. None where there is no such part.
    pub fn read_part<P: Part, T>(self, subject: Subject, read: impl FnOnce(&P) -> T) -> Option<T> {
        self.engine.with_value(|engine| engine.read_part(subject, read))
    }

    /// Changes what a part of the client knows; nobody is told.
    pub fn change_part<P: Part>(self, change: impl FnOnce(&mut P)) {
        self.engine.with_value(|engine| engine.change_part(change));
    }

    /// Makes a request for a view, and reads its answer. Where the session turns out to have ended, it ends here as well.
    pub async fn ask(self, request: Request) -> Answer {
        self.engine.with_value(|engine| engine.ask(request)).await
    }

    /// The text that was begun in a conversation; empty for none. After [`Live::start`] it knows what the device kept.
    pub fn draft(self, conversation: ConversationId) -> Arc<str> {
        self.engine.with_value(|engine| engine.draft(conversation))
    }
}
