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
//! | `chain` | how far the records of a conversation have been applied to them |
//! | `conversations`, `summary` | the list, and what it knows of a conversation |
//! | `receipts` | read positions on their way to the server |
//! | [`part`] | what features bring: parts with a state of their own, such as who types and who is online |
//! | `link` | when to connect, and how to notice a dead socket |
//! | `drafts` | texts that were begun |
//! | `requests`, `fetching` | requests under way, and to be made again |
//! | `frames`, `answers`, `actions`, `membership`, `due`, `views` | the parts of [`Client`]: frames of the server, answers to requests, what people do, who is in a group, what is due, views |

mod actions;
mod answers;
mod chain;
pub mod command;
mod conversations;
mod drafts;
mod due;
pub mod event;
mod fetching;
mod frames;
pub mod limits;
mod link;
mod membership;
pub mod outbox;
pub mod part;
pub mod random;
mod receipts;
mod requests;
mod stored;
mod summary;
mod timeline;
pub mod view;
mod views;

pub use command::{ChangeKind, Command, MessageChange};
pub use event::{Action, Answer, Effect, Fetch, FetchError, Input, Now, Page, RequestId, SocketId, Ticks};
pub use outbox::OutboxFull;
pub use part::{Event, Features, Part, Subject, Surroundings};
pub use stored::StoredEntry;
pub use view::{
    Change, ChatStatus, ChatView, Delivery, Edge, Group, Item, ItemKey, Link, LinkView, ListView, People, Row,
};

use crate::page::{OpenModel, PageModel};
use conversations::Conversations;
use drafts::Drafts;
use fetching::Task;
use kafkatalk_protocol::{Conversation, ConversationId, Message, Offset, User, UserId};
use limits::Limits;
use link::{Disconnect, LinkState};
use outbox::Outbox;
use random::Random;
use receipts::Receipts;
use requests::Requests;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use summary::Summary;
use timeline::Timeline;

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
    asks: BTreeMap<ConversationId, Task>,
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
    /// How features read the changes that a device keeps.
    kinds: &'static [ChangeKind],
    parts: Vec<Box<dyn Part>>,
    /// What something else may be true of, as parts say.
    changed_signs: Vec<Subject>,
    requests: Requests<Purpose>,
    looks: u64,
    effects: Vec<Effect>,
}

/// The messages of a conversation that are held, and what is fetched for them.
#[derive(Clone, Debug, Default)]
struct Held {
    timeline: Timeline,
    forward: Task,
    backward: Task,
    /// Changes that were missed.
    changes: Task,
    /// The socket whose `hello` named the record that was applied then.
    greeted: Option<(SocketId, Offset)>,
    /// Higher ones were looked at later.
    looked: u64,
}

/// How far the list is loaded.
#[derive(Clone, Debug, Default)]
struct Paging {
    cursor: Option<String>,
    more: Task,
    refresh: Option<Refresh>,
}

/// The list is fetched again after an absence, as far as it was loaded.
#[derive(Clone, Debug, Default)]
struct Refresh {
    task: Task,
    cursor: Option<String>,
    pages: usize,
    /// What was loaded and is not yet fetched again.
    uncovered: BTreeSet<ConversationId>,
}

/// What the person looks at.
#[derive(Clone, Copy, Debug, Default)]
struct Looking {
    open: Option<ConversationId>,
    visible: bool,
    at_end: bool,
    read_on_open: Option<Offset>,
    /// What is seen there may have changed.
    changed: bool,
}

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Session,
    Refresh,
    More,
    Conversation(ConversationId),
    Latest(ConversationId),
    After(ConversationId),
    Before(ConversationId),
    Changes(ConversationId),
    /// With what was sought when it was asked.
    Around(ConversationId, Offset),
}

impl Purpose {
    /// The conversation that it is about, where it is about one.
    fn conversation(self) -> Option<ConversationId> {
        match self {
            Self::Session | Self::Refresh | Self::More => None,
            Self::Conversation(id)
            | Self::Latest(id)
            | Self::After(id)
            | Self::Before(id)
            | Self::Changes(id)
            | Self::Around(id, _) => Some(id),
        }
    }
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
            asks: BTreeMap::new(),
            missing: BTreeSet::new(),
            left: BTreeMap::new(),
            paging: Paging { cursor: page.conversations_next.clone(), ..Paging::default() },
            looking: Looking::default(),
            unplaced: Vec::new(),
            unplaced_reads: Vec::new(),
            probe: None,
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

    /// Takes what the server told of a conversation. False where that is of before the viewer left it.
    fn learn(&mut self, told: &Conversation, now: Ticks) -> bool {
        if self.tells_of_before_departure(told) {
            return false;
        }
        let viewer = self.viewer.id;
        if let Some(last) = &told.last_message
            && last.sender.id == viewer
        {
            self.landed(last.id, last.offset, now);
        }
        self.missing.remove(&told.id);
        self.left.remove(&told.id);
        self.drop_what_was_seen_before(told);
        self.conversations.merge(told, viewer);
        if let Some(read) = told.read.get(&viewer) {
            self.receipts.confirm(told.id, *read);
        }
        if let Some(chat) = self.chats.get_mut(&told.id) {
            let sees_from = self.conversations.get(told.id).and_then(Summary::sees_from);
            chat.timeline.chain_mut().set_sees_from(sees_from);
            if let Some(last) = &told.last_message {
                chat.timeline.offer(Arc::new(last.clone()), self.limits.ahead_max);
            }
            if let Some(record) = told.record {
                chat.timeline.chain_mut().heard_of(record);
            }
        }
        self.conversations.changed = true;
        self.looking.changed |= self.looking.open == Some(told.id);
        self.unplaced_reads.retain(|(conversation, user, offset)| {
            let other = *conversation != told.id;
            if !other && let Some(summary) = self.conversations.get_mut(*conversation) {
                summary.raise_read(*user, *offset, viewer);
            }
            other
        });
        while let Some(index) = self.unplaced.iter().position(|message| message.conversation == told.id) {
            let message = self.unplaced.remove(index);
            self.observe(&message);
            if message.revision() == message.offset {
                self.announce_newest(message);
            }
        }
        if self.conversations.len() > limits::CONVERSATIONS_HELD_MAX {
            self.drop_quietest();
        }
        true
    }

    /// Tells of a message of somebody else, where it is the newest of its conversation.
    fn announce_newest(&mut self, message: Arc<Message>) {
        let last = self.conversations.get(message.conversation).and_then(Summary::last);
        if message.sender.id != self.viewer.id && last.is_some_and(|last| last.offset == message.offset) {
            self.effects.push(Effect::Announce(message));
        }
    }

    /// Lets go of the conversation that was quiet for longest. It comes back with its next message.
    fn drop_quietest(&mut self) {
        let open = self.looking.open;
        let quiet = self.conversations.iter().filter(|(id, _)| Some(*id) != open);
        if let Some(id) = quiet.min_by_key(|(_, summary)| summary.active_at()).map(|(id, _)| id) {
            self.conversations.remove(id);
            self.chats.remove(&id);
        }
    }

    /// A message was seen, in whatever way. True where it is the newest of its conversation.
    fn observe(&mut self, message: &Arc<Message>) -> bool {
        let Some(summary) = self.conversations.get_mut(message.conversation) else { return false };
        let state = |summary: &Summary| summary.last().map(|last| (last.offset, last.revision()));
        let before = state(summary);
        let newest = summary.observe(message, self.viewer.id);
        let changed = state(summary) != before;
        self.conversations.changed |= changed;
        newest
    }

    /// The signed-in person.
    pub fn viewer(&self) -> &User {
        &self.viewer
    }

    /// How the changes that a device keeps are read.
    pub fn kinds(&self) -> &'static [ChangeKind] {
        self.kinds
    }

    /// Something happened.
    pub fn handle(&mut self, input: Input, now: Now) {
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
                    self.frame(socket, *frame, now);
                }
            }
            Input::Closed(socket, code) => {
                let disconnect = self.link.closed(socket, code, now.ticks, &mut self.random);
                self.lose(disconnect, now.ticks);
            }
            Input::Answered(request, answer) => self.answered(request, answer, now.ticks),
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
                    // A page that was left by signing out, and came back.
                    self.link.changed |= self.link.ended();
                    self.link.retry_now(now.ticks, &mut self.effects);
                } else {
                    self.drafts.store(now.ticks, true, &mut self.effects);
                }
            }
            Input::Timer => {}
            Input::EntryStored(entry) => {
                self.outbox.adopt(entry, now.ticks.plus(limits::ADOPT_DELAY_MS));
                self.resolve_from_memory(now.ticks);
                self.drop_refused_of_left();
            }
            Input::EntryRemoved(id) => {
                self.outbox.removed_elsewhere(id);
                self.outbox_changed();
            }
            Input::Action(action) => self.act(action, now),
        }
        self.do_what_is_due(now.ticks);
        // Of its end the session tells by itself.
        self.link.changed |= self.link.view() != before && !self.link.ended();
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

    /// Messages that were taken from the device's store may be in the log already, and in memory.
    fn resolve_from_memory(&mut self, now: Ticks) {
        let in_windows = self.chats.values().flat_map(|chat| chat.timeline.held());
        let newest = self.conversations.iter().filter_map(|(_, summary)| summary.last());
        let viewer = self.viewer.id;
        let own =
            in_windows.chain(newest).chain(&self.unplaced).filter(|message| message.sender.id == viewer);
        let own: Vec<_> = own.map(|message| (message.id, message.offset)).collect();
        for (id, offset) in own {
            self.landed(id, offset, now);
        }
    }

    /// The socket is gone, or the session.
    fn lose(&mut self, disconnect: Disconnect, now: Ticks) {
        match disconnect {
            Disconnect::None => return,
            Disconnect::Requeue | Disconnect::RequeueAndProbe => {
                self.outbox.requeue_in_flight();
                // What is not looked at and has holes is not worth filling.
                let open = self.looking.open;
                self.chats.retain(|id, chat| Some(*id) == open || chat.timeline.whole());
            }
            Disconnect::SessionEnded => {
                self.drafts.store(Ticks(0), true, &mut self.effects);
                self.effects.push(Effect::SessionEnded);
            }
        }
        self.tell_parts(Event::Disconnected, now);
        if disconnect == Disconnect::RequeueAndProbe && self.probe.is_none() {
            self.probe = Some(Task::default());
        }
        self.outbox_changed();
    }

    fn end_session(&mut self, now: Ticks) {
        if !self.link.ended() {
            self.link.end(&mut self.effects);
            self.lose(Disconnect::SessionEnded, now);
        }
    }

    /// The person signs out: nothing of theirs stays on the device. The form that ends the session leads on, so that
    /// there is no [`Effect::SessionEnded`].
    fn sign_out(&mut self) {
        self.link.end(&mut self.effects);
        self.outbox = Outbox::default();
        self.drafts = Drafts::default();
        self.effects.push(Effect::Forget);
    }

    fn outbox_changed(&mut self) {
        self.link.changed = true;
        self.conversations.changed = true;
        self.looking.changed = true;
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
