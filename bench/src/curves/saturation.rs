//! Rates that rise until a service no longer carries them, and what each part of the machine had to do for that.

use super::plot::{Plot, Scale, Series};
use super::sizes::Sizes;
use crate::limits::{DRAIN_WAIT_MAX, MISMATCHES_SHOWN};
use crate::load::{Clients, Shared, Wire, times::Times};
use crate::number::{count, float, short, thousands};
use crate::numbered::Numbering;
use crate::process::Pid;
use crate::report::{Report, Table, Verdict, progress};
use crate::run::{self, AtRate, LoadArgs, Part};
use crate::server::Server;
use crate::stage::{LogKind, Stage};
use crate::world::World;
use anyhow::Result;
use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

/// How often a rate is tried that was not sustained: a host that takes the processor for a moment is no saturation.
const TRIES: usize = 3;
/// Of the rate that was asked for, what must have arrived, in percent.
const ACHIEVED_PERCENT_MIN: f64 = 95.0;
/// Seconds at each rate before what is measured.
const STEP_WARM_UP_SECONDS: u32 = 2;

/// Whether a rate was sustained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    /// It was.
    Yes,
    /// Some messages were neither acknowledged nor delivered in time, or refused.
    Missing,
    /// Fewer arrived in a second than were asked for.
    Behind,
    /// They took too long.
    Slow,
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Yes => "sustained",
            Self::Missing => "some missing",
            Self::Behind => "behind",
            Self::Slow => "too slow",
        })
    }
}

/// One try at one rate.
struct Step {
    at: AtRate,
    held: Held,
}

/// Rising rates on one service.
pub(super) struct Ladder {
    log: LogKind,
    nodes: u32,
    steps: Vec<Step>,
    /// Why it ended before its time.
    ended: Option<String>,
    /// What no load is an excuse for: servers that broke down, messages that were refused.
    problems: Vec<String>,
}

/// The last rate that was sustained, or its lower bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Saturation {
    rate: u32,
    /// No rate above it was tried to the end and not sustained: the saturation may lie higher.
    at_least: bool,
}

impl fmt::Display for Saturation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = if self.at_least { "at least " } else { "" };
        write!(f, "{words}{}", thousands(self.rate.into()))
    }
}

impl Ladder {
    /// Saturation, and the last rate that was sustained at its best.
    fn saturation(&self) -> Option<(Saturation, &Step)> {
        let tries: Vec<_> = self.steps.iter().map(|step| (step.at.rate, step.held == Held::Yes)).collect();
        let saturation = saturation(&tries, self.ended.is_some())?;
        let step =
            self.steps.iter().find(|step| step.at.rate == saturation.rate && step.held == Held::Yes)?;
        Some((saturation, step))
    }

    fn name(&self) -> String {
        let ending = if self.nodes == 1 { "" } else { "s" };
        format!("{} log, {} node{ending}", self.log, self.nodes)
    }
}

/// The last rate that was sustained in one of its tries, before the first that was in none.
fn saturation(tries: &[(u32, bool)], ended_early: bool) -> Option<Saturation> {
    let rates = tries.chunk_by(|one, next| one.0 == next.0);
    let sustained = rates.take_while(|tries| tries.iter().any(|(_, held)| *held));
    let rate = sustained.last().and_then(|tries| tries.first()).map(|(rate, _)| *rate)?;
    let at_least = ended_early || tries.last().is_some_and(|(_, held)| *held);
    Some(Saturation { rate, at_least })
}

/// What is held against the bound, in milliseconds: p99 from socket to socket and p99 of the load's lateness, added.
fn p99_with_lateness_ms(at: &AtRate) -> Option<f64> {
    Some(at.end_to_end.quantile_ms(0.99)? + at.late.quantile_ms(0.99)?)
}

/// What the load itself was late counts as the messages' time here: on a machine that is shared, it is late because the
/// service has the processor.
fn held(at: &AtRate, p99_max: Duration) -> Held {
    if !at.complete() {
        Held::Missing
    } else if at.achieved() < f64::from(at.rate) * ACHIEVED_PERCENT_MIN / 100.0 {
        Held::Behind
    } else if p99_with_lateness_ms(at).is_none_or(|ms| ms > p99_max.as_secs_f64() * 1e3) {
        Held::Slow
    } else {
        Held::Yes
    }
}

/// Climbs on each log, on Kafka with each number of nodes.
pub(super) async fn measure(stage: &mut Stage, sizes: &Sizes) -> Result<Vec<Ladder>> {
    let mut ladders = Vec::new();
    for log in &sizes.logs {
        let nodes: &[u32] = if *log == LogKind::Kafka { &sizes.nodes } else { &[1] };
        for nodes in nodes {
            ladders.push(climb(stage, *log, *nodes, sizes).await?);
        }
    }
    Ok(ladders)
}

/// The clients of a ladder and all that they need.
struct Climbers {
    clients: Clients,
    world: World,
    shared: Arc<Shared>,
    random: fastrand::Rng,
}

async fn climb(stage: &mut Stage, log: LogKind, nodes: u32, sizes: &Sizes) -> Result<Ladder> {
    let mut random = stage.random();
    let parts = parts(&sizes.rates, sizes.step_seconds)?;
    let load = LoadArgs::pairs(sizes.saturation_conversations, 1, 1);
    let numbering = Numbering::new(random.u64(..), load.bytes);
    let messages = parts.last().map_or(0, |part| part.end);
    let shared = Arc::new(Shared { wire: Wire::KafkaTalk, numbering, times: Times::new(messages, true) });

    let setups = stage.nodes(log, nodes).await?;
    let (mut servers, world) = run::populated_nodes(&setups, &load, random.u64(..)).await?;
    for server in &mut servers {
        server.ready().await?;
    }
    let addresses: Vec<SocketAddr> = setups.iter().map(|setup| setup.address).collect();
    let clients = Clients::connect(&addresses, &world.accounts, Arc::clone(&shared)).await?;
    let kafka = stage.kafka_pids(log)?;
    let pids: Vec<Pid> = servers.iter().map(Server::pid).collect();
    let mut ladder = Ladder { log, nodes, steps: Vec::new(), ended: None, problems: Vec::new() };
    let mut climbers = Climbers { clients, world, shared, random };
    if let Err(error) = climbers.up(&mut ladder, &parts, [&pids, &kafka], sizes.p99_max).await {
        // A socket that the server closed: what it cannot carry may end so, too.
        progress(&format!("{error:#}"));
        ladder.ended = Some(format!("{error:#}"));
    }
    // Beyond saturation a server may close sockets of those who do not keep up; it may refuse nothing, nor break down.
    let heard = climbers.clients.close().await?;
    ladder.problems.extend(run::refused(heard.iter().flat_map(|heard| &heard.refusals)));
    for server in servers {
        // One that is gone already cannot be stopped: what was measured before is worth telling.
        ladder.problems.extend(server.end().await);
    }
    Ok(ladder)
}

/// The messages of a ladder: those before anything is measured, then each rate as often as it may be tried.
fn parts(rates: &[u32], seconds: u32) -> Result<Vec<Part>> {
    let tries = rates.iter().flat_map(|rate| [*rate; TRIES]);
    run::parts(&LoadArgs {
        rate: rates.first().copied().into_iter().chain(tries).collect(),
        warm_up_seconds: STEP_WARM_UP_SECONDS,
        ..LoadArgs::pairs(1, 1, seconds)
    })
}

impl Climbers {
    async fn up(
        &mut self,
        ladder: &mut Ladder,
        parts: &[Part],
        processes: [&[Pid]; 2],
        p99_max: Duration,
    ) -> Result<()> {
        let Some((first, rates)) = parts.split_first() else { return Ok(()) };
        // The first message of every conversation since the start costs more than the others.
        self.at(*first, processes).await?;
        for tries in rates.chunks(TRIES) {
            let mut sustained = false;
            for part in tries {
                progress(&format!("{}: {} messages/s", ladder.name(), part.rate));
                let at = self.at(*part, processes).await?;
                let held = held(&at, p99_max);
                ladder.steps.push(Step { at, held });
                sustained = held == Held::Yes;
                // What still waits would be in the way of another try.
                if sustained || !self.clients.voices.drained(DRAIN_WAIT_MAX).await {
                    break;
                }
            }
            if !sustained {
                break;
            }
        }
        Ok(())
    }

    async fn at(&mut self, part: Part, processes: [&[Pid]; 2]) -> Result<AtRate> {
        let Self { clients, world, shared, random } = self;
        Ok(run::at_rate(clients, world, shared, part, processes, random).await?.0)
    }
}

/// What a message takes of each part of the machine, in cores for a thousand messages a second.
fn cores_for_thousand(at: &AtRate) -> [f64; 3] {
    // A microsecond for each message is a thousandth of a core for a thousand a second.
    [at.cpu_us, at.kafka_cpu_us.unwrap_or(0.0), at.load_cpu_us].map(|us| us / 1e3)
}

/// Messages a second for which so many cores suffice, if each goes on taking what it takes.
fn ceiling(cores: usize, for_thousand: [f64; 3]) -> f64 {
    1e3 * float(count(cores)) / for_thousand.iter().sum::<f64>()
}

/// The tables, and whether the servers did what no load is an excuse for.
pub(super) fn tell(report: &mut Report, ladders: &[Ladder], sizes: &Sizes) -> Verdict {
    report.paragraph(&format!(
        "Each rate is {} times the one before. One counts as sustained when all of its messages were acknowledged and \
         delivered, at least {ACHIEVED_PERCENT_MIN} % of them in the time for which they were asked, and when 99 of 100 took at \
         most {} ms, with what the load itself was late at p99. One that is not sustained is tried up to {TRIES} times. Saturation is \
         \"at least\" a rate where no higher one was found not to be sustained: it was the last to try, or an error ended the search.",
        ratio(&sizes.rates),
        sizes.p99_max.as_millis()
    ));
    report.table(&steps(ladders));
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    report.table(&saturations(ladders, cores));
    for ladder in ladders {
        if let Some(why) = &ladder.ended {
            report.paragraph(&format!("- {}: ended early: {why}", ladder.name()));
        }
        for problem in ladder.problems.iter().take(MISMATCHES_SHOWN) {
            report.paragraph(&format!("- {}: {problem}", ladder.name()));
        }
    }
    more_nodes(report, ladders, cores);
    verdict(ladders)
}

fn verdict(ladders: &[Ladder]) -> Verdict {
    Verdict::of(count(ladders.iter().map(|ladder| ladder.problems.len()).sum()))
}

fn ratio(rates: &[u32]) -> String {
    match rates {
        [first, second, ..] => short(f64::from(*second) / f64::from(*first)),
        _ => "no".into(),
    }
}

fn steps(ladders: &[Ladder]) -> Table {
    let mut table = Table::new([
        "log",
        "nodes",
        "messages/s asked / arrived",
        "end to end p50 / p90 / p99 / max, ms",
        "ack p50 / p90 / p99 / max, ms",
        "load late p99 / max, ms",
        "stolen, %",
        "cores used: servers / Kafka / load",
        "",
    ]);
    for (ladder, step) in ladders.iter().flat_map(|of| of.steps.iter().map(move |step| (of, step))) {
        let at = &step.at;
        let used = cores_for_thousand(at).map(|cores| short(cores * at.achieved() / 1e3));
        table.row([
            ladder.log.to_string(),
            ladder.nodes.to_string(),
            format!("{} / {}", thousands(at.rate.into()), short(at.achieved())),
            at.end_to_end.quartet(),
            at.to_ack.quartet(),
            at.late.lateness(),
            short(at.stolen_percent),
            used.join(" / "),
            step.held.to_string(),
        ]);
    }
    table
}

fn saturations(ladders: &[Ladder], cores: usize) -> Table {
    let mut table = Table::new([
        "log",
        "nodes",
        "saturation, messages/s",
        "times one node's",
        "p99 there, ms",
        "stolen, %",
        "cores for 1,000 messages/s: servers / Kafka / load",
        "together",
        &format!("{cores} cores suffice for, messages/s"),
    ]);
    for ladder in ladders {
        let Some((saturation, step)) = ladder.saturation() else {
            let none = || String::from("none");
            let (log, nodes) = (ladder.log.to_string(), ladder.nodes.to_string());
            table.row([log, nodes, none(), none(), none(), none(), none(), none(), none()]);
            continue;
        };
        let for_thousand = cores_for_thousand(&step.at);
        table.row([
            ladder.log.to_string(),
            ladder.nodes.to_string(),
            saturation.to_string(),
            times_one_node(ladders, ladder),
            step.at.end_to_end.text(0.99),
            short(step.at.stolen_percent),
            for_thousand.map(short).join(" / "),
            short(for_thousand.iter().sum()),
            short(ceiling(cores, for_thousand)),
        ]);
    }
    table
}

/// How many times the saturation of one node on the same log that of a ladder is.
fn times_one_node(ladders: &[Ladder], ladder: &Ladder) -> String {
    if ladder.nodes == 1 {
        return "1".into();
    }
    let one = ladders.iter().find(|one| one.log == ladder.log && one.nodes == 1);
    let saturations = one.and_then(Ladder::saturation).zip(ladder.saturation());
    saturations.map_or_else(|| "unknown".into(), |((one, _), (more, _))| times(more, one))
}

/// How many times one rate of saturation another is, as far as both are known.
fn times(more: Saturation, one: Saturation) -> String {
    let times = short(f64::from(more.rate) / f64::from(one.rate));
    match (more.at_least, one.at_least) {
        (false, false) => times,
        (true, false) => format!("at least {times}"),
        (false, true) => format!("at most {times}"),
        (true, true) => "unknown".into(),
    }
}

/// The arithmetic of why more nodes are or are not quicker here.
fn more_nodes(report: &mut Report, ladders: &[Ladder], cores: usize) {
    let most = ladders.iter().filter(|ladder| ladder.nodes > 1).max_by_key(|ladder| ladder.nodes);
    let Some((ladder, (saturation, step))) = most.and_then(|ladder| Some((ladder, ladder.saturation()?)))
    else {
        return;
    };
    let [servers, kafka, load] = cores_for_thousand(&step.at);
    let together = servers + kafka + load;
    let used = together * step.at.achieved() / 1e3;
    report.paragraph(&format!(
        "{}: at {} messages/s (saturation: {saturation}) servers, Kafka and load used {} of {cores} cores. A thousand messages a second \
         take {} cores, of which a node's share is {}, Kafka's {} and the load's {}; so {cores} cores suffice for {} messages/s, \
         whatever the number of nodes. On machines of their own, as many nodes with {cores} cores each would have cores for {} \
         messages/s, if Kafka and the load had theirs.",
        ladder.name(),
        thousands(step.at.rate.into()),
        short(used),
        short(together),
        short(servers),
        short(kafka),
        short(load),
        short(ceiling(cores, [servers, kafka, load])),
        short(f64::from(ladder.nodes) * ceiling(cores, [servers, 0.0, 0.0])),
    ));
}

/// Of each rate, what the better try has beside the bound. Tries in which messages were missing are left out: what is
/// missing has no latency, and a quantile of the rest would look good.
fn better(steps: &[Step]) -> Vec<(f64, f64)> {
    let tries = steps.chunk_by(|one, next| one.at.rate == next.at.rate);
    let better = tries.filter_map(|tries| {
        let whole = tries.iter().filter(|step| step.held != Held::Missing);
        let p99 = whole.filter_map(|step| p99_with_lateness_ms(&step.at));
        Some((f64::from(tries.first()?.at.rate), p99.min_by(f64::total_cmp)?))
    });
    better.collect()
}

/// The picture.
pub(super) fn plots(ladders: &[Ladder], sizes: &Sizes) -> Vec<Plot> {
    let line = |ladder: &Ladder| Series::new(&ladder.name(), better(&ladder.steps));
    let mut series: Vec<_> = ladders.iter().map(line).collect();
    let rates = ladders.iter().flat_map(|ladder| &ladder.steps).map(|step| step.at.rate);
    if let (Some(low), Some(high)) = (rates.clone().min(), rates.max()) {
        let bound = sizes.p99_max.as_secs_f64() * 1e3;
        let points = [low, high].map(|rate| (f64::from(rate), bound)).to_vec();
        series.push(Series::new("what counts as too slow", points).dashed());
    }
    vec![Plot {
        name: "latency-rate".into(),
        title: "From socket to socket, p99, and p99 of the load's lateness added".into(),
        x: ("messages a second".into(), Scale::Log),
        y: ("milliseconds".into(), Scale::Log),
        series,
    }]
}

#[cfg(test)]
mod tests;
