//! Latency and CPU against the number of conversations: the same few sockets, the same rate, ever more conversations on
//! one service that goes on running, as those of real people do.

use super::plot::{Plot, Scale, Series};
use super::sizes::{Room, Sizes};
use crate::baselines::{self, Baseline};
use crate::checks::{Findings, judge};
use crate::gather;
use crate::latency::Latencies;
use crate::limits::SETUP_CONNECTIONS;
use crate::load::{Clients, Said, Shared, Wire, times::Times};
use crate::number::{count, float, short, thousands};
use crate::numbered::Numbering;
use crate::process::{self, Pid};
use crate::report::{Report, Table, Verdict, progress};
use crate::run::{self, AtRate, LoadArgs, Part};
use crate::server::Server;
use crate::stage::{LogKind, Stage};
use crate::world::World;
use anyhow::{Context as _, Result};
use std::{collections::BTreeSet, net::SocketAddr, sync::Arc, time::Duration};

/// What one number of conversations showed.
struct Row {
    conversations: usize,
    opened: usize,
    opening: Duration,
    resident_bytes: u64,
    at: AtRate,
    baseline: Baseline,
}

/// What one log showed.
pub(super) struct OnLog {
    log: LogKind,
    rows: Vec<Row>,
    findings: Findings,
    problems: Vec<String>,
}

impl OnLog {
    fn verdict(&self) -> Verdict {
        let missing = self.rows.iter().filter(|row| !row.at.complete());
        Verdict::of(self.findings.total() + count(self.problems.len() + missing.count()))
    }
}

/// Measures each number of conversations on each log.
pub(super) async fn measure(
    stage: &mut Stage,
    sizes: &Sizes,
    room: Room,
    report: &mut Report,
) -> Result<Vec<OnLog>> {
    let mut all = Vec::new();
    for log in &sizes.logs {
        let what = format!("Conversations on the {log} log");
        let numbers = room.conversations(*log).within(&what, &sizes.conversations, report);
        all.push(on_log(stage, *log, sizes, &numbers).await?);
    }
    Ok(all)
}

async fn on_log(stage: &mut Stage, log: LogKind, sizes: &Sizes, numbers: &[usize]) -> Result<OnLog> {
    let mut random = stage.random();
    // The same load once for each number; messages are numbered through, so that all can be checked in the end.
    let of_one = LoadArgs {
        sockets: sizes.users,
        warm_up_seconds: sizes.warm_up_seconds,
        ..LoadArgs::pairs(1, sizes.rate, sizes.seconds)
    };
    let parts = run::parts(&LoadArgs { rate: vec![sizes.rate; numbers.len()], ..of_one.clone() })?;
    let messages = parts.last().map_or(0, |part| part.end);
    let numbering = Numbering::new(random.u64(..), of_one.bytes);
    let shared = Arc::new(Shared { wire: Wire::KafkaTalk, numbering, times: Times::new(messages, true) });

    let setup = stage.server(log).await?;
    let nodes = [setup.address];
    let mut server = setup.start()?;
    server.ready().await?;
    let kafka = stage.kafka_pids(log)?;
    let world = World::strangers(&nodes, sizes.users, random.u64(..)).await?;
    let clients = Clients::connect(&nodes, &world.accounts, Arc::clone(&shared)).await?;
    let mut talk = Talk { log, nodes, clients, world, shared, kafka, random, said: Vec::new() };
    let (mut rows, mut problems) = (Vec::new(), Vec::new());
    for (conversations, part) in numbers.iter().copied().zip(parts) {
        let load = LoadArgs { conversations: Some(conversations), ..of_one.clone() };
        match talk.row(stage, &server, &load, part).await {
            Ok(row) => rows.push(row),
            Err(error) => {
                // Those before it are worth telling.
                progress(&format!("{error:#}"));
                problems.push(format!("{conversations} conversations could not be measured: {error:#}"));
                break;
            }
        }
    }
    let Talk { clients, world, said, .. } = talk;
    let heard = clients.close().await?;
    let mut findings = Findings::default();
    if problems.is_empty() {
        problems.extend(run::problems(&heard));
        progress("reading back what was said");
        let world = talked_in(&world, &said);
        let mut evidence = gather::histories(&world, &nodes, numbering).await?;
        gather::add_said(&mut evidence, &world, &said);
        run::add_heard(&mut evidence, &world, heard);
        findings = judge(evidence.values());
    }
    problems.extend(server.stop().await?.problem);
    Ok(OnLog { log, rows, findings, problems })
}

/// Clients who talk in ever more conversations.
struct Talk {
    log: LogKind,
    nodes: [SocketAddr; 1],
    clients: Clients,
    world: World,
    shared: Arc<Shared>,
    kafka: Vec<Pid>,
    random: fastrand::Rng,
    said: Vec<Said>,
}

impl Talk {
    /// Opens what is missing of the load's conversations, and measures.
    async fn row(&mut self, stage: &mut Stage, server: &Server, load: &LoadArgs, part: Part) -> Result<Row> {
        let Self { log, nodes, clients, world, shared, kafka, random, said } = self;
        let conversations = load.conversations.context("the load says in how many conversations")?;
        let before = world.pairs.len();
        progress(&format!("{log} log: {conversations} conversations, {before} of them there already"));
        let opening = world.open(nodes, conversations).await?;
        // Before and after: a broker goes on getting quicker, which must not be in our favour.
        let mut baseline = [self::baseline(stage, *log, load).await?];
        let processes = [&[server.pid()][..], kafka];
        let (at, of_part) = run::at_rate(clients, world, shared, part, processes, random).await?;
        said.extend(of_part);
        baselines::take_better(&mut baseline, vec![self::baseline(stage, *log, load).await?]);
        let resident_bytes = process::resident_bytes(server.pid())?;
        let ([baseline], opened) = (baseline, conversations - before);
        Ok(Row { conversations, opened, opening, resident_bytes, at, baseline })
    }
}

/// What no messenger on that log can do better.
async fn baseline(stage: &mut Stage, log: LogKind, load: &LoadArgs) -> Result<Baseline> {
    let found = match log {
        LogKind::Embedded => baselines::relay::measure(load, &mut stage.random()).await?,
        LogKind::Kafka => baselines::produce::measure(stage, load).await?,
    };
    found.into_iter().next().context("a baseline has one row for each rate")
}

/// The same world without the conversations in which nobody said anything, which are most of many.
fn talked_in(world: &World, said: &[Said]) -> World {
    let spoken: BTreeSet<_> = said.iter().map(|said| said.conversation).collect();
    let pairs = world.pairs.iter().copied().filter(|pair| spoken.contains(&pair.conversation)).collect();
    World { pairs, ..world.clone() }
}

/// The table, and what was broken.
pub(super) fn tell(report: &mut Report, all: &[OnLog]) -> Verdict {
    let mut table = Table::new([
        "log",
        "conversations @ messages/s",
        "end to end p50 / p99, ms",
        "ack p50 / p99, ms",
        "baseline p50 / p99, ms",
        "p50 to baseline",
        "load late p99 / max, ms",
        "baseline's load late p99 / max, ms",
        "stolen, %",
        "server CPU us per message",
        "Kafka CPU us per message",
        "server memory, MB",
        &format!("new / opened a second, {SETUP_CONNECTIONS} side by side"),
        "sent / acknowledged / delivered",
    ]);
    let two = |latencies: &Latencies| format!("{} / {}", latencies.text(0.5), latencies.text(0.99));
    let p50 = |latencies: &Latencies| latencies.quantile_ms(0.5).unwrap_or(f64::NAN);
    for (log, row) in all.iter().flat_map(|on| on.rows.iter().map(|row| (on.log, row))) {
        let Row { conversations, opened, opening, resident_bytes, at, baseline } = row;
        table.row([
            log.to_string(),
            format!("{} @ {}", thousands(count(*conversations)), at.rate),
            two(&at.end_to_end),
            two(&at.to_ack),
            two(&baseline.end_to_end),
            short(p50(&at.end_to_end) / p50(&baseline.end_to_end)),
            at.late.lateness(),
            baseline.late.as_ref().map_or_else(|| "none".into(), Latencies::lateness),
            short(at.stolen_percent),
            short(at.cpu_us),
            at.kafka_cpu_us.map_or_else(|| "none".into(), short),
            short(float(*resident_bytes) / 1e6),
            format!("{} / {}", thousands(count(*opened)), a_second(*opened, *opening)),
            at.counts.map(thousands).join(" / "),
        ]);
    }
    report.table(&table);
    report.paragraph(&format!(
        "Baselines: {} for the embedded log, {} for Kafka, each the better of one before and one after its row.",
        baselines::RELAY,
        baselines::PRODUCE
    ));
    for on in all {
        let verdict = run::tell::verdict(on.verdict());
        let mismatches = on.findings.total();
        report.paragraph(&format!("{} log: every promise {verdict}, {mismatches} mismatches.", on.log));
        run::tell::mismatches(report, &on.findings, &on.problems);
    }
    all.iter().fold(Verdict::Kept, |verdict, on| verdict.and(on.verdict()))
}

/// How many there were in a second, over all connections together.
fn a_second(opened: usize, took: Duration) -> String {
    if opened == 0 { "none".into() } else { short(float(count(opened)) / took.as_secs_f64()) }
}

/// A picture of the latency for each log, and one of the CPU of both.
pub(super) fn plots(all: &[OnLog]) -> Vec<Plot> {
    let series = |name: &str, on: &OnLog, y: &dyn Fn(&Row) -> Option<f64>| {
        let points = on.rows.iter().filter_map(|row| Some((float(count(row.conversations)), y(row)?)));
        Series::new(name, points.collect())
    };
    let mut plots: Vec<_> = all
        .iter()
        .map(|on| Plot {
            name: format!("latency-conversations-{}", on.log),
            title: format!("From socket to socket, {} log", on.log),
            x: ("conversations".into(), Scale::Log),
            y: ("milliseconds".into(), Scale::Log),
            series: vec![
                series("p50", on, &|row| row.at.end_to_end.quantile_ms(0.5)),
                series("p99", on, &|row| row.at.end_to_end.quantile_ms(0.99)),
                series("baseline, p50", on, &|row| row.baseline.end_to_end.quantile_ms(0.5)).dashed(),
            ],
        })
        .collect();
    let cpu = |on: &OnLog| {
        let server = series(&format!("server, {} log", on.log), on, &|row| Some(row.at.cpu_us));
        let kafka = series("Kafka itself", on, &|row| row.at.kafka_cpu_us).dashed();
        [server, kafka]
    };
    plots.push(Plot {
        name: "cpu-conversations".into(),
        title: "CPU for each message".into(),
        x: ("conversations".into(), Scale::Log),
        y: ("microseconds of a core".into(), Scale::Linear),
        series: all.iter().flat_map(cpu).collect(),
    });
    plots
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversations_are_opened_at_a_rate_and_not_at_a_latency() {
        assert_eq!(a_second(800, Duration::from_secs(2)), "400");
        assert_eq!(a_second(0, Duration::from_secs(2)), "none");
    }
}
