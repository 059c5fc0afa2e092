//! A person of a group, and their device: it writes while they are in the group, drops the group when it is told that they
//! are out of it, and begins anew when they are back.

use super::oracle::State;
use crate::client::{
    api::{Account, Api, Seen},
    socket::Socket,
};
use crate::crash::{
    outbox::{ChangeOf, Command, Outbox},
    screen::{Progress, Screen},
    timeline::{Next, Timeline},
};
use crate::evidence::{Change, Line};
use crate::limits::{
    BACKOFF_MAX, BACKOFF_MIN, CHANGED_AND_DELETED_PERCENT, CLIENT_TICK, HISTORY_PAGES_MAX,
    OUT_AND_WRITES_PERCENT, RESEND_AFTER, SENT_TWICE_PERCENT,
};
use crate::load::Say;
use crate::numbered::Numbering;
use anyhow::Result;
use kafkatalk_protocol::{
    ClientFrame, Conversation, ConversationId, ErrorCode, Message, MessageId, Offset, ServerFrame,
};
use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Instant,
};
use tokio::{
    sync::mpsc,
    time::{MissedTickBehavior, interval, sleep},
};

/// How a device stands, readable from outside.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// How far it has come.
    progress: Arc<Progress>,
    /// Whether it shows the group.
    open: AtomicBool,
    /// Commands that have no answer yet.
    waiting: AtomicUsize,
}

impl Watch {
    /// Whether everything that was asked for has its answer.
    pub(super) fn rests(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) == 0
    }

    /// Whether it shows the group up to that message and that record; or does not show it, for none.
    pub(super) fn is_at(&self, ends: Option<(Option<Offset>, Option<Offset>)>) -> bool {
        let open = self.open.load(Ordering::Relaxed);
        match ends {
            Some((message, record)) => open && self.progress.is_at(message, record),
            None => !open,
        }
    }
}

/// What a device has to tell at the end.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// Every message that was sent.
    pub(crate) said: Vec<MessageId>,
    /// Every ack of a message that came.
    pub(crate) acks: Vec<(MessageId, Offset)>,
    /// Every change that was asked for.
    pub(crate) changes: Vec<(MessageId, Change)>,
    /// Every ack of a change that came.
    pub(crate) change_acks: Vec<(MessageId, Offset)>,
    /// What was refused since its sender was out of the group, or could not see the message any more.
    pub(crate) turned_away: BTreeSet<MessageId>,
    /// What was refused otherwise, and why.
    pub(crate) refusals: Vec<String>,
    /// The offset of every message of which anything was told, in whatever way.
    pub(crate) heard: BTreeSet<Offset>,
    /// What was shown of the group until the person was out of it, each time.
    pub(crate) retired: Vec<Vec<Line>>,
    /// What is shown in the end: from which offset on, the messages, and who is in the group.
    pub(crate) shown: Option<(Offset, Vec<Line>, State)>,
    /// Times that the person was told to be out of the group.
    pub(crate) departures: u64,
    /// Frames about other conversations.
    pub(crate) leaks: u64,
}

/// The group on the device.
struct Open {
    screen: Screen,
    sees_from: Offset,
    state: State,
    /// The record up to which the state is known.
    revision: Option<Offset>,
}

/// See the module.
pub(super) struct Person {
    nodes: Arc<[SocketAddr]>,
    account: Account,
    conversation: ConversationId,
    numbering: Numbering,
    changes_percent: u32,
    random: fastrand::Rng,
    outbox: Outbox,
    open: Option<Open>,
    /// Whoever tells of a record before this one has not heard that the person was out.
    departed_at: Option<Offset>,
    /// Something came about a group that is not shown: ask whether they are in it.
    doubts: bool,
    watch: Arc<Watch>,
    told: Told,
}

impl Person {
    pub(super) fn new(
        nodes: &Arc<[SocketAddr]>,
        account: &Account,
        conversation: ConversationId,
        (numbering, changes_percent): (Numbering, u32),
        seed: u64,
    ) -> Self {
        Self {
            nodes: Arc::clone(nodes),
            account: account.clone(),
            conversation,
            numbering,
            changes_percent,
            random: fastrand::Rng::with_seed(seed),
            outbox: Outbox::default(),
            open: None,
            departed_at: None,
            doubts: false,
            watch: Arc::default(),
            told: Told::default(),
        }
    }

    pub(super) fn watch(&self) -> Arc<Watch> {
        Arc::clone(&self.watch)
    }

    /// Lives until the commands end.
    pub(super) async fn run(mut self, mut commands: mpsc::Receiver<MessageId>) -> Told {
        let mut backoff = BACKOFF_MIN;
        loop {
            let begun = Instant::now();
            if let Ok(()) = self.session(&mut commands).await {
                break;
            }
            backoff =
                if begun.elapsed() > BACKOFF_MAX { BACKOFF_MIN } else { (backoff * 2).min(BACKOFF_MAX) };
            let pause = sleep(backoff.mul_f64(self.random.f64()));
            tokio::pin!(pause);
            let ended = loop {
                tokio::select! {
                    () = &mut pause => break false,
                    said = commands.recv() => match said {
                        Some(id) => self.say(id),
                        None => break true,
                    },
                }
            };
            if ended {
                break;
            }
        }
        if let Some(open) = self.open.take() {
            self.told.shown = Some((open.sees_from, open.screen.timeline.into_shown(), open.state));
        }
        self.told
    }

    /// Nobody writes into a group that they do not see, but for some who were in it, as from a page that was left open.
    fn say(&mut self, id: MessageId) {
        let all_the_same = self.departed_at.is_some() && self.random.u32(..100) < OUT_AND_WRITES_PERCENT;
        if self.open.is_some() || all_the_same {
            self.told.said.push(id);
            self.put(Command::Say(Say { id, conversation: self.conversation }));
        }
    }

    fn put(&mut self, command: Command) {
        self.outbox.put(command);
        self.watch.waiting.fetch_add(1, Ordering::Relaxed);
    }

    fn answered(&mut self, id: MessageId) -> Option<Command> {
        let command = self.outbox.answered(id)?;
        self.watch.waiting.fetch_sub(1, Ordering::Relaxed);
        Some(command)
    }

    fn any_node(&mut self) -> SocketAddr {
        self.nodes[self.random.usize(..self.nodes.len())]
    }

    /// One socket until it breaks; well where nothing more is wanted.
    async fn session(&mut self, commands: &mut mpsc::Receiver<MessageId>) -> Result<()> {
        let mut socket = Socket::connect(self.any_node(), &self.account.token).await?;
        socket.greeted().await?;
        let applied = self.open.as_ref().and_then(|open| open.screen.applied());
        let records = applied.map(|applied| (self.conversation, applied)).into_iter().collect();
        socket.send(&ClientFrame::Hello { positions: [].into(), records, signals: false }).await?;
        self.doubts = true;
        self.outbox.send_all_again();
        let mut tick = interval(CLIENT_TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            for due in self.outbox.due(self.numbering, Instant::now())? {
                socket.send(&due.frame).await?;
                if self.random.u32(..100) < SENT_TWICE_PERCENT {
                    socket.send(&due.frame).await?;
                }
            }
            tokio::select! {
                frame = socket.next() => self.take(frame?).await,
                said = commands.recv() => {
                    let Some(id) = said else {
                        socket.close().await;
                        return Ok(());
                    };
                    self.say(id);
                }
                _ = tick.tick() => self.look_after(&mut socket).await?,
            }
        }
    }

    async fn look_after(&mut self, socket: &mut Socket) -> Result<()> {
        self.outbox.send_again_after(RESEND_AFTER, Instant::now());
        if self.doubts {
            self.ask().await;
        }
        let Some(open) = &mut self.open else { return Ok(()) };
        let position = open.screen.timeline.position();
        if let Some(offset) = position.filter(|_| position > open.screen.read) {
            open.screen.read = position;
            socket.send(&ClientFrame::Read { conversation: self.conversation, offset }).await?;
        }
        if open.screen.is_behind() || open.screen.applied().is_none() {
            self.fill().await;
        }
        Ok(())
    }

    /// Asks any node whether they are in the group. What cannot be answered now is asked again.
    async fn ask(&mut self) {
        let node = self.any_node();
        let seen = async { Api::connect(node).await?.seen(&self.account, self.conversation).await };
        if let Ok(seen) = seen.await {
            self.doubts = false;
            if let Seen::By(told) = seen
                && told.record >= self.departed_at
            {
                self.learn(&told).await;
            }
        }
    }

    async fn take(&mut self, frame: ServerFrame) {
        let about = crate::crash::device::about(&frame);
        self.told.leaks += u64::from(about.is_some_and(|about| about != self.conversation));
        match frame {
            ServerFrame::Ack { id, offset, .. } => self.acknowledged(id, offset),
            ServerFrame::Message { message, record, previous_record }
            | ServerFrame::Changed { message, record, previous_record } => {
                self.put_on_screen(&message);
                self.link(record, previous_record).await;
            }
            ServerFrame::Record { record, previous_record, .. } => {
                self.link(Some(record), previous_record).await;
            }
            ServerFrame::Group {
                members, roles, name, revision, notice, record, previous_record, ..
            } => {
                if let Some(open) = self.open.as_mut().filter(|open| open.revision < Some(revision)) {
                    let members = members.iter().map(|member| member.id).collect();
                    (open.state, open.revision) = (State { members, roles, name }, Some(revision));
                }
                if let Some(notice) = notice {
                    self.put_on_screen(&notice);
                }
                self.link(record, previous_record).await;
            }
            ServerFrame::CaughtUp { record, .. } => {
                if let Some(open) = &mut self.open {
                    open.screen.applied_through(Some(record));
                }
            }
            ServerFrame::Behind { latest, changed_after, .. } => {
                if let Some(open) = &mut self.open {
                    open.screen.goes_to(latest);
                    open.screen.applied_through(changed_after);
                    self.fill().await;
                }
            }
            ServerFrame::Left { .. } => self.depart(),
            ServerFrame::Conversation { conversation } => self.learn(&conversation).await,
            ServerFrame::Error { code, detail, id } => self.refused(code, &detail, id),
            _ => {}
        }
    }

    /// The group as a node tells of it.
    async fn learn(&mut self, told: &Conversation) {
        self.told.heard.extend(told.last_message.as_ref().map(|message| message.offset));
        let sees_from = told.sees_from.unwrap_or_default();
        let known = self.open.as_ref().map(|open| (open.revision, open.sees_from));
        if known.is_some_and(|(revision, _)| told.record < revision) {
            return;
        }
        if known.is_some_and(|(_, from)| from != sees_from) {
            // They were out of it without hearing of that.
            self.retire();
        }
        let state = State {
            members: told.members.iter().map(|member| member.id).collect(),
            roles: told.roles.clone(),
            name: told.name.clone(),
        };
        if let Some(open) = &mut self.open {
            (open.state, open.revision) = (state, told.record);
            open.screen.goes_to(told.record.unwrap_or_default());
            return;
        }
        let mut screen = Screen::watched_by(&self.watch.progress);
        screen.timeline = Timeline::seen_from(sees_from);
        self.open = Some(Open { screen, sees_from, state, revision: told.record });
        self.watch.open.store(true, Ordering::Relaxed);
        self.fill().await;
    }

    fn depart(&mut self) {
        self.told.departures += 1;
        self.retire();
    }

    fn retire(&mut self) {
        let Some(open) = self.open.take() else { return };
        self.departed_at = open.screen.newest().max(open.revision).map(Offset::next);
        self.watch.open.store(false, Ordering::Relaxed);
        self.told.retired.push(open.screen.timeline.into_shown());
    }

    fn put_on_screen(&mut self, message: &Message) {
        self.told.heard.insert(message.offset);
        if message.sender.id == self.account.user.id && message.notice.is_none() {
            self.resolved(message.id, message.offset);
        }
        match &mut self.open {
            Some(open) => {
                open.screen.timeline.message(Line::of(message, self.numbering));
                open.screen.note_progress();
            }
            None => self.doubts = true,
        }
    }

    async fn link(&mut self, record: Option<Offset>, previous: Option<Offset>) {
        if let Some((record, open)) = record.zip(self.open.as_mut())
            && open.screen.link(record, previous) == Next::FillHole
        {
            self.fill().await;
        }
    }

    fn acknowledged(&mut self, id: MessageId, offset: Offset) {
        if self.numbering.message_of(id).is_some() {
            self.told.change_acks.push((id, offset));
            self.answered(id);
            return;
        }
        self.told.acks.push((id, offset));
        self.resolved(id, offset);
        if let Some(open) = self.open.as_mut().filter(|open| open.sees_from <= offset) {
            open.screen.timeline.acknowledged(Line::of_ack(id, offset, self.account.user.id));
            open.screen.note_progress();
        }
    }

    fn resolved(&mut self, id: MessageId, offset: Offset) {
        let may = self.answered(id).is_some() && self.open.is_some();
        if !may || self.random.u32(..100) >= self.changes_percent {
            return;
        }
        let change = |nth| {
            let id = self.numbering.change_of(id, nth)?;
            Some(ChangeOf { id, conversation: self.conversation, message: offset })
        };
        let (Some(first), Some(last)) = (change(0), change(1)) else { return };
        let mut commands = vec![Command::Edit(first)];
        if self.random.u32(..100) < CHANGED_AND_DELETED_PERCENT {
            commands.push(Command::Delete(last));
        }
        for command in commands {
            let deletes = matches!(command, Command::Delete(_));
            self.told.changes.push((command.id(), Change { message: id, deletes }));
            self.put(command);
        }
    }

    fn refused(&mut self, code: ErrorCode, detail: &str, id: Option<MessageId>) {
        // A read position, sent before they knew that they are out.
        let Some(id) = id else { return };
        let Some(command) = self.outbox.find(id) else { return };
        // What they said before they were out of it they see no more after a return without it.
        let seen_from = self.open.as_ref().map(|open| open.sees_from);
        let hidden = command.target().is_some_and(|target| seen_from.is_none_or(|from| target < from));
        match code {
            // A node that lags may not know them, or the message, yet.
            ErrorCode::NotFound if !hidden => {}
            ErrorCode::LogUnavailable | ErrorCode::RateLimited | ErrorCode::Internal => {}
            ErrorCode::NotAllowed | ErrorCode::NotFound => {
                self.told.turned_away.insert(id);
                self.answered(id);
            }
            _ => {
                self.told.refusals.push(format!("{}: {detail}", code.as_str()));
                self.answered(id);
            }
        }
    }

    /// Reads what is missing. What cannot be read now is tried again at the next look.
    async fn fill(&mut self) {
        let node = self.any_node();
        if let Ok(mut api) = Api::connect(node).await {
            // Whoever is out of it is told so by the socket.
            let _ = self.fill_from(&mut api).await;
        }
    }

    async fn fill_from(&mut self, api: &mut Api) -> Result<()> {
        let Some(open) = &self.open else { return Ok(()) };
        let (sees_from, applied) = (open.sees_from, open.screen.applied());
        let Some(applied) = applied else {
            let (messages, through) = api.history_and_record(&self.account, self.conversation, None).await?;
            // A node that does not know of their return tells of the time before.
            if through.unwrap_or_default() >= sees_from {
                self.filled(&messages, through);
            }
            return Ok(());
        };
        let mut after = applied;
        for _ in 0..HISTORY_PAGES_MAX {
            let page = api.changed_after(&self.account, self.conversation, after).await?;
            if page.through < Some(applied) {
                return Ok(());
            }
            self.filled(&page.messages, page.next.or(page.through));
            let Some(next) = page.next else { return Ok(()) };
            after = next;
        }
        Ok(())
    }

    fn filled(&mut self, messages: &[Message], through: Option<Offset>) {
        for message in messages {
            self.put_on_screen(message);
        }
        let notice = messages.iter().rev().find(|message| message.notice.is_some());
        if let Some(open) = &mut self.open {
            open.screen.applied_through(through);
            // The page brings what was done to the group, and not what it is after that.
            self.doubts |= notice.is_some_and(|notice| Some(notice.offset) > open.revision);
        }
    }
}
