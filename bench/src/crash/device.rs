//! A client that behaves like a real one: what it sends stays in its outbox, under the same id, until the log has it;
//! when the socket breaks it connects again, says how far it has come, and reads what is missing from history.

use super::timeline::{Next, Timeline};
use crate::client::{
    api::{Account, Api},
    socket::Socket,
};
use crate::evidence::Line;
use crate::limits::{BACKOFF_MAX, BACKOFF_MIN, CLIENT_TICK, RESEND_AFTER, SENT_TWICE_PERCENT};
use crate::load::{Say, Shared};
use crate::number::count;
use anyhow::Result;
use kafkatalk_protocol::{
    ClientFrame, ConversationId, ErrorCode, Message, MessageId, Offset, ServerFrame, UserId,
};
use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    sync::mpsc,
    time::{MissedTickBehavior, interval, sleep},
};

/// How far a device has shown a conversation: the offset after the last one shown, readable from outside.
pub(crate) type Shown = Arc<AtomicU64>;

/// One user's client. It connects to any of the nodes, to another each time, as a balancer without stickiness has it.
pub(crate) struct Device {
    nodes: Arc<[SocketAddr]>,
    account: Account,
    shared: Arc<Shared>,
    random: fastrand::Rng,
    outbox: VecDeque<Pending>,
    screens: BTreeMap<ConversationId, Screen>,
    /// What this socket has told of read positions.
    read_here: BTreeMap<(ConversationId, UserId), Offset>,
    told: Told,
}

/// What a device has to tell at the end.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// What it was shown, by conversation.
    pub(crate) shown: Vec<(ConversationId, Vec<Line>)>,
    /// Every ack that came.
    pub(crate) acks: Vec<(ConversationId, MessageId, Offset)>,
    /// Messages that were refused for good, and why.
    pub(crate) refusals: Vec<String>,
    /// Sockets that were opened.
    pub(crate) connections: u64,
    /// Messages that were sent again under the same id.
    pub(crate) resent: u64,
    /// Messages of which a second copy was sent at once.
    pub(crate) sent_twice: u64,
    /// Times that a hole was filled from history.
    pub(crate) filled: u64,
    /// Messages that came again and were dropped.
    pub(crate) repeats: u64,
    /// How far each member has read, by conversation, as far as this device was told.
    pub(crate) read: BTreeMap<(ConversationId, UserId), Offset>,
    /// Times that a socket told of a read position after a later one of the same member.
    pub(crate) read_went_back: u64,
    /// Frames about conversations that the device's user is not in.
    pub(crate) leaks: u64,
}

struct Pending {
    say: Say,
    sent_at: Option<Instant>,
    tries: u64,
}

#[derive(Default)]
struct Screen {
    timeline: Timeline,
    counted: usize,
    shown: Shown,
    /// How far a node said that the conversation goes: another one may not know that yet.
    told_of: Option<Offset>,
    /// How far the service was told that its user has read.
    read: Option<Offset>,
}

impl Screen {
    fn is_behind(&self) -> bool {
        self.timeline.has_hole() || self.timeline.position() < self.told_of
    }
}

/// How a session ended.
enum End {
    /// Nothing more is wanted of the device.
    Finished,
    /// The socket broke, or never opened.
    Broken,
}

impl Device {
    /// A device of that user, in these conversations.
    pub(crate) fn new(nodes: Arc<[SocketAddr]>, account: Account, shared: Arc<Shared>, seed: u64) -> Self {
        Self {
            nodes,
            account,
            shared,
            random: fastrand::Rng::with_seed(seed),
            outbox: VecDeque::new(),
            screens: BTreeMap::new(),
            read_here: BTreeMap::new(),
            told: Told::default(),
        }
    }

    fn any_node(&mut self) -> SocketAddr {
        self.nodes[self.random.usize(..self.nodes.len())]
    }

    /// Opens a conversation on its screen; tells where to see how far it is shown.
    pub(crate) fn show(&mut self, conversation: ConversationId) -> Shown {
        Arc::clone(&self.screens.entry(conversation).or_default().shown)
    }

    /// Lives until the commands end.
    pub(crate) async fn run(mut self, mut commands: mpsc::Receiver<Say>) -> Told {
        let mut backoff = BACKOFF_MIN;
        loop {
            let before = self.told.connections;
            if let Ok(End::Finished) = self.session(&mut commands).await {
                break;
            }
            backoff =
                if self.told.connections > before { BACKOFF_MIN } else { (backoff * 2).min(BACKOFF_MAX) };
            let pause = backoff.mul_f64(self.random.f64());
            if let End::Finished = self.rest(pause, &mut commands).await {
                break;
            }
        }
        for (conversation, screen) in self.screens {
            self.told.repeats += screen.timeline.repeats();
            self.told.shown.push((conversation, screen.timeline.into_shown()));
        }
        self.told
    }

    /// Waits before it connects again; what is said meanwhile goes into the outbox.
    async fn rest(&mut self, pause: Duration, commands: &mut mpsc::Receiver<Say>) -> End {
        let pause = sleep(pause);
        tokio::pin!(pause);
        loop {
            tokio::select! {
                () = &mut pause => return End::Broken,
                command = commands.recv() => match command {
                    Some(say) => self.put(say),
                    None => return End::Finished,
                },
            }
        }
    }

    fn put(&mut self, say: Say) {
        self.outbox.push_back(Pending { say, sent_at: None, tries: 0 });
    }

    /// One socket from opening to breaking.
    async fn session(&mut self, commands: &mut mpsc::Receiver<Say>) -> Result<End> {
        let mut socket = Socket::connect(self.any_node(), &self.account.token).await?;
        socket.greeted().await?;
        self.told.connections += 1;
        self.read_here.clear();
        self.catch_up(&mut socket).await?;
        // Every message is sent again: no answer means unknown.
        self.outbox.iter_mut().for_each(|pending| pending.sent_at = None);
        let mut tick = interval(CLIENT_TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.send_what_waits(&mut socket).await?;
            tokio::select! {
                frame = socket.next() => self.take(frame?).await?,
                command = commands.recv() => {
                    let Some(say) = command else {
                        socket.close().await;
                        return Ok(End::Finished);
                    };
                    self.put(say);
                }
                _ = tick.tick() => {
                    self.look_after(Instant::now()).await?;
                    self.mark_read(&mut socket).await?;
                }
            }
        }
    }

    /// Says how far it has come; of what it has never seen anything of, only history can tell.
    async fn catch_up(&mut self, socket: &mut Socket) -> Result<()> {
        let position = |(id, screen): (&ConversationId, &Screen)| Some((*id, screen.timeline.position()?));
        let positions: BTreeMap<_, _> = self.screens.iter().filter_map(position).collect();
        let unseen: Vec<_> = self.screens.keys().copied().filter(|id| !positions.contains_key(id)).collect();
        socket.send(&ClientFrame::Hello { positions, records: [].into() }).await?;
        // On the first connection there is no past.
        if self.told.connections > 1 {
            for conversation in unseen {
                self.fill(conversation).await?;
            }
        }
        Ok(())
    }

    /// In each conversation one message is under way at a time, as with a real client: so a service that was away is not
    /// met by all that waits at once, again and again.
    async fn send_what_waits(&mut self, socket: &mut Socket) -> Result<()> {
        let on_its_way = |pending: &&Pending| pending.sent_at.is_some();
        let mut busy: HashSet<_> =
            self.outbox.iter().filter(on_its_way).map(|pending| pending.say.conversation).collect();
        for pending in &mut self.outbox {
            let Say { id, conversation } = pending.say;
            if !busy.insert(conversation) {
                continue;
            }
            let body = self.shared.numbering.body(id)?;
            pending.sent_at = Some(Instant::now());
            pending.tries += 1;
            self.told.resent += u64::from(pending.tries > 1);
            let frame = ClientFrame::Send { conversation, id, body, reply_to: None };
            socket.send(&frame).await?;
            // As a client does whose ack was lost.
            if self.random.u32(..100) < SENT_TWICE_PERCENT {
                self.told.sent_twice += 1;
                socket.send(&frame).await?;
            }
        }
        Ok(())
    }

    /// Says how far it has shown, where that moved.
    async fn mark_read(&mut self, socket: &mut Socket) -> Result<()> {
        for (conversation, screen) in &mut self.screens {
            let position = screen.timeline.position();
            if let Some(offset) = position.filter(|_| position > screen.read) {
                socket.send(&ClientFrame::Read { conversation: *conversation, offset }).await?;
                screen.read = position;
            }
        }
        Ok(())
    }

    async fn take(&mut self, frame: ServerFrame) -> Result<()> {
        let about = match &frame {
            ServerFrame::Ack { conversation, .. }
            | ServerFrame::Behind { conversation, .. }
            | ServerFrame::Read { conversation, .. }
            | ServerFrame::Delivered { conversation, .. }
            | ServerFrame::Typing { conversation, .. } => Some(*conversation),
            ServerFrame::Message { message, .. } => Some(message.conversation),
            ServerFrame::Conversation { conversation } => Some(conversation.id),
            ServerFrame::Ready { .. }
            | ServerFrame::Presence { .. }
            | ServerFrame::Error { .. }
            | ServerFrame::Pong
            | ServerFrame::Unknown => None,
        };
        self.told.leaks += u64::from(about.is_some_and(|about| !self.screens.contains_key(&about)));
        match frame {
            ServerFrame::Read { conversation, user, offset } => self.has_read(conversation, user, offset),
            ServerFrame::Ack { id, conversation, offset, .. } => {
                self.resolved(id);
                self.told.acks.push((conversation, id, offset));
                let line = Line::of_ack(id, offset, self.account.user.id);
                let screen = self.screens.entry(conversation).or_default();
                screen.timeline.acknowledged(line);
                self.count_shown(conversation);
            }
            ServerFrame::Message { message, .. } => match self.put_on_screen(&message) {
                Next::Rest => {}
                Next::FillHole => self.fill(message.conversation).await?,
            },
            ServerFrame::Behind { conversation, latest, .. } => {
                let screen = self.screens.entry(conversation).or_default();
                screen.told_of = screen.told_of.max(Some(latest));
                self.fill(conversation).await?;
            }
            ServerFrame::Error { code, detail, id } => self.refused(code, &detail, id),
            _ => {}
        }
        Ok(())
    }

    fn put_on_screen(&mut self, message: &Message) -> Next {
        if message.sender.id == self.account.user.id {
            self.resolved(message.id);
        }
        let line = Line::of(message, self.shared.numbering);
        let next = self.screens.entry(message.conversation).or_default().timeline.message(line);
        self.count_shown(message.conversation);
        next
    }

    /// The log has it: the outbox lets go.
    fn resolved(&mut self, id: MessageId) {
        self.outbox.retain(|pending| pending.say.id != id);
        if let Some(number) = self.shared.numbering.number(id) {
            self.shared.times.acked(number);
        }
    }

    /// What the server cannot do now is tried again; what it will never do is not.
    fn refused(&mut self, code: ErrorCode, detail: &str, id: Option<MessageId>) {
        let passing =
            matches!(code, ErrorCode::LogUnavailable | ErrorCode::RateLimited | ErrorCode::Internal);
        match id {
            // It stays in the outbox; the tick sends it again.
            Some(_) if passing => {}
            // A read position, which the error does not name: the tick says all of them again.
            None if passing => self.screens.values_mut().for_each(|screen| screen.read = None),
            _ => {
                self.told.refusals.push(format!("{}: {detail}", code.as_str()));
                self.outbox.retain(|pending| Some(pending.say.id) != id);
            }
        }
    }

    async fn look_after(&mut self, now: Instant) -> Result<()> {
        for pending in &mut self.outbox {
            let waited = pending.sent_at.map(|sent_at| now.saturating_duration_since(sent_at));
            if waited.is_some_and(|waited| waited > RESEND_AFTER) {
                pending.sent_at = None;
            }
        }
        let behind = self.screens.iter().filter(|(_, screen)| screen.is_behind()).map(|(id, _)| *id);
        for conversation in behind.collect::<Vec<_>>() {
            self.fill(conversation).await?;
        }
        Ok(())
    }

    /// Reads what comes after the last message shown.
    async fn fill(&mut self, conversation: ConversationId) -> Result<()> {
        let after = self.screens.entry(conversation).or_default().timeline.position();
        let mut api = Api::connect(self.any_node()).await?;
        let messages = api.history(&self.account, conversation, after).await?;
        self.told.filled += u64::from(!messages.is_empty());
        for message in &messages {
            self.put_on_screen(message);
        }
        Ok(())
    }

    /// On one socket a member never reads backwards. Another node may be behind for a moment.
    fn has_read(&mut self, conversation: ConversationId, user: UserId, offset: Offset) {
        let here = self.read_here.insert((conversation, user), offset);
        self.told.read_went_back += u64::from(here.is_some_and(|before| before > offset));
        let furthest = self.told.read.entry((conversation, user)).or_insert(offset);
        *furthest = offset.max(*furthest);
    }

    /// Notes what has just come on the screen.
    fn count_shown(&mut self, conversation: ConversationId) {
        let Some(screen) = self.screens.get_mut(&conversation) else { return };
        let lines = screen.timeline.shown_from(screen.counted);
        for line in lines.iter().filter(|line| line.sender != self.account.user.id) {
            if let Some(number) = self.shared.numbering.number(line.id) {
                self.shared.times.received(number);
            }
        }
        screen.counted += lines.len();
        if let Some(position) = screen.timeline.position() {
            screen.shown.store(position.next().0, Ordering::Relaxed);
        }
    }
}

impl Told {
    /// The sums of what many devices counted.
    pub(crate) fn sums(all: &[Self]) -> [u64; 6] {
        let sum = |of: fn(&Self) -> u64| all.iter().map(of).sum();
        [
            sum(|told| told.connections),
            sum(|told| told.resent),
            sum(|told| told.sent_twice),
            sum(|told| told.filled),
            sum(|told| told.repeats),
            sum(|told| count(told.acks.len())),
        ]
    }
}
