//! A new conversation on Kafka, which is a new topic: how long it takes to open, and its first message, beside a message
//! in a conversation that has been there.

use super::sizes::Sizes;
use crate::checks::{Findings, judge};
use crate::client::api::Api;
use crate::gather;
use crate::latency::Latencies;
use crate::limits::DRAIN_WAIT_MAX;
use crate::load::{Clients, Said, Shared, Wire, times::Times};
use crate::number::{count, nanos, short, thousands};
use crate::numbered::Numbering;
use crate::process::Machine;
use crate::report::{Report, Table, Verdict, progress, yes_or_no};
use crate::run::{self, LoadArgs};
use crate::stage::{LogKind, Stage};
use crate::world::{Pair, World, pairs, pairs_max};
use anyhow::{Context as _, Result};
use std::{
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::time::sleep;

/// Conversations that are there before.
const ESTABLISHED: usize = 20;
/// Messages in each of them before anything is measured.
const WARM_UP_MESSAGES: usize = 5;
/// Messages a second meanwhile.
const WARM_UP_RATE: u32 = 20;
/// Rest between two new conversations: people do not open them without a pause.
const REST: Duration = Duration::from_millis(50);
/// What 99 of 100 are to stay below.
const AIM: Duration = Duration::from_millis(150);

/// What was found.
pub(super) struct Outcome {
    log: LogKind,
    opening: Latencies,
    /// To the ack and to the peer: the first message, a message where others were before, and how late each was asked for.
    first: [Latencies; 3],
    established: [Latencies; 3],
    stolen_percent: f64,
    missing: u64,
    findings: Findings,
    problems: Vec<String>,
}

/// Opens conversations one after the other, and speaks in each at once.
pub(super) async fn measure(stage: &mut Stage, sizes: &Sizes) -> Result<Outcome> {
    let log = LogKind::Kafka;
    let mut random = stage.random();
    let new = sizes.new_conversations;
    let all = pairs(users(ESTABLISHED + new), ESTABLISHED + new)?.split_off(ESTABLISHED);
    let warm_up = ESTABLISHED * WARM_UP_MESSAGES;
    let numbering = Numbering::new(random.u64(..), LoadArgs::pairs(1, 1, 1).bytes);
    let times = Times::new(warm_up + 2 * new, true);
    let shared = Arc::new(Shared { wire: Wire::KafkaTalk, numbering, times });

    let setup = stage.server(log).await?;
    let nodes = [setup.address];
    let mut server = setup.start()?;
    server.ready().await?;
    let mut world = World::build(&nodes, users(ESTABLISHED + new), ESTABLISHED, random.u64(..)).await?;
    let clients = Clients::connect(&nodes, &world.accounts, Arc::clone(&shared)).await?;
    let mut talk = Talk { clients, random, said: Vec::new() };
    progress(&format!("{log} log: {new} new conversations, one after the other"));
    let mut api = Api::connect(setup.address).await?;
    let machine = Machine::now()?;
    let mut opening = Latencies::new();
    let mut problems = Vec::new();
    if let Err(error) = talk.all(&mut api, &mut world, &all, &mut opening).await {
        // What was measured before is worth telling.
        progress(&format!("{error:#}"));
        problems.push(format!("ended after {} of {new} new conversations: {error:#}", opening.len()));
    }
    let stolen_percent = Machine::now()?.stolen_percent_since(machine);
    let Talk { clients, said, .. } = talk;
    let heard = clients.close().await?;
    problems.extend(run::problems(&heard));
    let mut findings = Findings::default();
    match gather::histories(&world, &nodes, numbering).await {
        Ok(mut evidence) => {
            gather::add_said(&mut evidence, &world, &said);
            run::add_heard(&mut evidence, &world, heard);
            findings = judge(evidence.values());
        }
        Err(error) => problems.push(format!("the histories could not be read: {error:#}")),
    }
    problems.extend(server.end().await);
    let [first, other] = measured(said.len(), warm_up, new);
    let owed = 2 * count(first.len() + other.len());
    let times = &shared.times;
    let of = |numbers: Range<usize>| {
        [times.to_ack(numbers.clone()), times.end_to_end(numbers.clone()), times.late(numbers)]
    };
    let (acked, received) = times.counts(warm_up..warm_up + 2 * new);
    Ok(Outcome {
        log,
        opening,
        first: of(first),
        established: of(other),
        stolen_percent,
        missing: owed.saturating_sub(acked + received),
        findings,
        problems,
    })
}

/// The fewest users among whom there are so many conversations.
fn users(conversations: usize) -> usize {
    (2..).step_by(2).find(|users| pairs_max(*users) >= conversations).unwrap_or(2)
}

/// The numbers of the first messages and of those beside them, up to the last that was said. Each first message is followed
/// by one beside it, whose number is higher by that of the new conversations.
fn measured(said: usize, warm_up: usize, new: usize) -> [Range<usize>; 2] {
    let said = said.saturating_sub(warm_up);
    let begin = [warm_up, warm_up + new];
    [begin[0]..begin[0] + said.div_ceil(2), begin[1]..begin[1] + said / 2]
}

struct Talk {
    clients: Clients,
    random: fastrand::Rng,
    said: Vec<Said>,
}

impl Talk {
    /// Speaks where conversations have been, then opens one after the other and speaks in it at once. What does not come ends
    /// it: each wait for what comes later would be as long as can be, and no measurement.
    async fn all(
        &mut self,
        api: &mut Api,
        world: &mut World,
        all: &[[usize; 2]],
        opening: &mut Latencies,
    ) -> Result<()> {
        let established = world.pairs.clone();
        let warm_up = ESTABLISHED * WARM_UP_MESSAGES;
        self.now(&established, 0..warm_up).await?;
        for (nth, members) in all.iter().copied().enumerate() {
            let [one, other] = members.map(|member| &world.accounts[member]);
            let started = Instant::now();
            let opened = api.open(one, &other.user.username).await.context("cannot open a conversation")?;
            opening.record(nanos(started.elapsed()));
            let pair = Pair { conversation: opened.id, members };
            world.pairs.push(pair);
            let first = warm_up + nth;
            self.now(&[pair], first..first + 1).await?;
            let beside = first + all.len();
            self.now(&established, beside..beside + 1).await?;
            sleep(REST).await;
        }
        Ok(())
    }

    /// Says so many things in these conversations, and waits until all has come.
    async fn now(&mut self, pairs: &[Pair], numbers: Range<usize>) -> Result<()> {
        let voices = &self.clients.voices;
        self.said.extend(voices.talk(pairs, numbers, WARM_UP_RATE, &mut self.random, |_| {}).await?);
        let wait = DRAIN_WAIT_MAX;
        anyhow::ensure!(voices.drained(wait).await, "a message did not arrive within {} s", wait.as_secs());
        Ok(())
    }
}

/// The table, and what was broken.
pub(super) fn tell(report: &mut Report, outcome: &Outcome) -> Verdict {
    let Outcome { log, opening, first, established, stolen_percent, missing, findings, problems } = outcome;
    let mut table = Table::new([
        "log",
        "what",
        "measured",
        "time from asking, p50 / p90 / p99 / max, ms",
        "load late p99 / max, ms",
        "stolen, %",
        "p99, ms",
        &format!("p99 under {} ms (aim for new ones)", AIM.as_millis()),
    ]);
    let mut row = |what: &str, latencies: &Latencies, late: Option<&Latencies>, aimed: bool| {
        let p99 = latencies.quantile_ms(0.99).filter(|_| aimed);
        let kept = p99.map(|ms| ms < AIM.as_secs_f64() * 1e3);
        table.row([
            log.to_string(),
            what.into(),
            thousands(latencies.len()),
            latencies.quartet(),
            late.map_or_else(|| "none".into(), Latencies::lateness),
            short(*stolen_percent),
            latencies.text(0.99),
            kept.map_or("none", yes_or_no).into(),
        ]);
    };
    row("open a new conversation (HTTP)", opening, None, true);
    for (name, [to_ack, to_peer, late], aimed) in [
        ("first message in a new conversation", first, true),
        ("message in an established conversation", established, false),
    ] {
        row(&format!("{name}, to its ack"), to_ack, Some(late), aimed);
        row(&format!("{name}, to the peer"), to_peer, Some(late), aimed);
    }
    report.table(&table);
    report.paragraph(
        "One after the other: a conversation is opened, its first message is said as soon as the answer is there, then one in \
         an established conversation once the first has come. A message's time does not hold the opening's.",
    );
    run::tell::mismatches(report, findings, problems);
    Verdict::of(findings.total() + count(problems.len()) + missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_just_enough_users_for_so_many_conversations() {
        assert_eq!([1, 2, 6, 7, 220].map(users), [2, 4, 4, 6, 22]);
    }

    #[test]
    fn what_was_never_said_is_not_measured() {
        assert_eq!(measured(110, 100, 5), [100..105, 105..110]);
        assert_eq!(measured(103, 100, 5), [100..102, 105..106]);
        assert_eq!(measured(100, 100, 5), [100..100, 105..105]);
        assert_eq!(measured(0, 100, 5), [100..100, 105..105]);
    }
}
