//! The crash check: people go on talking while the server is killed again and again, and nothing that was
//! acknowledged is lost, doubled or out of order for anybody.

use crate::checks::{Fault, Findings, judge};
use crate::evidence::{Evidence, Witness};
use crate::gather::{self, Gathered};
use crate::latency::Latencies;
use crate::limits::{DRAIN_WAIT_MAX, POLL_PAUSE, RECOVERY_WAIT_MAX};
use crate::load::{Shared, Voices, Wire, times::Times};
use crate::number::{count, short, thousands};
use crate::numbered::Numbering;
use crate::report::{Report, Table, Verdict, progress};
use crate::run::{self, LoadArgs};
use crate::stage::{LogKind, Stage};
use crate::world::World;
use anyhow::{Context as _, Result};
use clap::Args;
use device::{Device, Shown, Told};
use kafkatalk_protocol::{ConversationId, UserId};
use kills::Kill;
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

mod device;
mod kills;
mod timeline;

/// What is done to the server.
#[derive(Clone, Debug, Args)]
pub(crate) struct CrashArgs {
    /// How often the server is killed.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) kills: u32,
    /// Messages a second.
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rate: u32,
    /// Private conversations, each of two users of its own.
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub(crate) conversations: usize,
    /// Seconds over which messages are sent and kills are spread.
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) seconds: u32,
}

/// What came of it.
pub(crate) struct Outcome {
    log: LogKind,
    kills: Vec<(Kill, Option<Duration>)>,
    findings: Findings,
    /// Connections, messages sent again, holes filled, repeats dropped, acks.
    sums: [u64; 5],
    refusals: Vec<String>,
    trouble: Option<String>,
    to_ack: Latencies,
    to_screen: Latencies,
}

impl Outcome {
    /// Broken by any fault or refusal, and by a server that did not stop in order.
    pub(crate) fn verdict(&self) -> Verdict {
        let troubles = self.refusals.len() + usize::from(self.trouble.is_some());
        Verdict::of(self.findings.total() + count(troubles))
    }
}

/// Talks and kills.
pub(crate) async fn measure(stage: &mut Stage, log: LogKind, crash: &CrashArgs) -> Result<Outcome> {
    let mut random = stage.random();
    let messages = usize::try_from(u64::from(crash.rate) * u64::from(crash.seconds))?;
    let load = LoadArgs::pairs(crash.conversations, crash.rate, crash.seconds);
    let numbering = Numbering::new(random.u64(..), load.bytes);
    let shared = Arc::new(Shared { wire: Wire::KafkaTalk, numbering, times: Times::new(messages, true) });
    let setup = stage.server(log).await?;
    let (mut server, world) = run::populated(&setup, &load, random.u64(..)).await?;
    server.ready().await?;

    let devices = Devices::start(&world, setup.address, &shared, &mut random);
    progress(&format!("{log} log: {} messages/s, {} kills in {} s", crash.rate, crash.kills, crash.seconds));
    let over = Duration::from_secs(crash.seconds.into());
    let kill_random = random.fork();
    let (said, killed) = tokio::try_join!(
        devices.voices.talk(&world.pairs, 0..messages, crash.rate, &mut random, |_| {}),
        kills::kill_again_and_again(&setup, server, crash.kills, over, kill_random),
    )?;
    let (server, kills) = killed;
    devices.voices.drained(RECOVERY_WAIT_MAX).await;
    let mut all = gather::histories(&world, setup.address, numbering).await?;
    devices.wait_until_shown(&all).await;
    let told = devices.finish().await?;
    let stopped = server.stop().await?;
    gather::add_said(&mut all, &world, &said);
    add_what_was_seen(&mut all, &world, &told);
    Ok(Outcome {
        log,
        kills: kills.into_iter().map(|kill| (kill, shared.times.first_ack_after(kill.restarted))).collect(),
        findings: judge(all.values()),
        sums: Told::sums(&told),
        refusals: told.into_iter().flat_map(|told| told.refusals).collect(),
        trouble: stopped.trouble,
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
        address: SocketAddr,
        shared: &Arc<Shared>,
        random: &mut fastrand::Rng,
    ) -> Self {
        let mut devices =
            Self { voices: Voices::new(Arc::clone(shared)), running: Vec::new(), shown: BTreeMap::new() };
        for (user, account) in world.accounts.iter().enumerate() {
            let mut device = Device::new(address, account.clone(), Arc::clone(shared), random.u64(..));
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
    let Outcome { log, kills, findings, sums, refusals, trouble, to_ack, to_screen } = outcome;
    let [connections, resent, filled, repeats, acks] = sums.map(thousands);
    let mut table = Table::new(["what happened", "on the log"]);
    let mut row = |what: &str, figure: String| table.row([what.into(), figure]);
    row("log", log.to_string());
    row("kills", kills.len().to_string());
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

    let mut table = Table::new(["kill", "dead, ms", "start to ready, ms", "start to first ack, ms"]);
    let ms = |took: Duration| short(took.as_secs_f64() * 1e3);
    for (number, (kill, first_ack)) in kills.iter().enumerate() {
        let first_ack = first_ack.map_or_else(|| "none".into(), ms);
        table.row([(number + 1).to_string(), ms(kill.down), ms(kill.to_ready), first_ack]);
    }
    report.table(&table);

    let mut table = Table::new(["fault", "found"]);
    for fault in Fault::ALL {
        table.row([fault.as_str().into(), thousands(findings.count(fault))]);
    }
    table.row(["refused by the server".into(), thousands(count(refusals.len()))]);
    report.table(&table);
    run::tell::faults(report, findings, refusals);
    if let Some(trouble) = trouble {
        report.paragraph(&format!("- {trouble}"));
    }
    let verdict = run::tell::verdict(outcome.verdict());
    report.paragraph(&format!("**{log} log: every promise {verdict}**"));
}
