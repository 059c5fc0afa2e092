//! The client's state: plain Rust that knows nothing of browsers, sockets or screens.
//!
//! A [`Client`] is a state machine. [`Client::handle`] takes what happened ([`Input`]) and both clocks ([`Now`]);
//! [`Client::take_effects`] hands out what is to be done about it ([`Effect`]); [`Client::wake_at`] says when to come
//! back with [`Input::Timer`]. What the pages draw is read from [`Client::link`], [`Client::list`] and
//! [`Client::chat`], and from the parts of features; [`Client::take_link`] and its like hand out what may have changed
//! since. Clocks and randomness come in as
//! arguments, so that a simulation can decide them.
//!
//! What always holds:
//! - A message that was typed is in the outbox (and so on the device) until it is known to be in the log, or was
//!   deleted by the person (which one may be that no page has sent), or the person signed out, which empties the
//!   device. It is sent under one id, so that the log has it once.
//! - Messages typed here into one conversation get into the log in the order typed (see [`outbox`]).
//! - The messages that are shown follow each other in the log without a hole (see `timeline`), and every change of them
//!   is applied or known to be missing (see `chain`).
//! - Read positions only go forward.
//! - Everything is bounded by [`limits`].
//!
//! | module | holds |
//! |---|---|
//! | [`event`] | inputs, actions, effects, clocks |
//! | [`view`] | what the pages draw |
//! | [`command`], `stored` | what people ask the server to keep, and how devices keep it meanwhile |
//! | [`outbox`] | commands that are not yet in the log |
//! | `timeline` | the messages of a conversation in memory |
//! | `chain`, `ahead` | how far the records of a conversation have been applied to them, and what follows on that |
//! | `conversations`, `summary` | the list, and what it knows of a conversation |
//! | `receipts` | read positions on their way to the server |
//! | [`part`] | what features bring: parts with a state of their own, such as who types and who is online |
//! | `link` | when to connect, and how to notice a dead socket |
//! | `drafts` | texts that were begun |
//! | [`request`] | HTTP requests as values |
//! | `requests`, `fetching` | requests under way, and to be made again |
//! | `session`, `list`, `questions`, `pages` | the parts of [`Client`] that make requests, each with what its answers mean: does the session stand, the list, one conversation, its messages |
//! | `inputs`, `frames`, `actions`, `learn`, `membership`, `due`, `views` | the rest of [`Client`]: what happens, frames of the server, what people do, what becomes known, who is in a group, what is due, views |

mod actions;
mod ahead;
mod chain;
pub mod command;
mod conversations;
mod drafts;
mod due;
pub mod event;
mod fetching;
mod frames;
mod inputs;
mod learn;
pub mod limits;
mod link;
mod list;
mod membership;
pub mod outbox;
mod pages;
pub mod part;
mod questions;
pub mod random;
mod receipts;
pub mod request;
mod requests;
mod session;
mod stored;
mod summary;
mod timeline;
pub mod view;
mod views;

pub use command::{ChangeKind, Command, MessageChange};
pub use event::{Action, Effect, Input, Now, RequestId, SocketId, Ticks};
pub use outbox::NotTaken;
pub use part::{Event, Features, Part, Subject, Surroundings};
pub use request::{Answer, Request, RequestError};
pub use stored::StoredEntry;
pub use view::{
    Change, ChatStatus, ChatView, Delivery, Edge, Group, Item, ItemKey, Link, LinkView, ListView, LostChange,
    People, Row,
};

use crate::page::{OpenModel, PageModel};
use conversations::Conversations;
use drafts::Drafts;
use fetching::Task;
use kafkatalk_protocol::{ConversationId, Message, Offset, User, UserId};
use limits::Limits;
use link::{Disconnect, LinkState};
use list::Paging;
use outbox::Outbox;
use random::Random;
use receipts::Receipts;
use requests::Requests;
use session::SignOut;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use summary::Summary;
use timeline::{Forward, Timeline};

/// The state of one page of one viewer.
#[derive(Debug)]
pub struct Client {
    viewer: Arc<User>,
    limits: Limits,
    random: Random,
    started: bool,
    link: LinkState,
    outbox: Outbox,
    drafts: Drafts,
    conversations: Conversations,
    receipts: Receipts,
    chats: BTreeMap<ConversationId, Held>,
    /// Conversations about which the server is to be asked.
    questions: BTreeMap<ConversationId, Task>,
    /// Conversations that are not there for the viewer.
    missing: BTreeSet<ConversationId>,
    /// Conversations of which the viewer is no longer a member, and the first record at which they may be back; none
    /// where that is not known.
    left: BTreeMap<ConversationId, Option<Offset>>,
    paging: Paging,
    looking: Looking,
    /// Messages of conversations that are not known yet: the server was asked about these.
    unplaced: Vec<Arc<Message>>,
    /// Read positions in such conversations: what the server answers may be older.
    unplaced_reads: Vec<(ConversationId, UserId, Offset)>,
    /// Whether to ask if the session still stands.
    probe: Option<Task>,
    sign_out: SignOut,
    /// When something happened last.
    clock: Option<Now>,
    /// How features read the changes that a device keeps.
    kinds: &'static [ChangeKind],
    parts: Vec<Box<dyn Part>>,
    /// What something else may be true of, as parts say.
    changed_signs: Vec<Subject>,
    requests: Requests,
    looks: u64,
    effects: Vec<Effect>,
}

/// The messages of a conversation that are held, and what is fetched for them.
#[derive(Clone, Debug, Default)]
struct Held {
    timeline: Timeline,
    forward: Task<Forward>,
    backward: Task,
    /// Changes that were missed.
    changes: Task,
    /// The socket whose `hello` named the record that was applied then.
    greeted: Option<(SocketId, Offset)>,
    /// Higher ones were looked at later.
    looked: u64,
}

/// What the person looks at.
#[derive(Clone, Debug, Default)]
struct Looking {
    open: Option<ConversationId>,
    visible: bool,
    at_end: bool,
    read_on_open: Option<Offset>,
    /// The message that is to be brought into view.
    aim: Option<Offset>,
    /// What the draft was, and what another tab made of it.
    drafted_elsewhere: Option<(Arc<str>, Arc<str>)>,
    /// What is seen there may have changed.
    changed: bool,
}

impl Client {
    /// The state that a page begins with, on the server and in the browser alike; none where nobody is signed in.
    /// Nothing happens before [`Input::Started`].
    pub fn new(page: &PageModel, seed: u128, features: Features) -> Option<Self> {
        Self::with_limits(page, seed, features, Limits::default())
    }

    /// The same with limits of one's own.
    pub fn with_limits(page: &PageModel, seed: u128, features: Features, limits: Limits) -> Option<Self> {
        let viewer = Arc::new(page.viewer.clone()?);
        let mut client = Self {
            viewer,
            limits,
            random: Random::new(seed),
            started: false,
            link: LinkState::new(),
            outbox: Outbox::default(),
            drafts: Drafts::default(),
            conversations: Conversations::default(),
            receipts: Receipts::default(),
            chats: BTreeMap::new(),
            questions: BTreeMap::new(),
            missing: BTreeSet::new(),
            left: BTreeMap::new(),
            paging: Paging::new(page.conversations_next.clone()),
            looking: Looking::default(),
            unplaced: Vec::new(),
            unplaced_reads: Vec::new(),
            probe: None,
            sign_out: SignOut::default(),
            clock: None,
            kinds: features.changes,
            parts: (features.parts)(),
            changed_signs: Vec::new(),
            requests: Requests::default(),
            looks: 0,
            effects: Vec::new(),
        };
        for conversation in &page.conversations {
            client.learn(conversation, Ticks(0));
        }
        if let Some(open) = &page.open {
            client.show(open);
        } else if let Some(id) = page.route.conversation() {
            // The server has looked for it already.
            client.missing.insert(id);
            client.looking.open = Some(id);
            client.looking.at_end = true;
        }
        Some(client)
    }

    fn show(&mut self, open: &OpenModel) {
        let id = open.conversation.id;
        self.learn(&open.conversation, Ticks(0));
        let chat = self.chats.entry(id).or_default();
        let mut page: Vec<_> = open.messages.iter().cloned().map(Arc::new).collect();
        if open.earlier.is_none()
            && let Some(first) = page.first_mut()
        {
            // The server says that it begins here.
            Arc::make_mut(first).previous = None;
        }
        chat.timeline.chain_mut().set_sees_from(open.conversation.sees_from);
        // The conversation was read before its messages.
        chat.timeline.place_latest(page, open.conversation.record);
        self.looking.open = Some(id);
        self.looking.at_end = true;
        self.looking.read_on_open =
            self.conversations.get(id).and_then(|summary| summary.read_of(self.viewer.id));
        for message in &open.messages {
            self.observe(&Arc::new(message.clone()));
        }
    }

    /// The signed-in person.
    pub fn viewer(&self) -> &User {
        &self.viewer
    }

    /// How the changes that a device keeps are read.
    pub fn kinds(&self) -> &'static [ChangeKind] {
        self.kinds
    }

    /// What is to be done now, in this order.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// Whether anything that is drawn may have changed since it was last taken.
    pub fn has_changed(&self) -> bool {
        self.link.changed
            || self.conversations.changed
            || self.looking.changed
            || !self.changed_signs.is_empty()
    }

    /// How the connection stands, where that may have changed since it was last taken.
    pub fn take_link(&mut self) -> Option<LinkView> {
        std::mem::take(&mut self.link.changed).then(|| self.link())
    }

    /// The list of conversations, likewise.
    pub fn take_list(&mut self) -> Option<ListView> {
        std::mem::take(&mut self.conversations.changed).then(|| self.list())
    }

    /// The conversation that is looked at, none where that is none, likewise.
    pub fn take_chat(&mut self) -> Option<Option<ChatView>> {
        let changed = std::mem::take(&mut self.looking.changed);
        changed.then(|| self.looking.open.map(|open| self.chat(open)))
    }
}
