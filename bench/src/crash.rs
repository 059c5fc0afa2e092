//! The crash check: people keep talking while faults hit the nodes and the brokers again and again, and nothing
//! that was acknowledged is lost, doubled or out of order for anybody.

use crate::checks::{Findings, Mismatch, judge};
use crate::evidence::{Evidence, Witness};
use crate::gather::{self, Gathered};
use crate::kafka::Kafka;
use crate::latency::Latencies;
use crate::limits::{DRAIN_WAIT_MAX, POLL_PAUSE, RECOVERY_SECONDS_MAX, TALK_LONGER};
use crate::load::{Said, Shared, Voices, Wire, times::Times};
use crate::number::count;
use crate::numbered::Numbering;
use crate::proxy::Proxy;
use crate::report::{Verdict, progress};
use crate::run::{self, LoadArgs};
use crate::server::{Server, Setup};
use crate::stage::{LogKind, Stage};
use crate::world::World;
use anyhow::{Context as _, Result, bail};
use clap::Args;
use device::{Device, Told};
use fault::{Done, Fault};
use futures_util::future::try_join_all;
use groups::Groups;
use kafkatalk_log::failpoints;
use kafkatalk_protocol::{ConversationId, UserId};
use screen::Progress;
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use targets::Targets;
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

mod afterwards;
mod device;
pub(crate) mod fault;
pub(crate) mod groups;
mod outbox;
mod screen;
mod targets;
pub(crate) mod tell;
mod timeline;

/// What is done to the service.
#[derive(Clone, Debug, Args)]
pub(crate) struct CrashArgs {
    /// How many faults are injected.
    #[arg(long, value_name = "N", default_value_t = Self::default().times, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) times: u32,
    /// What is done, in turns; several, parted by commas.
    #[arg(
        long = "fault",
        alias = "harm",
        value_name = "FAULT",
        value_delimiter = ',',
        default_value = "kill"
    )]
    pub(crate) faults: Vec<Fault>,
    /// Nodes of the service; more than one on Kafka only.
    #[arg(long, value_name = "N", default_value_t = Self::default().nodes, value_parser = clap::value_parser!(u32).range(1..=9))]
    pub(crate) nodes: u32,
    /// Messages a second.
    #[arg(long, value_name = "N", default_value_t = Self::default().rate, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rate: u32,
    /// Private conversations, each of two users of its own.
    #[arg(long, value_name = "N", default_value_t = Self::default().conversations)]
    pub(crate) conversations: usize,
    /// Seconds over which messages are sent and faults are spread.
    #[arg(long, value_name = "N", default_value_t = Self::default().seconds, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) seconds: u32,
    /// Of so many messages in a hundred the sender changes the text, once or twice; three in ten of these they delete after
    /// that. Unless it is 0, there are also groups whose people come and go.
    #[arg(long, value_name = "PERCENT", default_value_t = Self::default().changes, value_parser = clap::value_parser!(u32).range(..=100))]
    pub(crate) changes: u32,
    /// Hours between the clock of one node and that of the next. Takes a server that is built for it.
    #[arg(long, value_name = "N", default_value_t = Self::default().clocks_apart_hours)]
    pub(crate) clocks_apart_hours: u32,
    /// Points at which all nodes go wrong on purpose, as the environment variable FAILPOINTS takes them. Takes a server that
    /// is built for it.
    #[arg(long, value_name = "POINT=ACTION", value_delimiter = ';')]
    pub(crate) failpoints: Vec<String>,
    /// Seconds within which all must be calm again at the end.
    #[arg(long, value_name = "N", default_value_t = Self::default().recovery_seconds)]
    pub(crate) recovery_seconds: u64,
}

impl Default for CrashArgs {
    fn default() -> Self {
        Self {
            times: 10,
            faults: vec![Fault::Kill],
            nodes: 1,
            rate: 500,
            conversations: 200,
            seconds: 60,
            changes: 10,
            clocks_apart_hours: 0,
            failpoints: Vec::new(),
            recovery_seconds: RECOVERY_SECONDS_MAX,
        }
    }
}

impl CrashArgs {
    /// What the failpoints of a node are, by its number from 0.
    fn failpoints_of(&self, node: usize) -> Vec<String> {
        let seconds = u64::from(self.clocks_apart_hours) * 3600 * count(node);
        let clock = (seconds > 0).then(|| format!("{}=return({seconds})", failpoints::CLOCK));
        self.failpoints.iter().cloned().chain(clock).collect()
    }

    fn needs_failpoints(&self) -> bool {
        !self.failpoints.is_empty() || self.clocks_apart_hours > 0 || self.injects(Fault::needs_failpoints)
    }

    fn injects(&self, kind: impl Fn(Fault) -> bool) -> bool {
        self.faults.iter().any(|fault| kind(*fault))
    }
}

/// What came of it.
pub(crate) struct Outcome {
    log: LogKind,
    nodes: u32,
    brokers: usize,
    faults: Vec<(Done, Option<Duration>)>,
    findings: Findings,
    /// Connections, messages sent again, sent twice at once, holes filled, repeats dropped, acks, acks of changes.
    sums: [u64; 7],
    groups: groups::Figures,
    refusals: Vec<String>,
    problems: Vec<String>,
    to_ack: Latencies,
    to_screen: Latencies,
}

impl Outcome {
    /// What the checks found.
    pub(crate) fn findings(&self) -> &Findings {
        &self.findings
    }

    /// Broken by any mismatch or refusal, and by a node that did not stop in order.
    pub(crate) fn verdict(&self) -> Verdict {
        let problems = self.refusals.len() + self.problems.len();
        Verdict::of(self.findings.total() + count(problems))
    }
}

/// Talks and injects faults.
pub(crate) async fn measure(stage: &mut Stage, log: LogKind, crash: &CrashArgs) -> Result<Outcome> {
    let mut random = stage.random();
    let over = Duration::from_secs(crash.seconds.into());
    let longest = over + TALK_LONGER;
    let messages = usize::try_from(u64::from(crash.rate) * longest.as_secs())?;
    let load = LoadArgs::pairs(crash.conversations, crash.rate, crash.seconds);
    let numbering = Numbering::new(random.u64(..), load.bytes);
    let shared = Arc::new(Shared { wire: Wire::KafkaTalk, numbering, times: Times::new(messages, true) });
    let setups = set_up(stage, log, crash).await?;
    let (mut servers, world) = run::populated_nodes(&setups, &load, random.u64(..)).await?;
    all_ready(&mut servers, crash).await?;
    let nodes: Vec<SocketAddr> = setups.iter().map(|setup| setup.address).collect();
    let (proxies, fronts) = in_front_of(&nodes, crash).await?;
    let devices = Devices::start(&world, &fronts, &shared, crash.changes, &mut random);
    let mut groups = Groups::start(&fronts, crash, load.bytes, &mut random).await?;
    progress(&format!("{log} log: {} messages/s, {} faults in {} s", crash.rate, crash.times, crash.seconds));
    let fault_random = random.fork();
    let kafka = stage.started_kafka();
    let mut targets = Targets { setups: &setups, servers, proxies: &proxies, kafka };
    let all_injected = AtomicBool::new(false);
    let (said, faults) =
        tokio::try_join!(talk(&devices.voices, &world, crash, longest, &mut random, &all_injected), async {
            let done = targets.again_and_again(&crash.faults, crash.times, over, fault_random).await;
            all_injected.store(true, Ordering::Relaxed);
            done
        },)?;
    let messages = said.len();
    let patience = Duration::from_secs(crash.recovery_seconds);
    devices.voices.drained(patience).await;
    groups.come_to_rest(patience).await?;
    let mut all = gather::settled_histories(&world, &nodes, numbering, patience).await?;
    devices.wait_until_shown(&all, patience.min(DRAIN_WAIT_MAX)).await;
    let told = devices.finish().await?;
    gather::add_said(&mut all, &world, &said);
    let left = afterwards::left_of_deleted(&world, &nodes, &all, numbering, patience).await?;
    let mut findings = found(&mut all, &world, &nodes, &told, patience).await?;
    findings.add(Mismatch::TextLeft, left.texts);
    let setup = setups.first().context("a service has a node")?;
    let (figures, in_groups) = groups.judge(setup, patience, &mut findings).await?;
    findings.add(Mismatch::Leaked, in_groups.iter().map(|told| told.leaks).sum());
    let mut problems = left.problems;
    if messages >= shared.times.len() {
        problems.push("people fell silent before the last fault was over".into());
    }
    for server in targets.servers {
        problems.extend(server.stop().await?.problem);
    }
    Ok(Outcome {
        log,
        nodes: crash.nodes,
        brokers: kafka.map_or(0, Kafka::brokers),
        faults: faults.into_iter().map(|done| (done, shared.times.recovered_after(done.over))).collect(),
        findings,
        sums: Told::sums(&told),
        groups: figures,
        refusals: told
            .into_iter()
            .flat_map(|told| told.refusals)
            .chain(in_groups.into_iter().flat_map(|told| told.refusals))
            .collect(),
        problems,
        to_ack: shared.times.to_ack(0..messages),
        to_screen: shared.times.end_to_end(0..messages),
    })
}

async fn all_ready(servers: &mut [Server], crash: &CrashArgs) -> Result<()> {
    for server in servers {
        server.ready().await?;
        if crash.needs_failpoints() && !server.has_failpoints() {
            bail!("the server cannot go wrong on purpose: build it with --features failpoints");
        }
    }
    Ok(())
}

/// What stands before the nodes, where something must, and where people connect.
async fn in_front_of(nodes: &[SocketAddr], crash: &CrashArgs) -> Result<(Vec<Proxy>, Arc<[SocketAddr]>)> {
    if !crash.injects(Fault::needs_node_proxies) {
        return Ok((Vec::new(), nodes.into()));
    }
    let proxies = try_join_all(nodes.iter().map(|node| Proxy::before(*node))).await?;
    let fronts = proxies.iter().map(Proxy::address).collect();
    Ok((proxies, fronts))
}

/// Has people talk for as long as planned, and until the last fault is over, a second at a time.
async fn talk(
    voices: &Voices,
    world: &World,
    crash: &CrashArgs,
    longest: Duration,
    random: &mut fastrand::Rng,
    all_injected: &AtomicBool,
) -> Result<Vec<Said>> {
    let mut said = Vec::new();
    let rate = usize::try_from(crash.rate)?;
    for second in 0..longest.as_secs() {
        if second >= crash.seconds.into() && all_injected.load(Ordering::Relaxed) {
            break;
        }
        let numbers = said.len()..said.len() + rate;
        said.extend(voices.talk(&world.pairs, numbers, crash.rate, random, |_| {}).await?);
    }
    Ok(said)
}

/// Nodes that are to be started.
async fn set_up(stage: &mut Stage, log: LogKind, crash: &CrashArgs) -> Result<Vec<Setup>> {
    if log == LogKind::Embedded && crash.injects(Fault::needs_kafka) {
        bail!("some of these faults need Kafka: use --log kafka");
    }
    if crash.injects(Fault::needs_several_brokers) && stage.args().brokers < 3 {
        bail!("some of these faults mean nothing with one broker: use --brokers 3");
    }
    if crash.injects(Fault::needs_broker_proxies) {
        stage.proxy_kafka()?;
    }
    let mut setups = stage.nodes(log, crash.nodes).await?;
    for (node, setup) in setups.iter_mut().enumerate() {
        setup.failpoints = crash.failpoints_of(node);
    }
    Ok(setups)
}

/// All that is wrong with what devices saw, and with what the nodes say afterwards.
async fn found(
    all: &mut Gathered,
    world: &World,
    nodes: &[SocketAddr],
    told: &[Told],
    patience: Duration,
) -> Result<Findings> {
    let forgotten = afterwards::forgotten_positions(world, nodes, told, patience).await?;
    let open = afterwards::open_to_strangers(world, nodes, all, patience).await?;
    add_what_was_seen(all, world, told);
    let mut findings = judge(all.values());
    findings
        .add(Mismatch::ReadWentBack, forgotten + told.iter().map(|told| told.read_went_back).sum::<u64>());
    findings.add(Mismatch::Leaked, open + told.iter().map(|told| told.leaks).sum::<u64>());
    Ok(findings)
}

/// Everybody's devices.
pub(crate) struct Devices {
    pub(crate) voices: Voices,
    running: Vec<AbortOnDropHandle<Told>>,
    progress: BTreeMap<(ConversationId, UserId), Arc<Progress>>,
}

impl Devices {
    pub(crate) fn start(
        world: &World,
        nodes: &Arc<[SocketAddr]>,
        shared: &Arc<Shared>,
        changes_percent: u32,
        random: &mut fastrand::Rng,
    ) -> Self {
        let mut devices =
            Self { voices: Voices::new(Arc::clone(shared)), running: Vec::new(), progress: BTreeMap::new() };
        for (user, account) in world.accounts.iter().enumerate() {
            let (nodes, shared) = (Arc::clone(nodes), Arc::clone(shared));
            let mut device = Device::new(nodes, account.clone(), shared, changes_percent, random.u64(..));
            for pair in world.of_user(user) {
                let progress = device.show(pair.conversation);
                devices.progress.insert((pair.conversation, account.user.id), progress);
            }
            let commands = devices.voices.add();
            devices.running.push(AbortOnDropHandle::new(tokio::spawn(device.run(commands))));
        }
        devices
    }

    /// Waits until every screen has come to the end of its history, or for long enough; the checks tell the difference.
    pub(crate) async fn wait_until_shown(&self, all: &Gathered, patience: Duration) {
        let waited = Instant::now();
        let behind = |((conversation, member), progress): (&(ConversationId, UserId), &Arc<Progress>)| {
            let histories = all.get(conversation).map(|evidence| &evidence.histories);
            let mine = histories.and_then(|all| all.iter().find(|(reader, _)| reader == member));
            let history = mine.map_or(&[][..], |(_, history)| history.as_slice());
            let (last, revision) = (history.last(), history.iter().map(|line| line.revision).max());
            !progress.is_at(last.map(|line| line.offset), revision)
        };
        while self.progress.iter().any(behind) && waited.elapsed() < patience {
            sleep(POLL_PAUSE).await;
        }
    }

    pub(crate) async fn finish(self) -> Result<Vec<Told>> {
        drop(self.voices);
        let mut all = Vec::with_capacity(self.running.len());
        for device in self.running {
            all.push(device.await.context("a client failed")?);
        }
        Ok(all)
    }
}

pub(crate) fn add_what_was_seen(all: &mut Gathered, world: &World, told: &[Told]) {
    for (account, told) in world.accounts.iter().zip(told) {
        for (conversation, id, offset) in &told.acks {
            all.entry(*conversation).and_modify(|evidence| evidence.acks.push((*id, *offset)));
        }
        for (conversation, id, change) in &told.changes {
            all.entry(*conversation).and_modify(|evidence| {
                evidence.changes.insert(*id, *change);
            });
        }
        for (conversation, id, offset) in &told.change_acks {
            all.entry(*conversation).and_modify(|evidence| evidence.change_acks.push((*id, *offset)));
        }
        for (conversation, shown) in &told.shown {
            let evidence = all.entry(*conversation).or_insert_with(|| Evidence::new(*conversation));
            let witness = Witness { member: account.user.id, shown: shown.clone(), own_shown: true };
            evidence.witnesses.push(witness);
        }
    }
}
