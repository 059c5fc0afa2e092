//! The client's state as signals: what components read, and what they tell it.
//!
//! On the server this is what the page begins with and nothing ever changes. In the browser the same values are made
//! from the same model; [`Live::start`] then sets the state going.

use crate::{
    client::{Action, ChatView, Client, Command, LinkView, ListView, OutboxFull, Subject},
    page::PageModel,
};
use kafkatalk_protocol::{
    Body, ConversationId, Message, MessageId, Offset, User, UserId, presence::Presence,
};
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
    #[cfg(feature = "hydrate")]
    engine: StoredValue<crate::browser::Engine, LocalStorage>,
    #[cfg(not(feature = "hydrate"))]
    client: StoredValue<Client>,
}

impl Live {
    /// The state that the page begins with; none where nobody is signed in.
    pub fn new(page: &PageModel) -> Option<Self> {
        #[cfg(feature = "hydrate")]
        let seed = crate::browser::seed();
        #[cfg(not(feature = "hydrate"))]
        let seed = 0;
        let client = Client::new(page, seed)?;
        let link = RwSignal::new(client.link());
        let list = RwSignal::new(client.list());
        let chat = RwSignal::new(client.opened().map(|open| client.chat(open)));
        let announced = RwSignal::new(None);
        let unsaved = RwSignal::new(false);
        Some(Self {
            viewer: StoredValue::new(client.viewer().clone()),
            link,
            list,
            chat,
            announced,
            unsaved,
            #[cfg(feature = "hydrate")]
            engine: StoredValue::new_local(crate::browser::Engine::new(
                client,
                crate::browser::Signals { link, list, chat, announced, unsaved },
            )),
            #[cfg(not(feature = "hydrate"))]
            client: StoredValue::new(client),
        })
    }

    /// The signed-in person.
    pub fn viewer(self) -> User {
        self.viewer.get_value()
    }

    /// Sets the state going: takes the outbox and the drafts from the device and connects. Call it once, in the
    /// browser, once the page is drawn (in an `Effect`). Does nothing on the server.
    pub fn start(self) {
        #[cfg(feature = "hydrate")]
        self.engine.with_value(crate::browser::Engine::start);
    }

    /// The person did something.
    pub fn act(self, action: Action) {
        #[cfg(feature = "hydrate")]
        self.engine.with_value(|engine| engine.act(action));
        #[cfg(not(feature = "hydrate"))]
        drop(action);
    }

    /// Sends a message, now or as soon as there is a connection. Where the outbox is full, nothing happens: keep the
    /// text and say that other messages have to go first.
    pub fn send(
        self,
        conversation: ConversationId,
        body: Body,
        reply_to: Option<Offset>,
    ) -> Result<MessageId, OutboxFull> {
        self.submit(conversation, Command::Post { body, reply_to })
    }

    /// The same for any command.
    pub fn submit(self, conversation: ConversationId, command: Command) -> Result<MessageId, OutboxFull> {
        #[cfg(feature = "hydrate")]
        {
            self.engine.with_value(|engine| engine.submit(conversation, command))
        }
        #[cfg(not(feature = "hydrate"))]
        {
            let (_, _) = (conversation, command);
            Err(OutboxFull)
        }
    }

    /// Who of the others is typing in a conversation. Tracks that alone.
    pub fn typing_in(self, conversation: ConversationId) -> Vec<UserId> {
        self.read_sign(Subject::Conversation(conversation), |client| client.typing_in(conversation))
    }

    /// How things stand with a person, where that is known. Tracks that alone.
    pub fn presence_of(self, user: UserId) -> Option<Presence> {
        self.read_sign(Subject::Person(user), |client| client.presence_of(user))
    }

    fn read_sign<T>(self, subject: Subject, read: impl FnOnce(&Client) -> T) -> T {
        #[cfg(feature = "hydrate")]
        {
            self.engine.with_value(|engine| engine.read_sign(subject, read))
        }
        #[cfg(not(feature = "hydrate"))]
        {
            let _ = subject;
            self.client.with_value(read)
        }
    }

    /// The text that was begun in a conversation; empty for none. After [`Live::start`] it knows what the device kept.
    pub fn draft(self, conversation: ConversationId) -> Arc<str> {
        #[cfg(feature = "hydrate")]
        {
            self.engine.with_value(|engine| engine.draft(conversation))
        }
        #[cfg(not(feature = "hydrate"))]
        {
            self.client.with_value(|client| client.draft(conversation))
        }
    }
}
