//! The loop: what happens goes in, what is to be done comes out.

use super::{
    events,
    handle::{Handle, Tell},
    http,
    socket::Socket,
    store::Store,
};
use crate::client::{
    Action, Changes, ChatView, Client, Command, Effect, Input, LinkView, ListView, Now, OutboxFull,
    RequestId, SocketId, Subject, Ticks,
};
use crate::route::{Route, safe_next};
use gloo_events::EventListener;
use gloo_timers::callback::Timeout;
use kafkatalk_protocol::{ConversationId, Message, MessageId, Timestamp};
use leptos::prelude::*;
use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::{Rc, Weak},
    sync::Arc,
};

/// Milliseconds between two times that views are published, about one frame of the screen: a flood of messages costs
/// no more drawing than the eye can see.
const PUBLISH_INTERVAL_MS: u64 = 16;
/// Longest wait that is given to a timer of the browser, which counts in 31 bits.
const TIMER_MAX_MS: u64 = 60_000;

/// Where views are published.
#[derive(Clone, Copy)]
pub(crate) struct Signals {
    pub(crate) link: RwSignal<LinkView>,
    pub(crate) list: RwSignal<ListView>,
    pub(crate) chat: RwSignal<Option<ChatView>>,
    pub(crate) announced: RwSignal<Option<Arc<Message>>>,
    pub(crate) unsaved: RwSignal<bool>,
}

/// The client's state in the browser.
#[derive(Clone)]
pub(crate) struct Engine(Rc<Inner>);

struct Inner {
    this: Weak<Inner>,
    client: RefCell<Client>,
    signals: Signals,
    /// What draws again what is true for moments, sorted by what that is true of. What was shown once keeps its own.
    signs: RefCell<Vec<(Subject, ArcTrigger)>>,
    store: Store,
    socket: RefCell<Option<Socket>>,
    events: RefCell<Vec<EventListener>>,
    inbox: RefCell<VecDeque<Input>>,
    busy: Cell<bool>,
    started: Cell<bool>,
    pending: Cell<Changes>,
    published: Cell<Ticks>,
    /// When the next look is due, and what comes back then.
    timer: RefCell<Option<(Ticks, Timeout)>>,
    /// Messages that the device did not take.
    unsaved: RefCell<Vec<MessageId>>,
}

/// Both clocks.
fn now() -> Now {
    let performance = web_sys::window().and_then(|window| window.performance());
    let ticks = performance.map_or_else(js_sys::Date::now, |performance| performance.now());
    Now { ticks: Ticks(whole(ticks)), wall: Timestamp::from_millis(whole(js_sys::Date::now()).cast_signed()) }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "milliseconds, far below 2^53; the cast saturates"
)]
fn whole(ms: f64) -> u64 {
    ms as u64
}

impl Engine {
    pub(crate) fn new(client: Client, signals: Signals) -> Self {
        let store = Store::of(client.viewer().id);
        Self(Rc::new_cyclic(|this: &Weak<Inner>| Inner {
            this: this.clone(),
            client: RefCell::new(client),
            signals,
            signs: RefCell::default(),
            store,
            socket: RefCell::new(None),
            events: RefCell::new(Vec::new()),
            inbox: RefCell::new(VecDeque::new()),
            busy: Cell::new(false),
            started: Cell::new(false),
            pending: Cell::new(Changes::default()),
            published: Cell::new(Ticks(0)),
            timer: RefCell::new(None),
            unsaved: RefCell::new(Vec::new()),
        }))
    }

    pub(crate) fn start(&self) {
        let inner = &self.0;
        if inner.started.replace(true) {
            return;
        }
        let handle = inner.handle();
        *inner.events.borrow_mut() = events::listen(&handle, &inner.store);
        let (outbox, drafts) = inner.store.load();
        let (online, visible) = events::standing();
        inner.tell(Input::Started { outbox, drafts, online, visible });
    }

    pub(crate) fn act(&self, action: Action) {
        self.0.hasten();
        self.0.tell(Input::Action(action));
    }

    pub(crate) fn submit(
        &self,
        conversation: ConversationId,
        command: Command,
    ) -> Result<MessageId, OutboxFull> {
        self.0.hasten();
        let sent = self.0.client.borrow_mut().submit(conversation, command, now());
        self.0.turn();
        sent
    }

    /// Reads what is true for moments of that, for a view that is to be drawn again when something else is.
    pub(crate) fn read_sign<T>(&self, subject: Subject, read: impl FnOnce(&Client) -> T) -> T {
        self.0.sign(subject).track();
        read(&self.0.client.borrow())
    }

    pub(crate) fn draft(&self, conversation: ConversationId) -> Arc<str> {
        self.0.client.borrow().draft(conversation)
    }
}

impl Tell for Inner {
    fn tell(&self, input: Input) {
        self.inbox.borrow_mut().push_back(input);
        self.turn();
    }
}

impl Inner {
    fn handle(&self) -> Handle {
        Handle::of(self.this.clone())
    }

    /// The timer's moment has come.
    fn wake(&self) {
        self.timer.take();
        self.tell(Input::Timer);
    }

    /// What a person does is shown at once.
    fn hasten(&self) {
        self.published.set(Ticks(0));
    }

    /// Works off what came in. A callback that comes while this runs only adds to it.
    fn turn(&self) {
        if crate::is_stopped() || self.busy.replace(true) {
            return;
        }
        loop {
            let effects = self.client.borrow_mut().take_effects();
            for effect in effects {
                self.perform(effect);
            }
            let Some(input) = self.inbox.borrow_mut().pop_front() else { break };
            self.client.borrow_mut().handle(input, now());
        }
        self.busy.set(false);
        let now = now().ticks;
        self.publish(now);
        self.set_timer(now);
    }

    fn perform(&self, effect: Effect) {
        match effect {
            Effect::Connect(id) => {
                let socket = Socket::open(id, &self.handle());
                *self.socket.borrow_mut() = socket;
            }
            Effect::Close(id) => {
                self.socket.borrow_mut().take_if(|socket| socket.id() == id);
            }
            Effect::Transmit(id, frame) => self.with_socket(id, |socket| socket.send(&frame)),
            Effect::Fetch(id, fetch) => self.fetch(id, fetch),
            Effect::StoreEntry(entry) => self.note(entry.id, self.store.put_entry(&entry)),
            Effect::RemoveEntry(id) => {
                self.store.remove_entry(id);
                self.note(id, true);
            }
            Effect::StoreDraft(conversation, text) => self.store.put_draft(conversation, text.as_deref()),
            Effect::SessionEnded => {
                if let Some(location) = web_sys::window().map(|window| window.location()) {
                    let next = location.pathname().ok().and_then(|path| safe_next(&path));
                    let _ = location.set_href(&Route::SignIn { next }.to_string());
                }
            }
            Effect::Forget => self.store.forget(),
            Effect::Announce(message) => self.signals.announced.set(Some(message)),
        }
    }

    /// Whether a message is safe: on the device, or gone from it.
    fn note(&self, id: MessageId, safe: bool) {
        let mut unsaved = self.unsaved.borrow_mut();
        unsaved.retain(|known| *known != id);
        if !safe {
            unsaved.push(id);
        }
        let any = !unsaved.is_empty();
        drop(unsaved);
        if self.signals.unsaved.get_untracked() != any {
            self.signals.unsaved.set(any);
        }
    }

    fn with_socket(&self, id: SocketId, act: impl FnOnce(&Socket)) {
        if let Some(socket) = self.socket.borrow().as_ref().filter(|socket| socket.id() == id) {
            act(socket);
        }
    }

    fn fetch(&self, id: RequestId, fetch: crate::client::Fetch) {
        let handle = self.handle();
        leptos::task::spawn_local(async move {
            let answer = http::answer(&fetch).await;
            handle.tell(Input::Answered(id, answer));
        });
    }

    fn publish(&self, now: Ticks) {
        let new = self.client.borrow_mut().take_changes();
        let old = self.pending.get();
        let changes = Changes {
            link: old.link || new.link,
            list: old.list || new.list,
            chat: old.chat || new.chat,
            signs: old.signs || new.signs,
        };
        let rests = self.published.get().plus(PUBLISH_INTERVAL_MS) > now;
        if !changes.any() || rests {
            self.pending.set(changes);
            return;
        }
        self.pending.set(Changes::default());
        self.published.set(now);
        let mut client = self.client.borrow_mut();
        let signs = client.take_changed_signs();
        let link = changes.link.then(|| client.link());
        let list = changes.list.then(|| client.list());
        let chat = changes.chat.then(|| client.opened().map(|open| client.chat(open)));
        // Setting a signal may run code that comes back here.
        drop(client);
        set(self.signals.link, link);
        set(self.signals.list, list);
        set(self.signals.chat, chat);
        for subject in signs {
            self.sign(subject).notify();
        }
    }

    fn sign(&self, subject: Subject) -> ArcTrigger {
        let mut signs = self.signs.borrow_mut();
        let index = signs.binary_search_by(|(known, _)| known.cmp(&subject));
        let index = index.unwrap_or_else(|index| {
            signs.insert(index, (subject, ArcTrigger::new()));
            index
        });
        signs[index].1.clone()
    }

    fn set_timer(&self, now: Ticks) {
        let due = self.client.borrow().wake_at(now);
        let publish = self.pending.get().any().then(|| self.published.get().plus(PUBLISH_INTERVAL_MS));
        let Some(due) = [due, publish].into_iter().flatten().min() else { return };
        if self.timer.borrow().as_ref().is_some_and(|(set, _)| *set <= due) {
            return;
        }
        // One more, since browsers round down.
        let wait = u32::try_from((due.since(now) + 1).min(TIMER_MAX_MS)).unwrap_or(u32::MAX);
        let this = self.this.clone();
        let timer = Timeout::new(wait, move || {
            if let Some(inner) = this.upgrade() {
                inner.wake();
            }
        });
        // The one before is cancelled by being dropped.
        *self.timer.borrow_mut() = Some((due, timer));
    }
}

/// Sets a signal where there is a new value that differs.
fn set<T: PartialEq + Send + Sync + 'static>(signal: RwSignal<T>, value: Option<T>) {
    if let Some(value) = value
        && signal.with_untracked(|old| *old != value)
    {
        signal.set(value);
    }
}
