//! The crash check: people go on talking while harm is done to the nodes and the brokers again and again, and nothing
//! that was acknowledged is lost, doubled or out of order for anybody.

use crate::checks::{Fault, Findings, judge};
use crate::evidence::{Evidence, Witness};
use crate::gather::{self, Gathered};
use crate::kafka::Kafka;
use crate::latency::Latencies;
use crate::limits::{DRAIN_WAIT_MAX, POLL_PAUSE, RECOVERY_WAIT_MAX};
use crate::load::{Shared, Voices, Wire, times::Times};
use crate::number::{count, short, thousands};
use crate::numbered::Numbering;
use crate::report::{Report, Table, Verdict, progress};
use crate::run::{self, LoadArgs};
use crate::stage::{LogKind, Stage};
use crate::world::World;
use anyhow::{Context as _, Result, bail};
use clap::Args;
use device::{Device, Shown, Told};
use harm::{Done, Harm, Victims};
use kafkatalk_protocol::{ConversationId, UserId};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

mod device;
pub(crate) mod harm;
mod timeline;

/// What is done to the service.
#[derive(Clone, Debug, Args)]
pub(crate) struct CrashArgs {
    /// How often harm is done.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) times: u32,
    /// What is done, in turns; several, parted by commas.
    #[arg(long, value_name = "HARM", value_delimiter = ',', default_value = "kill")]
    pub(crate) harm: Vec<Harm>,
    /// Nodes of the service; more than one on Kafka only.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=9))]
    pub(crate) nodes: u32,
    /// Messages a second.
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rate: u32,
    /// Private conversations, each of two users of its own.
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub(crate) conversations: usize,
    /// Seconds over which messages are sent and harm is spread.
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) seconds: u32,
}

/// What came of it.
pub(crate) struct Outcome {
    log: LogKind,
    nodes: u32,
    brokers: usize,
    harm: Vec<(Done, Option<Duration>)>,
    findings: Findings,
    /// Connections, messages sent again, holes filled, repeats dropped, acks.
    sums: [u64; 5],
    refusals: Vec<String>,
    troubles: Vec<String>,
    to_ack: Latencies,
    to_screen: Latencies,
}

impl Outcome {
    /// Broken by any fault or refusal, and by a node that did not stop in order.
    pub(crate) fn verdict(&self) -> Verdict {
        let troubles = self.refusals.len() + self.troubles.len();
        Verdict::of(self.findings.total() + count(troubles))
    }
}

/// Talks and does harm.
pub(crate) async fn measure(stage: &mut Stage, log: LogKind, crash: &CrashArgs) -> Result<Outcome> {
    let mut random = stage.random();
    let messages = usize::try_from(u64::from(crash.rate) * u64::from(crash.seconds))?;
    let load = LoadArgs::pairs(crash.conversations, crash.rate, crash.seconds);
    let numbering = Numbering::new(random.u64(..), load.bytes);
    let shared = Arc::new(Shared { wire: Wire::KafkaTalk, numbering, times: Times::new(messages, true) });
    if log == LogKind::Embedded && crash.harm.iter().any(|harm| harm.needs_kafka()) {
        bail!(
            "only kill and pause can be done to a server with a log of its own: use --log kafka for the others"
        );
    }
    let setups = stage.nodes(log, crash.nodes).await?;
    let (mut servers, world) = run::populated_nodes(&setups, &load, random.u64(..)).await?;
    for server in &mut servers {
        server.ready().await?;
    }

    let nodes: Arc<[SocketAddr]> = setups.iter().map(|setup| setup.address).collect();
    let devices = Devices::start(&world, &nodes, &shared, &mut random);
    progress(&format!(
        "{log} log: {} messages/s, harm {} times in {} s",
        crash.rate, crash.times, crash.seconds
    ));
    let over = Duration::from_secs(crash.seconds.into());
    let harm_random = random.fork();
    let kafka = stage.started_kafka();
    let mut victims = Victims { setups: &setups, servers, kafka };
    let (said, harm) = tokio::try_join!(
        devices.voices.talk(&world.pairs, 0..messages, crash.rate, &mut random, |_| {}),
        harm::again_and_again(&mut victims, &crash.harm, crash.times, over, harm_random),
    )?;
    devices.voices.drained(RECOVERY_WAIT_MAX).await;
    let mut all = gather::settled_histories(&world, &nodes, numbering).await?;
    devices.wait_until_shown(&all).await;
    let told = devices.finish().await?;
    let mut troubles = Vec::new();
    for server in victims.servers {
        troubles.extend(server.stop().await?.trouble);
    }
    gather::add_said(&mut all, &world, &said);
    add_what_was_seen(&mut all, &world, &told);
    Ok(Outcome {
        log,
        nodes: crash.nodes,
        brokers: kafka.map_or(0, Kafka::brokers),
        // With more nodes than one, the others' acks would be told.
        harm: harm
            .into_iter()
            .map(|done| (done, shared.times.first_ack_after(done.over).filter(|_| crash.nodes == 1)))
            .collect(),
        findings: judge(all.values()),
        sums: Told::sums(&told),
        refusals: told.into_iter().flat_map(|told| told.refusals).collect(),
        troubles,
        to_ack: shared.times.to_ack(0..messages),
        to_screen: shared.times.end_to_end(0..messages),
    })
}

/// Everybody's devices.
pub(crate) struct Devices {
    pub(crate) voices: Voices,
    running: Vec<AbortOnDropHandle<Told>>,
    shown: BTreeMap<(ConversationId, UserId), Shown>,
}

impl Devices {
    pub(crate) fn start(
        world: &World,
        nodes: &Arc<[SocketAddr]>,
        shared: &Arc<Shared>,
        random: &mut fastrand::Rng,
    ) -> Self {
        let mut devices =
            Self { voices: Voices::new(Arc::clone(shared)), running: Vec::new(), shown: BTreeMap::new() };
        for (user, account) in world.accounts.iter().enumerate() {
            let mut device =
                Device::new(Arc::clone(nodes), account.clone(), Arc::clone(shared), random.u64(..));
            for pair in world.of_user(user) {
                let shown = device.show(pair.conversation);
                devices.shown.insert((pair.conversation, account.user.id), shown);
            }
            let commands = devices.voices.add();
            devices.running.push(AbortOnDropHandle::new(tokio::spawn(device.run(commands))));
        }
        devices
    }

    /// Waits until every screen has come to the end of its history, or for long enough; the checks tell the difference.
    pub(crate) async fn wait_until_shown(&self, all: &Gathered) {
        let waited = Instant::now();
        let behind = |((conversation, member), shown): (&(ConversationId, UserId), &Shown)| {
            let histories = all.get(conversation).map(|evidence| &evidence.histories);
            let mine = histories.and_then(|all| all.iter().find(|(reader, _)| reader == member));
            let end = mine.and_then(|(_, history)| history.last()).map_or(0, |line| line.offset.next().0);
            shown.load(Ordering::Relaxed) < end
        };
        while self.shown.iter().any(behind) && waited.elapsed() < DRAIN_WAIT_MAX {
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
        for (conversation, shown) in &told.shown {
            let evidence = all.entry(*conversation).or_insert_with(|| Evidence::new(*conversation));
            let witness = Witness { member: account.user.id, shown: shown.clone(), own_shown: true };
            evidence.witnesses.push(witness);
        }
    }
}

/// The tables of a crash check.
pub(crate) fn tell(report: &mut Report, outcome: &Outcome) {
    let Outcome { log, nodes, brokers, harm, findings, sums, refusals, troubles, to_ack, to_screen } =
        outcome;
    let [connections, resent, filled, repeats, acks] = sums.map(thousands);
    let mut table = Table::new(["what happened", "on the log"]);
    let mut row = |what: &str, figure: String| table.row([what.into(), figure]);
    row("log", log.to_string());
    row("nodes / brokers", format!("{nodes} / {brokers}"));
    row("times that harm was done", harm.len().to_string());
    row("of these while people talked", harm.iter().filter(|(done, _)| done.in_time).count().to_string());
    row("messages sent", thousands(findings.said));
    row("acknowledged (acks that came)", format!("{} ({acks})", thousands(findings.acknowledged)));
    row("in history", thousands(findings.in_history));
    row("shown to the peer", thousands(findings.delivered));
    row("sockets opened", connections);
    row("sent again under the same id", resent);
    row("repeats that clients dropped", repeats);
    row("holes filled from history", filled);
    row("stands after a later one of its sender (no promise)", thousands(findings.overtaken));
    row("to the ack p50 / p90 / p99 / max, ms", to_ack.quartet());
    row("to the peer's screen p50 / p90 / p99 / max, ms", to_screen.quartet());
    report.table(&table);

    let mut table = Table::new(["harm", "to", "for, ms", "from there to ready, ms", "to the first ack, ms"]);
    let ms = |took: Duration| short(took.as_secs_f64() * 1e3);
    for (done, first_ack) in harm {
        let or_none = |took: Option<Duration>| took.map_or_else(|| "none".into(), ms);
        let (to_ready, first_ack) = (or_none(done.to_ready), or_none(*first_ack));
        table.row([done.harm.to_string(), done.which.to_string(), ms(done.down), to_ready, first_ack]);
    }
    report.table(&table);

    let mut table = Table::new(["fault", "found"]);
    for fault in Fault::ALL {
        table.row([fault.as_str().into(), thousands(findings.count(fault))]);
    }
    table.row(["refused by the server".into(), thousands(count(refusals.len()))]);
    report.table(&table);
    run::tell::faults(report, findings, refusals);
    for trouble in troubles {
        report.paragraph(&format!("- {trouble}"));
    }
    let verdict = run::tell::verdict(outcome.verdict());
    report.paragraph(&format!("**{log} log: every promise {verdict}**"));
}
