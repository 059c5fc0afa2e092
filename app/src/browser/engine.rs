//! The loop: what happens goes in, what is to be done comes out.

use super::{
    clocks::now,
    events,
    handle::{Handle, Tell},
    http, leaving,
    socket::Socket,
    store::Store,
};
use crate::client::{
    Action, Answer, Client, Command, Effect, Input, Link, NotTaken, Part, Request, RequestError, RequestId,
    SocketId, Subject, Ticks,
};
use crate::live::Signals;
use gloo_events::EventListener;
use gloo_timers::callback::Timeout;
use kafkatalk_protocol::{ConversationId, ErrorCode, MessageId};
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

/// How it is held.
pub(crate) type Storage = LocalStorage;

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
    published: Cell<Ticks>,
    /// When the next look is due, and what comes back then.
    timer: RefCell<Option<(Ticks, Timeout)>>,
    /// Messages that the device did not take.
    unsaved: RefCell<Vec<MessageId>>,
    /// Asks before such a message is lost.
    guard: RefCell<Option<EventListener>>,
}

impl Engine {
    pub(crate) fn hold(client: Client, signals: Signals) -> StoredValue<Self, Storage> {
        let store = Store::of(client.viewer().id, client.kinds());
        StoredValue::new_local(Self(Rc::new_cyclic(|this: &Weak<Inner>| Inner {
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
            published: Cell::new(Ticks(0)),
            timer: RefCell::new(None),
            unsaved: RefCell::new(Vec::new()),
            guard: RefCell::new(None),
        })))
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
    ) -> Result<MessageId, NotTaken> {
        if crate::is_stopped() {
            return Err(NotTaken::Stopped);
        }
        self.0.hasten();
        let sent = self.0.client.borrow_mut().submit(conversation, command, now());
        self.0.turn();
        sent
    }

    /// Reads what a part knows of that, for a view that is to be drawn again when something else is true of it.
    pub(crate) fn read_part<P: Part, T>(&self, subject: Subject, read: impl FnOnce(&P) -> T) -> Option<T> {
        self.0.sign(subject).track();
        self.0.client.borrow().part().map(read)
    }

    pub(crate) fn change_part<P: Part>(&self, change: impl FnOnce(&mut P)) {
        self.0.client.borrow_mut().part_mut().map(change);
    }

    /// Makes a request for a view. Where the session turns out to have ended, it ends here as well.
    pub(crate) fn ask(&self, request: Request) -> impl Future<Output = Answer> + use<> {
        let handle = self.0.handle();
        let ended = self.0.client.borrow().link().link == Link::Ended;
        async move {
            if ended {
                return Err(RequestError::Network);
            }
            let answer = http::send(&request).await;
            if answer.as_ref().is_err_and(|error| error.code() == Some(ErrorCode::Unauthenticated)) {
                handle.tell(Input::Unauthenticated);
            }
            answer
        }
    }

    pub(crate) fn draft(&self, conversation: ConversationId) -> Arc<str> {
        self.0.client.borrow().draft(conversation)
    }
}

impl Tell for Inner {
    fn tell(&self, input: Input) {
        if crate::is_stopped() {
            return;
        }
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
            Effect::Fetch(id, request) => self.fetch(id, request),
            Effect::StoreEntry(entry) => self.note(entry.id, self.store.put_entry(&entry)),
            Effect::RemoveEntry(id) => {
                self.store.remove_entry(id);
                self.note(id, true);
            }
            Effect::StoreDraft(conversation, text) => self.store.put_draft(conversation, text.as_deref()),
            Effect::SessionEnded => {
                // A browser may keep the page to come back to: what it shows goes before it is left.
                self.hasten();
                self.signals.announced.set(None);
                leaving::go_to_sign_in_and_back();
            }
            Effect::Forget => {
                self.store.forget();
                self.unsaved.borrow_mut().clear();
                self.guard_unsaved();
            }
            Effect::SignedOut => {
                self.hasten();
                self.signals.announced.set(None);
                leaving::go_to_sign_in(None);
            }
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
        drop(unsaved);
        self.guard_unsaved();
    }

    /// While a message would be lost with the page, the page says so, and the browser asks before it leaves.
    fn guard_unsaved(&self) {
        let any = !self.unsaved.borrow().is_empty();
        if self.signals.unsaved.get_untracked() != any {
            *self.guard.borrow_mut() = any.then(leaving::ask_before_leaving);
            self.signals.unsaved.set(any);
        }
    }

    fn with_socket(&self, id: SocketId, act: impl FnOnce(&Socket)) {
        if let Some(socket) = self.socket.borrow().as_ref().filter(|socket| socket.id() == id) {
            act(socket);
        }
    }

    fn fetch(&self, id: RequestId, request: Request) {
        let handle = self.handle();
        leptos::task::spawn_local(async move {
            let answer = http::send(&request).await;
            handle.tell(Input::Answered(id, answer));
        });
    }

    fn publish(&self, now: Ticks) {
        let rests = self.published.get().plus(PUBLISH_INTERVAL_MS) > now;
        let mut client = self.client.borrow_mut();
        if rests || !client.has_changed() {
            return;
        }
        self.published.set(now);
        let (link, list, chat) = (client.take_link(), client.take_list(), client.take_chat());
        let signs = client.take_changed_signs();
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
        let client = self.client.borrow();
        let due = client.wake_at(now);
        let publish = client.has_changed().then(|| self.published.get().plus(PUBLISH_INTERVAL_MS));
        drop(client);
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
