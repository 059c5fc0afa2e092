//! The simulated world: a clock, a network that loses, delays, repeats and cuts, pages and what people do on them.

use crate::{
    api::Fetch,
    check,
    page::Tab,
    server::{CALM, Fault, Out, Server, Trouble, Wire, wall},
};
use kafkatalk_app::client::{
    Action, Answer, Effect, Input, Now, Request, RequestError, RequestId, SocketId, StoredEntry, Ticks,
    random::Random,
};
use kafkatalk_protocol::{
    ClientFrame, Conversation, ConversationId, MessageId, ServerFrame, User, UserId, Username,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{DefaultHasher, Hash, Hasher},
};

/// Something that is on its way.
#[derive(Debug)]
pub(crate) enum Event {
    /// A page asked for a socket.
    Dial(Wire),
    Opened(Wire),
    ToServer(Wire, ClientFrame),
    ToPage(Wire, Box<ServerFrame>),
    /// A page learns that its socket is gone.
    PageLost(Wire, u16),
    /// The server learns that a socket is gone.
    ServerLost(Wire),
    Request(usize, u32, RequestId, Request),
    Answer(usize, u32, RequestId, Answer),
    Timer(usize, u32, Ticks),
    Stored(usize, u32, Box<StoredEntry>),
    Removed(usize, u32, MessageId),
    /// A person does something.
    Person(usize),
    Network(usize, bool),
    /// Something breaks.
    Mishap,
    ServerUp,
    NewConversation,
    /// Somebody does something to a group.
    Group,
    /// A page hears what came of it.
    Told(usize, u32, Box<Conversation>),
    /// A person whose session ended signs in again.
    SignIn(usize, u32),
}

/// What goes wrong in the pages, to show that the checks notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PageFault {
    None,
    /// The outbox is not kept on the device.
    KeepsNothing,
    /// A message that is sent again gets a new id.
    NewIdEachTime,
    /// Frames of the socket are lost now and then, and nobody notices.
    DropsSends,
}

pub(crate) struct World {
    pub(crate) now: u64,
    pub(crate) server: Server,
    pub(crate) tabs: Vec<Tab>,
    /// What devices keep, shared by the tabs of one.
    pub(crate) stores: Vec<BTreeMap<MessageId, StoredEntry>>,
    pub(crate) random: Random,
    pub(crate) page_fault: PageFault,
    pub(crate) failures: Vec<String>,
    events: BTreeMap<(u64, u64), Event>,
    sequence: u64,
    /// When the last thing sent on a wire arrives, each way: a socket keeps its order.
    arrivals: BTreeMap<(Wire, bool), u64>,
    /// Wires that were cut, and until when what was under way still arrives.
    pub(crate) cut: BTreeMap<(Wire, bool), u64>,
    pub(crate) up: bool,
    pub(crate) latency_ms: u64,
    http_loss: u64,
    pub(crate) calm: bool,
    pub(crate) typed: u64,
    /// Messages that people deleted. Another tab may have sent them all the same.
    pub(crate) deleted: BTreeSet<MessageId>,
    /// Digests all that happens, where anybody asks.
    pub(crate) trace: Option<DefaultHasher>,
}

pub(crate) fn user(number: u128) -> User {
    let username = Username::parse(&format!("user{number}")).unwrap();
    User { id: UserId(uuid::Uuid::from_u128(number)), username }
}

/// Pages, as who looks at them and on which device: two on one device are two tabs.
const PAGES: [(u128, usize); 6] = [(1, 0), (1, 0), (1, 1), (2, 2), (2, 3), (3, 4)];
const DEVICES: usize = 5;
/// How long there is trouble.
const TROUBLE_MS: u64 = 90_000;
/// How long all are given to agree afterwards.
const SETTLE_MS: u64 = 240_000;

impl World {
    pub(crate) fn new(seed: u64, fault: Fault, page_fault: PageFault) -> Self {
        let mut random = Random::new(u128::from(seed));
        let odds = |random: &mut Random, max: u64| if random.below(2) == 0 { 0 } else { random.below(max) };
        let trouble = Trouble {
            unavailable: odds(&mut random, 300),
            limited: odds(&mut random, 200),
            hub_loss: odds(&mut random, 150),
            hub_repeat: odds(&mut random, 150),
            hub_late: odds(&mut random, 150),
            knows_changes: random.below(4) > 0,
            lag_ms: odds(&mut random, 2_000),
            echo: random.below(4) > 0,
            no_ack: odds(&mut random, 100),
        };
        let server = Server::new(trouble, fault, Random::new(u128::from(random.any())));
        let mut world = Self {
            now: 0,
            server,
            tabs: Vec::new(),
            stores: vec![BTreeMap::new(); DEVICES],
            page_fault,
            failures: Vec::new(),
            events: BTreeMap::new(),
            sequence: 0,
            arrivals: BTreeMap::new(),
            cut: BTreeMap::new(),
            up: true,
            latency_ms: 1 + random.below(400),
            http_loss: odds(&mut random, 300),
            calm: false,
            typed: 0,
            deleted: BTreeSet::new(),
            trace: None,
            random,
        };
        world.populate();
        world
    }

    fn populate(&mut self) {
        let mut out = Vec::new();
        self.server.create(vec![user(1), user(2)], 0, &mut out);
        self.server.create(vec![user(1), user(3)], 0, &mut out);
        self.server.create(vec![user(1), user(2), user(3)], 0, &mut out);
        self.server.create(vec![user(2), user(1), user(4)], 0, &mut out);
        for (index, (person, device)) in PAGES.into_iter().enumerate() {
            self.tabs.push(Tab::new(user(person), device, index));
            self.load_page(index, None);
            let at = self.now + self.random.below(3_000);
            self.at(at, Event::Person(index));
        }
        let at = self.random.below(TROUBLE_MS);
        self.at(at, Event::NewConversation);
        self.at(1_000, Event::Mishap);
        let at = self.random.below(20_000);
        self.at(at, Event::Group);
    }

    pub(crate) fn at(&mut self, time: u64, event: Event) {
        self.sequence += 1;
        self.events.insert((time, self.sequence), event);
    }

    pub(crate) fn later(&mut self, event: Event) {
        let time = self.now + 1 + self.random.below(self.latency_ms);
        self.at(time, event);
    }

    /// Sends on a wire; a socket keeps its order.
    pub(crate) fn on_wire(&mut self, wire: Wire, to_server: bool, event: Event) {
        let time = self.now + 1 + self.random.below(self.latency_ms);
        let last = self.arrivals.entry((wire, to_server)).or_insert(0);
        *last = time.max(*last);
        let time = *last;
        self.at(time, event);
    }

    /// Runs until people have stopped and all could agree; returns a digest of everything that happened.
    pub(crate) fn run(&mut self) -> u64 {
        self.run_until(TROUBLE_MS);
        self.end_trouble();
        self.run_until(TROUBLE_MS + SETTLE_MS);
        check::agreement(self);
        self.trace.as_ref().map_or(0, DefaultHasher::finish)
    }

    pub(crate) fn run_until(&mut self, end: u64) {
        while let Some((&(time, sequence), _)) = self.events.first_key_value() {
            if time > end || !self.failures.is_empty() {
                break;
            }
            self.now = time;
            if let Some(event) = self.events.remove(&(time, sequence)) {
                if let Some(trace) = &mut self.trace {
                    (time, format!("{event:?}")).hash(trace);
                }
                self.happen(event);
            }
        }
        self.now = end;
    }

    fn end_trouble(&mut self) {
        self.calm = true;
        let Trouble { echo, knows_changes, .. } = self.server.trouble;
        self.server.trouble = Trouble { knows_changes, echo, ..CALM };
        self.http_loss = 0;
        if !self.up {
            self.up = true;
        }
        for index in 0..self.tabs.len() {
            self.set_network(index, true);
        }
        // What a hub lost without anything after it shows only when a page connects again.
        let wires: Vec<_> = self.server.sockets.keys().copied().collect();
        for wire in wires {
            self.server.sockets.remove(&wire);
            self.on_wire(wire, false, Event::PageLost(wire, 1006));
        }
    }

    fn happen(&mut self, event: Event) {
        let mut out = Vec::new();
        match event {
            Event::Dial(wire) => self.dial(wire, &mut out),
            Event::ToServer(wire, frame) => {
                if self.up && self.arrives(wire, true) {
                    self.server.receive(wire, frame, self.now, &mut out);
                }
            }
            Event::Opened(wire) => self.tell_wire(wire, Input::Opened(SocketId(wire.2))),
            Event::ToPage(wire, frame) => {
                if self.arrives(wire, false) {
                    self.tell_wire(wire, Input::Frame(SocketId(wire.2), frame));
                }
            }
            Event::PageLost(wire, code) => self.tell_wire(wire, Input::Closed(SocketId(wire.2), code)),
            Event::ServerLost(wire) => {
                self.server.sockets.remove(&wire);
            }
            Event::Request(tab, life, id, request) => self.request(tab, life, id, &request),
            Event::Answer(tab, life, id, answer) => self.tell(tab, life, Input::Answered(id, answer)),
            Event::Timer(tab, life, due) => {
                if self.tabs[tab].timer == Some(due) {
                    self.tabs[tab].timer = None;
                    self.tell(tab, life, Input::Timer);
                }
            }
            Event::Stored(tab, life, entry) => self.tell(tab, life, Input::EntryStored(*entry)),
            Event::Removed(tab, life, id) => self.tell(tab, life, Input::EntryRemoved(id)),
            Event::Person(tab) => self.person(tab),
            Event::Network(tab, online) => self.set_network(tab, online),
            Event::Mishap => self.mishap(),
            Event::ServerUp => self.up = true,
            Event::SignIn(tab, life) => {
                if self.tabs[tab].life == life {
                    self.load_page(tab, None);
                }
            }
            Event::Group => self.change_group(),
            Event::Told(tab, life, conversation) => {
                self.tell(tab, life, Input::Action(Action::Opened(conversation)));
            }
            Event::NewConversation => {
                self.server.create(vec![user(2), user(3)], self.now, &mut out);
            }
        }
        self.deliver(out);
    }

    fn arrives(&self, wire: Wire, to_server: bool) -> bool {
        self.cut.get(&(wire, to_server)).is_none_or(|until| self.now <= *until)
    }

    pub(crate) fn deliver(&mut self, out: Vec<Out>) {
        for out in out {
            match out {
                Out::Frame(wire, frame) => self.on_wire(wire, false, Event::ToPage(wire, Box::new(frame))),
                Out::Late(wire, frame) => self.later(Event::ToPage(wire, Box::new(frame))),
                Out::Close(wire, code) => {
                    self.on_wire(wire, false, Event::PageLost(wire, code.as_u16()));
                }
            }
        }
    }

    fn dial(&mut self, wire: Wire, out: &mut Vec<Out>) {
        let tab = &self.tabs[wire.0];
        if !self.up || !tab.network || tab.life != wire.1 {
            return self.on_wire(wire, false, Event::PageLost(wire, 1006));
        }
        let user = tab.user.clone();
        self.on_wire(wire, false, Event::Opened(wire));
        self.server.opened(wire, &user, out);
    }

    fn request(&mut self, tab: usize, life: u32, id: RequestId, request: &Request) {
        let lost = self.random.below(1_000) < self.http_loss;
        let reached = self.up && self.tabs[tab].network && !lost;
        let answer = if reached {
            let user = self.tabs[tab].user.id;
            self.server.answer(user, &Fetch::of(request), self.now).map(|answer| answer.to_text())
        } else if self.random.below(2) == 0 {
            Err(RequestError::Network)
        } else {
            return;
        };
        self.later(Event::Answer(tab, life, id, answer));
    }

    fn tell_wire(&mut self, wire: Wire, input: Input) {
        self.tell(wire.0, wire.1, input);
    }

    pub(crate) fn clock(&self, tab: usize) -> Now {
        Now { ticks: Ticks(self.now), wall: wall(self.now + self.tabs[tab].clock_skew_ms) }
    }

    /// Tells a page that something happened, and does what it asks for.
    pub(crate) fn tell(&mut self, tab: usize, life: u32, input: Input) {
        if self.tabs[tab].life != life {
            return;
        }
        let now = self.clock(tab);
        self.tabs[tab].client.handle(input, now);
        self.perform(tab);
    }

    pub(crate) fn perform(&mut self, tab: usize) {
        let life = self.tabs[tab].life;
        for effect in self.tabs[tab].client.take_effects() {
            match effect {
                Effect::Connect(SocketId(socket)) => {
                    let wire = (tab, life, socket);
                    self.tabs[tab].wires.insert(socket);
                    self.on_wire(wire, true, Event::Dial(wire));
                }
                Effect::Close(SocketId(socket)) => {
                    let wire = (tab, life, socket);
                    self.cut.insert((wire, false), 0);
                    self.on_wire(wire, true, Event::ServerLost(wire));
                }
                Effect::Transmit(SocketId(socket), frame) => {
                    let frame = self.tamper(frame);
                    if let Some(frame) = frame {
                        let wire = (tab, life, socket);
                        self.on_wire(wire, true, Event::ToServer(wire, frame));
                    }
                }
                Effect::Fetch(id, request) => self.later(Event::Request(tab, life, id, request)),
                Effect::StoreEntry(entry) => self.store(tab, Some(&entry), entry.id),
                Effect::RemoveEntry(id) => self.store(tab, None, id),
                Effect::StoreDraft(..) | Effect::Announce(_) | Effect::Forget | Effect::SignedOut => {}
                Effect::SessionEnded => {
                    let again = self.now + self.random.below(10_000);
                    self.at(again, Event::SignIn(tab, life));
                }
            }
        }
        check::step(self, tab);
        let now = Ticks(self.now);
        if let Some(due) = self.tabs[tab].client.wake_at(now)
            && self.tabs[tab].timer.is_none_or(|set| due < set)
        {
            self.tabs[tab].timer = Some(due);
            self.at(due.0, Event::Timer(tab, life, due));
        }
    }

    fn tamper(&mut self, frame: ClientFrame) -> Option<ClientFrame> {
        match (self.page_fault, frame) {
            (PageFault::NewIdEachTime, ClientFrame::Send { conversation, body, reply_to, .. }) => {
                let id = self.random.message_id();
                Some(ClientFrame::Send { conversation, id, body, reply_to })
            }
            (PageFault::DropsSends, ClientFrame::Send { .. }) => None,
            (_, frame) => Some(frame),
        }
    }

    fn store(&mut self, tab: usize, entry: Option<&StoredEntry>, id: MessageId) {
        if self.page_fault == PageFault::KeepsNothing {
            return;
        }
        let device = self.tabs[tab].device;
        let changed = match entry {
            Some(entry) => self.stores[device].insert(id, entry.clone()).as_ref() != Some(entry),
            None => self.stores[device].remove(&id).is_some(),
        };
        let others: Vec<_> = (0..self.tabs.len())
            .filter(|other| *other != tab && self.tabs[*other].device == device && changed)
            .collect();
        for other in others {
            let life = self.tabs[other].life;
            // The browser tells the other tabs, in order.
            let event = match entry {
                Some(entry) => Event::Stored(other, life, Box::new(entry.clone())),
                None => Event::Removed(other, life, id),
            };
            let wire = (usize::MAX - other, life, 0);
            self.on_wire(wire, true, event);
        }
    }

    /// Loads a page anew: what was in its memory is gone, what the device kept is there.
    pub(crate) fn load_page(&mut self, tab: usize, open: Option<ConversationId>) {
        for socket in std::mem::take(&mut self.tabs[tab].wires) {
            let wire = (tab, self.tabs[tab].life, socket);
            self.on_wire(wire, true, Event::ServerLost(wire));
        }
        let page = self.server.page(&self.tabs[tab].user, open, 2, self.now);
        let seed = u128::from(self.random.any()) << 64 | u128::from(self.random.any());
        let outbox = self.stores[self.tabs[tab].device].values().cloned().collect();
        let online = self.tabs[tab].network;
        self.tabs[tab].reload(&page, seed);
        let life = self.tabs[tab].life;
        self.tell(tab, life, Input::Started { outbox, drafts: Vec::new(), online, visible: true });
    }
}
