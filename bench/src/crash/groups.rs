//! Groups whose people come and go while faults hit the service: they are added with what was said before or without,
//! removed, leave and come back, get roles, and name the group. In the end every device shows what the group's log has,
//! and nobody was shown what is not for them.

use super::CrashArgs;
use crate::checks::{Findings, groups as checks};
use crate::client::api::{Account, Api, Seen};
use crate::evidence::{Evidence, Line};
use crate::limits::{
    CLIENT_QUEUE_MAX, DRAIN_WAIT_MAX, GROUP_DEED_PAUSE, GROUP_PEOPLE, GROUP_PEOPLE_AT_FIRST, GROUP_RATE_MIN,
    GROUPS_MAX, GROUPS_MIN, HISTORIES_PAUSE, POLL_PAUSE, READY_WAIT_MAX,
};
use crate::number::count;
use crate::numbered::Numbering;
use crate::server::Setup;
use anyhow::{Context as _, Result};
use futures_util::future::try_join_all;
use kafkatalk_protocol::{
    ConversationId, CreationId, MessageId, UserId, Username,
    member::{GroupName, NoticeKind, Role},
};
use oracle::{Ledger, Reader};
use person::{Person, Told, Watch};
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{sync::mpsc, time::sleep};
use tokio_util::task::AbortOnDropHandle;

pub(crate) mod oracle;
pub(crate) mod person;

/// Of a crash check's messages, groups say one in so many beside them.
const RATE_PART: u32 = 10;
/// Conversations of two people for which there is a group.
const PAIRS_FOR_A_GROUP: usize = 10;

/// What was done to the groups, by their logs.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Figures {
    /// Groups.
    pub(crate) groups: u64,
    /// Times that people were added, left, were removed, got a role, and that a group was named.
    pub(crate) deeds: [u64; 5],
    /// Messages that were sent.
    pub(crate) said: u64,
    /// Messages and changes that were refused since their sender was out.
    pub(crate) turned_away: u64,
    /// Times that devices were told of a message.
    pub(crate) heard: u64,
}

/// A group and everybody who is in it at any time. The first one created it, and stays.
struct Group {
    conversation: ConversationId,
    people: Vec<Account>,
    voices: Vec<mpsc::Sender<MessageId>>,
    watches: Vec<Arc<Watch>>,
}

/// All of them, alive.
pub(crate) struct Groups {
    all: Arc<Vec<Group>>,
    nodes: Arc<[SocketAddr]>,
    numbering: Numbering,
    stop: Arc<AtomicBool>,
    busy: Vec<AbortOnDropHandle<Result<()>>>,
    devices: Vec<Vec<AbortOnDropHandle<Told>>>,
}

/// What the service says of a group afterwards.
struct Afterwards {
    ledger: Ledger,
    /// What everybody reads, in the order of the people; none who are refused by all nodes.
    histories: Vec<Option<Vec<Line>>>,
}

impl Groups {
    /// Makes them, and has people live in them.
    pub(crate) async fn start(
        fronts: &Arc<[SocketAddr]>,
        crash: &CrashArgs,
        bytes: usize,
        random: &mut fastrand::Rng,
    ) -> Result<Self> {
        let numbering = Numbering::new(random.u64(..), bytes);
        let wanted = (crash.conversations / PAIRS_FOR_A_GROUP).clamp(GROUPS_MIN, GROUPS_MAX);
        let wanted = if crash.changes == 0 { 0 } else { wanted };
        let node = fronts.first().copied().context("a service has a node")?;
        let run = random.u64(..);
        let (mut all, mut devices) = (Vec::new(), Vec::new());
        for number in 0..wanted {
            let mut api = Api::connect(node).await?;
            let mut people = Vec::new();
            for person in 0..GROUP_PEOPLE {
                let name = Username::parse(&format!("g{run:016x}-{number}-{person}"))?;
                people.push(api.register(&name).await.context("cannot register a person of a group")?);
            }
            let others: Vec<_> = people[1..GROUP_PEOPLE_AT_FIRST].iter().collect();
            let id = CreationId(numbering.id(number).0);
            let (opened, _) = api.group(&people[0], &others, id).await?;
            until_groups_change(&mut api, &people[0], opened.id).await?;
            let mut group =
                Group { conversation: opened.id, people, voices: Vec::new(), watches: Vec::new() };
            let mut running = Vec::new();
            for account in &group.people {
                let (sender, commands) = mpsc::channel(CLIENT_QUEUE_MAX);
                let how = (numbering, crash.changes);
                let person = Person::new(fronts, account, group.conversation, how, random.u64(..));
                group.voices.push(sender);
                group.watches.push(person.watch());
                running.push(AbortOnDropHandle::new(tokio::spawn(person.run(commands))));
            }
            all.push(group);
            devices.push(running);
        }
        let all = Arc::new(all);
        let stop = Arc::new(AtomicBool::new(false));
        let mut groups = Self { all, nodes: Arc::clone(fronts), numbering, stop, busy: Vec::new(), devices };
        let rate = (crash.rate / RATE_PART).max(GROUP_RATE_MIN);
        groups.get_busy(rate, random);
        Ok(groups)
    }

    fn get_busy(&mut self, rate: u32, random: &mut fastrand::Rng) {
        if self.all.is_empty() {
            return;
        }
        for number in 0..self.all.len() {
            let (all, nodes) = (Arc::clone(&self.all), Arc::clone(&self.nodes));
            let (stop, random) = (Arc::clone(&self.stop), random.fork());
            let deeds = async move { do_deeds(&all[number], &nodes, &stop, random).await };
            self.busy.push(AbortOnDropHandle::new(tokio::spawn(deeds)));
        }
        let (all, stop, random) = (Arc::clone(&self.all), Arc::clone(&self.stop), random.fork());
        let talk = talk(all, self.numbering, rate, stop, random);
        self.busy.push(AbortOnDropHandle::new(tokio::spawn(talk)));
    }

    /// People fall silent, and have their answers.
    pub(crate) async fn come_to_rest(&mut self, patience: Duration) -> Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        for busy in self.busy.drain(..) {
            busy.await.context("somebody of a group failed")??;
        }
        let waited = Instant::now();
        let rest = |group: &Group| group.watches.iter().all(|watch| watch.rests());
        while !self.all.iter().all(rest) && waited.elapsed() < patience {
            sleep(POLL_PAUSE).await;
        }
        Ok(())
    }

    /// Compares what devices show, and what nodes say, with the groups' logs.
    pub(crate) async fn judge(
        self,
        setup: &Setup,
        patience: Duration,
        findings: &mut Findings,
    ) -> Result<(Figures, Vec<Told>)> {
        let mut afterwards = Vec::new();
        if !self.all.is_empty() {
            // For all groups together: where a promise is broken, calm never comes.
            let (log, end) = (Reader::of(setup)?, Instant::now() + patience);
            for group in &*self.all {
                afterwards.push(group.settled(&log, &self.nodes, self.numbering, (patience, end)).await?);
            }
            if let Reader::Kafka(log) = log {
                log.close().await;
            }
        }
        self.wait_until_shown(&afterwards, patience.min(DRAIN_WAIT_MAX)).await;
        let Self { all, devices, .. } = self;
        let all = Arc::into_inner(all).unwrap_or_default();
        let (mut figures, mut everything) = (Figures::default(), Vec::new());
        for ((group, running), after) in all.into_iter().zip(devices).zip(afterwards) {
            let Group { conversation, people, voices, .. } = group;
            drop(voices);
            let told = try_join_all(running).await.context("a person of a group failed")?;
            let evidence = evidence(conversation, &people, &told, &after);
            let judged: Vec<_> = people
                .iter()
                .zip(&told)
                .zip(after.histories)
                .map(|((account, told), history)| checks::Person { user: account.user.id, told, history })
                .collect();
            checks::judge(findings, &evidence, &after.ledger, &judged);
            figures.add(&after.ledger, &told);
            everything.extend(told);
        }
        Ok((figures, everything))
    }

    async fn wait_until_shown(&self, afterwards: &[Afterwards], patience: Duration) {
        let waited = Instant::now();
        let shown = |(group, after): (&Group, &Afterwards)| {
            let ends = after.histories.iter().map(|history| {
                let history = history.as_ref()?;
                let revision = history.iter().map(|line| line.revision).max();
                Some((history.last().map(|line| line.offset), revision))
            });
            group.watches.iter().zip(ends).all(|(watch, ends)| watch.is_at(ends))
        };
        while !self.all.iter().zip(afterwards).all(shown) && waited.elapsed() < patience {
            sleep(POLL_PAUSE).await;
        }
    }
}

impl Group {
    fn ledger(&self) -> Ledger {
        let ids: Vec<UserId> = self.people.iter().map(|account| account.user.id).collect();
        Ledger::new(ids[0], &ids[1..GROUP_PEOPLE_AT_FIRST])
    }

    /// What the service says once all nodes say the same, or after long enough: the checks tell the difference.
    async fn settled(
        &self,
        log: &Reader,
        nodes: &[SocketAddr],
        numbering: Numbering,
        (patience, end): (Duration, Instant),
    ) -> Result<Afterwards> {
        loop {
            let ledger = self.ledger().replay(&log.records(self.conversation).await?);
            let mut apis = try_join_all(nodes.iter().map(|node| Api::patient(*node, patience))).await?;
            let (mut histories, mut agree) = (Vec::new(), true);
            for (number, account) in self.people.iter().enumerate() {
                let read = self.read_by(account, number, &mut apis, numbering).await?;
                agree &= read.is_some() == ledger.sees_from(account.user.id).is_some();
                histories.push(read);
            }
            for api in &mut apis {
                let read = self.read(&self.people[0], api, numbering).await?;
                agree &= read == histories[0];
            }
            let whole = histories.first().and_then(Option::as_ref);
            for history in histories.iter().flatten() {
                let same = whole.is_some_and(|whole| whole.ends_with(history));
                agree &= same;
            }
            if agree || Instant::now() > end {
                return Ok(Afterwards { ledger, histories });
            }
            sleep(HISTORIES_PAUSE).await;
        }
    }

    /// What somebody reads at one of the nodes, or at whichever shows them anything.
    async fn read_by(
        &self,
        account: &Account,
        number: usize,
        apis: &mut [Api],
        numbering: Numbering,
    ) -> Result<Option<Vec<Line>>> {
        let first = number % apis.len();
        for place in (first..apis.len()).chain(0..first) {
            if let Some(read) = self.read(account, &mut apis[place], numbering).await? {
                return Ok(Some(read));
            }
        }
        Ok(None)
    }

    /// None where they are refused it.
    async fn read(
        &self,
        account: &Account,
        api: &mut Api,
        numbering: Numbering,
    ) -> Result<Option<Vec<Line>>> {
        match api.seen(account, self.conversation).await? {
            // They may be let out between the two questions.
            Seen::By(_) => Ok(api
                .history(account, self.conversation, None)
                .await
                .ok()
                .map(|history| history.iter().map(|message| Line::of(message, numbering)).collect())),
            Seen::NoLonger | Seen::Never => Ok(None),
        }
    }
}

impl Figures {
    fn add(&mut self, ledger: &Ledger, told: &[Told]) {
        let kinds =
            [NoticeKind::Added, NoticeKind::Left, NoticeKind::Removed, NoticeKind::Role, NoticeKind::Named];
        for (deeds, kind) in self.deeds.iter_mut().zip(kinds) {
            *deeds += count(ledger.notices.values().filter(|(_, done)| *done == kind).count());
        }
        self.groups += 1;
        for told in told {
            self.said += count(told.said.len());
            self.turned_away += count(told.turned_away.len());
            self.heard += count(told.heard.len());
        }
    }
}

fn evidence(conversation: ConversationId, people: &[Account], told: &[Told], after: &Afterwards) -> Evidence {
    let mut evidence = Evidence::new(conversation);
    evidence.notices = after.ledger.notices.iter().map(|(offset, (by, _))| (*offset, *by)).collect();
    let whole = after.histories.first().cloned().flatten().unwrap_or_default();
    evidence.histories.push((people[0].user.id, whole));
    for (account, told) in people.iter().zip(told) {
        evidence.said.extend(told.said.iter().map(|id| (*id, account.user.id)));
        evidence.acks.extend(&told.acks);
        evidence.changes.extend(told.changes.iter().copied());
        evidence.change_acks.extend(&told.change_acks);
        evidence.turned_away.extend(&told.turned_away);
    }
    evidence
}

/// Waits until the service lets groups change: nodes must have heard of each other before.
async fn until_groups_change(api: &mut Api, founder: &Account, group: ConversationId) -> Result<()> {
    let waited = Instant::now();
    let name = GroupName::parse("at first")?;
    loop {
        match api.name(founder, group, Some(name.clone())).await {
            Err(error) if waited.elapsed() > READY_WAIT_MAX => {
                return Err(error.context("groups cannot change on this service"));
            }
            Err(_) => sleep(HISTORIES_PAUSE).await,
            Ok(()) => return Ok(()),
        }
    }
}

/// Somebody of some group says something, so many times a second.
async fn talk(
    all: Arc<Vec<Group>>,
    numbering: Numbering,
    rate: u32,
    stop: Arc<AtomicBool>,
    mut random: fastrand::Rng,
) -> Result<()> {
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        sleep(Duration::from_secs(1) / rate).await;
        let voices = &all[random.usize(..all.len())].voices;
        voices[random.usize(..voices.len())]
            .try_send(numbering.id(number))
            .context("a person of a group has ended, or too much waits for them")?;
        number += 1;
    }
    Ok(())
}

/// People do something to a group again and again, at any of the nodes. What is refused, or has no answer, is not asked
/// again: what counts is in the log.
async fn do_deeds(
    group: &Group,
    nodes: &[SocketAddr],
    stop: &AtomicBool,
    mut random: fastrand::Rng,
) -> Result<()> {
    let founder = &group.people[0];
    while !stop.load(Ordering::Relaxed) {
        sleep(GROUP_DEED_PAUSE.mul_f64(2.0 * random.f64())).await;
        let node = nodes[random.usize(..nodes.len())];
        let Ok(mut api) = Api::connect(node).await else { continue };
        let anybody = &group.people[random.usize(..group.people.len())];
        // The founder stays, and stays the owner.
        let other = &group.people[random.usize(1..group.people.len())];
        let id = group.conversation;
        let _ = match random.u32(..100) {
            0..30 => api.add(founder, id, other, random.bool()).await,
            30..45 => api.add(anybody, id, other, random.bool()).await,
            45..60 => api.remove(founder, id, other.user.id).await,
            60..65 => api.remove(anybody, id, other.user.id).await,
            65..80 => api.remove(other, id, other.user.id).await,
            80..90 => {
                let role = if random.bool() { Role::Admin } else { Role::Member };
                api.set_role(founder, id, (other.user.id, role)).await
            }
            _ => {
                let name = GroupName::parse(&format!("group {}", random.u32(..100)))?;
                api.name(anybody, id, random.bool().then_some(name)).await
            }
        };
    }
    Ok(())
}
