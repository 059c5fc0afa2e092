//! A client that behaves like a real one: what it sends stays in its outbox, under the same id, until the log has it;
//! when the socket breaks it connects again, says how far it has come, and reads what is missing from history.

use super::{
    outbox::{ChangeOf, Command, Outbox},
    screen::{Progress, Screen},
    timeline::Next,
};
use crate::client::{
    api::{Account, Api},
    socket::Socket,
};
use crate::evidence::{Change, Line};
use crate::limits::{
    BACKOFF_MAX, BACKOFF_MIN, CHANGED_AND_DELETED_PERCENT, CLIENT_TICK, HISTORY_PAGES_MAX, RESEND_AFTER,
    SENT_TWICE_PERCENT,
};
use crate::load::{Say, Shared};
use crate::number::count;
use anyhow::{Result, bail};
use kafkatalk_protocol::{
    ClientFrame, ConversationId, ErrorCode, Message, MessageId, Offset, ServerFrame, UserId,
};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    sync::mpsc,
    time::{MissedTickBehavior, interval, sleep},
};

/// One user's client. It connects to any of the nodes, to another each time, as a balancer without stickiness has it.
pub(crate) struct Device {
    nodes: Arc<[SocketAddr]>,
    account: Account,
    shared: Arc<Shared>,
    random: fastrand::Rng,
    /// Of so many own messages in a hundred it changes the text, or deletes them.
    changes_percent: u32,
    outbox: Outbox,
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
    /// Every ack of a message that came.
    pub(crate) acks: Vec<(ConversationId, MessageId, Offset)>,
    /// Every change that was asked for.
    pub(crate) changes: Vec<(ConversationId, MessageId, Change)>,
    /// Every ack of a change that came.
    pub(crate) change_acks: Vec<(ConversationId, MessageId, Offset)>,
    /// Messages and changes that were refused for good, and why.
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

/// How a session ended.
enum End {
    /// Nothing more is wanted of the device.
    Finished,
    /// The socket broke, or never opened.
    Broken,
}

impl Device {
    /// A device of that user, in these conversations.
    pub(crate) fn new(
        nodes: Arc<[SocketAddr]>,
        account: Account,
        shared: Arc<Shared>,
        changes_percent: u32,
        seed: u64,
    ) -> Self {
        Self {
            nodes,
            account,
            shared,
            random: fastrand::Rng::with_seed(seed),
            changes_percent,
            outbox: Outbox::default(),
            screens: BTreeMap::new(),
            read_here: BTreeMap::new(),
            told: Told::default(),
        }
    }

    fn any_node(&mut self) -> SocketAddr {
        self.nodes[self.random.usize(..self.nodes.len())]
    }

    /// Opens a conversation on its screen; tells where to see how far it has come.
    pub(crate) fn show(&mut self, conversation: ConversationId) -> Arc<Progress> {
        self.screens.entry(conversation).or_default().progress()
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
                    Some(say) => self.outbox.put(Command::Say(say)),
                    None => return End::Finished,
                },
            }
        }
    }

    /// One socket from opening to breaking.
    async fn session(&mut self, commands: &mut mpsc::Receiver<Say>) -> Result<End> {
        let mut socket = Socket::connect(self.any_node(), &self.account.token).await?;
        socket.greeted().await?;
        self.told.connections += 1;
        self.read_here.clear();
        self.catch_up(&mut socket).await?;
        self.outbox.send_all_again();
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
                    self.outbox.put(Command::Say(say));
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
        let applied = |(id, screen): (&ConversationId, &Screen)| Some((*id, screen.applied()?));
        let records: BTreeMap<_, _> = self.screens.iter().filter_map(applied).collect();
        let unseen: Vec<_> = self.screens.keys().copied().filter(|id| !records.contains_key(id)).collect();
        socket.send(&ClientFrame::Hello { positions: [].into(), records, signals: false }).await?;
        // On the first connection there is no past.
        if self.told.connections > 1 {
            for conversation in unseen {
                self.fill(conversation).await?;
            }
        }
        Ok(())
    }

    async fn send_what_waits(&mut self, socket: &mut Socket) -> Result<()> {
        for due in self.outbox.due(self.shared.numbering, Instant::now())? {
            self.told.resent += u64::from(due.again);
            socket.send(&due.frame).await?;
            // As a client does whose ack was lost.
            if self.random.u32(..100) < SENT_TWICE_PERCENT {
                self.told.sent_twice += 1;
                socket.send(&due.frame).await?;
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
        let about = about(&frame);
        self.told.leaks += u64::from(about.is_some_and(|about| !self.screens.contains_key(&about)));
        match frame {
            ServerFrame::Read { conversation, user, offset } => self.has_read(conversation, user, offset),
            ServerFrame::Ack { id, conversation, offset, .. } => self.acknowledged(conversation, id, offset),
            ServerFrame::Message { message, record, previous_record } => {
                let by_messages = self.put_on_screen(&message);
                let next = match record {
                    Some(record) => self.screen(message.conversation).link(record, previous_record),
                    // A server of before the chain: what it tells goes by messages.
                    None => by_messages,
                };
                self.go_on(message.conversation, next).await?;
            }
            ServerFrame::Changed { message, record, previous_record } => {
                self.put_on_screen(&message);
                // Without a link it is a part of catching up, in the order of revisions; `caught_up` ends it.
                if let Some(record) = record {
                    let next = self.screen(message.conversation).link(record, previous_record);
                    self.go_on(message.conversation, next).await?;
                }
            }
            ServerFrame::Record { conversation, record, previous_record } => {
                let next = self.screen(conversation).link(record, previous_record);
                self.go_on(conversation, next).await?;
            }
            ServerFrame::CaughtUp { conversation, record } => {
                self.screen(conversation).applied_through(Some(record));
            }
            ServerFrame::Behind { conversation, latest, changed_after, .. } => {
                let screen = self.screen(conversation);
                screen.goes_to(latest);
                screen.applied_through(changed_after);
                self.fill(conversation).await?;
            }
            ServerFrame::Error { code, detail, id } => self.refused(code, &detail, id),
            _ => {}
        }
        Ok(())
    }

    fn screen(&mut self, conversation: ConversationId) -> &mut Screen {
        self.screens.entry(conversation).or_default()
    }

    async fn go_on(&mut self, conversation: ConversationId, next: Next) -> Result<()> {
        match next {
            Next::Rest => Ok(()),
            Next::FillHole => self.fill(conversation).await,
        }
    }

    fn acknowledged(&mut self, conversation: ConversationId, id: MessageId, offset: Offset) {
        if self.shared.numbering.message_of(id).is_some() {
            self.told.change_acks.push((conversation, id, offset));
            self.change_answered(id);
            return;
        }
        self.resolved(conversation, id, offset);
        self.told.acks.push((conversation, id, offset));
        let line = Line::of_ack(id, offset, self.account.user.id);
        self.screen(conversation).timeline.acknowledged(line);
        self.count_shown(conversation);
    }

    fn put_on_screen(&mut self, message: &Message) -> Next {
        if message.sender.id == self.account.user.id {
            self.resolved(message.conversation, message.id, message.offset);
        }
        let line = Line::of(message, self.shared.numbering);
        let next = self.screen(message.conversation).timeline.message(line);
        self.count_shown(message.conversation);
        next
    }

    /// The log has a message of one's own: the outbox lets go, and its sender may have second thoughts.
    fn resolved(&mut self, conversation: ConversationId, id: MessageId, offset: Offset) {
        if self.outbox.answered(id).is_some() && self.random.u32(..100) < self.changes_percent {
            self.change(conversation, id, offset);
        }
        if let Some(number) = self.shared.numbering.number(id) {
            self.shared.times.acked(number);
        }
    }

    fn change_answered(&mut self, id: MessageId) {
        if self.outbox.answered(id).is_some() {
            self.shared.times.settle_one();
        }
    }

    /// Asks for changes of an own message: one edit or two, of which the first is perhaps asked for once more in the end, as
    /// by a client whose ack was lost for long; and perhaps the message is deleted after that.
    fn change(&mut self, conversation: ConversationId, message: MessageId, offset: Offset) {
        let change = |nth| {
            let id = self.shared.numbering.change_of(message, nth)?;
            Some(ChangeOf { id, conversation, message: offset })
        };
        let Some([first, second, last]) =
            change(0).zip(change(1)).zip(change(2)).map(|((a, b), c)| [a, b, c])
        else {
            return;
        };
        let mut commands = vec![Command::Edit(first)];
        if self.random.bool() {
            commands.push(Command::Edit(second));
            if self.random.bool() {
                commands.push(Command::Edit(first));
            }
        }
        if self.random.u32(..100) < CHANGED_AND_DELETED_PERCENT {
            commands.push(Command::Delete(last));
        }
        for command in commands {
            let deletes = matches!(command, Command::Delete(_));
            self.told.changes.push((conversation, command.id(), Change { message, deletes }));
            self.shared.times.owe_one();
            self.outbox.put(command);
        }
    }

    /// What the server cannot do now is tried again; what it will never do is not.
    fn refused(&mut self, code: ErrorCode, detail: &str, id: Option<MessageId>) {
        let change = id.filter(|id| self.shared.numbering.message_of(*id).is_some());
        let passing = matches!(code, ErrorCode::LogUnavailable | ErrorCode::RateLimited | ErrorCode::Internal)
            // Another node than the one that acknowledged the message may not have it yet.
            || (change.is_some() && code == ErrorCode::NotFound);
        match id {
            // It stays in the outbox; the tick sends it again.
            Some(_) if passing => {}
            // A read position, which the error does not name: the tick says all of them again.
            None if passing => self.screens.values_mut().for_each(|screen| screen.read = None),
            // A second copy of an edit that came to the server after the deletion; the first one was answered.
            Some(id) if change.is_some() && code == ErrorCode::Conflict && !self.outbox.awaits(id) => {}
            _ => {
                self.told.refusals.push(format!("{}: {detail}", code.as_str()));
                if change.is_some() {
                    self.shared.times.settle_one();
                }
                if let Some(id) = id {
                    self.outbox.answered(id);
                }
            }
        }
    }

    async fn look_after(&mut self, now: Instant) -> Result<()> {
        self.outbox.send_again_after(RESEND_AFTER, now);
        let behind = self.screens.iter().filter(|(_, screen)| screen.is_behind()).map(|(id, _)| *id);
        for conversation in behind.collect::<Vec<_>>() {
            self.fill(conversation).await?;
        }
        Ok(())
    }

    /// Reads what has happened after the last record applied; the whole history, where there is none.
    async fn fill(&mut self, conversation: ConversationId) -> Result<()> {
        let mut api = Api::connect(self.any_node()).await?;
        let Some(applied) = self.screen(conversation).applied() else {
            let (messages, through) = api.history_and_record(&self.account, conversation, None).await?;
            self.filled(conversation, &messages, through);
            return Ok(());
        };
        let mut after = applied;
        for _ in 0..HISTORY_PAGES_MAX {
            let page = api.changed_after(&self.account, conversation, after).await?;
            // The node lags behind what this device was shown: the next look asks another one.
            if page.through < Some(applied) {
                return Ok(());
            }
            self.filled(conversation, &page.messages, page.next.or(page.through));
            match page.next {
                Some(next) => after = next,
                None => return Ok(()),
            }
        }
        bail!("the changes of {conversation} have no end")
    }

    /// Takes in what was read: with it the effect of all records up to that one is held.
    fn filled(&mut self, conversation: ConversationId, messages: &[Message], through: Option<Offset>) {
        self.told.filled += u64::from(!messages.is_empty());
        for message in messages {
            self.put_on_screen(message);
        }
        self.screen(conversation).applied_through(through);
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
        screen.note_progress();
    }
}

/// The conversation that a frame is about.
pub(super) fn about(frame: &ServerFrame) -> Option<ConversationId> {
    match frame {
        ServerFrame::Ack { conversation, .. }
        | ServerFrame::Record { conversation, .. }
        | ServerFrame::CaughtUp { conversation, .. }
        | ServerFrame::Behind { conversation, .. }
        | ServerFrame::Group { conversation, .. }
        | ServerFrame::Left { conversation }
        | ServerFrame::Read { conversation, .. }
        | ServerFrame::Delivered { conversation, .. }
        | ServerFrame::Typing { conversation, .. } => Some(*conversation),
        ServerFrame::Message { message, .. } | ServerFrame::Changed { message, .. } => {
            Some(message.conversation)
        }
        ServerFrame::Conversation { conversation } => Some(conversation.id),
        ServerFrame::Ready { .. }
        | ServerFrame::Presence(_)
        | ServerFrame::Presences { .. }
        | ServerFrame::Error { .. }
        | ServerFrame::Pong
        | ServerFrame::Unknown => None,
    }
}

impl Told {
    /// The sums of what many devices counted.
    pub(crate) fn sums(all: &[Self]) -> [u64; 7] {
        let sum = |of: fn(&Self) -> u64| all.iter().map(of).sum();
        [
            sum(|told| told.connections),
            sum(|told| told.resent),
            sum(|told| told.sent_twice),
            sum(|told| told.filled),
            sum(|told| told.repeats),
            sum(|told| count(told.acks.len())),
            sum(|told| count(told.change_acks.len())),
        ]
    }
}
