//! Memory against the number of idle sockets, and what a small load feels beside them.

use super::plot::{Plot, Scale, Series};
use super::sizes::{Room, Sizes};
use crate::number::{count, float, short, thousands};
use crate::report::{Report, Table, Verdict};
use crate::run::{self, LoadArgs, Outcome, SOCKETS_FOR_MEMORY_MIN};
use crate::stage::{LogKind, Stage};
use anyhow::Result;

/// Messages a second of the load beside the idle sockets.
const SMALL_RATE: u32 = 50;
/// Conversations that it is spread over at most; the other sockets stay idle.
const TALKING_MAX: usize = 50;

/// Measures each number of sockets on a server of its own.
pub(super) async fn measure(
    stage: &mut Stage,
    sizes: &Sizes,
    room: Room,
    report: &mut Report,
) -> Result<Vec<Outcome>> {
    let mut rows = Vec::new();
    for sockets in room.sockets().within("Sockets", &sizes.sockets, report) {
        let load = LoadArgs {
            sockets,
            conversations: Some(TALKING_MAX.min(sockets / 2)),
            warm_up_seconds: sizes.warm_up_seconds,
            ..LoadArgs::pairs(1, SMALL_RATE, sizes.seconds)
        };
        rows.push(run::measure(stage, LogKind::Embedded, &load).await?);
    }
    Ok(rows)
}

/// The table, and what was broken.
pub(super) fn tell(report: &mut Report, rows: &[Outcome]) -> Verdict {
    let mut table = Table::new([
        "log",
        "idle sockets",
        "kB per idle socket",
        "connect all, s",
        "idle CPU, % of a core",
        "small load, messages/s",
        "end to end p50 / p90 / p99 / max, ms",
        "ack p50 / p90 / p99 / max, ms",
        "load late p99 / max, ms",
        "stolen, %",
        "server CPU us per message",
        "verdict",
    ]);
    for (outcome, at) in rows.iter().flat_map(|outcome| outcome.rates.iter().map(move |at| (outcome, at))) {
        table.row([
            outcome.log.to_string(),
            thousands(count(outcome.sockets)),
            if says_something(outcome) { short(outcome.bytes_per_socket / 1e3) } else { "too few".into() },
            short(outcome.connecting.as_secs_f64()),
            short(outcome.idle_cpu_percent),
            at.rate.to_string(),
            at.end_to_end.quartet(),
            at.to_ack.quartet(),
            at.late.lateness(),
            short(at.stolen_percent),
            short(at.cpu_us),
            run::tell::verdict(outcome.verdict()).into(),
        ]);
    }
    report.table(&table);
    for outcome in rows {
        run::tell::mismatches(report, &outcome.findings, &outcome.problems);
    }
    rows.iter().fold(Verdict::Kept, |verdict, outcome| verdict.and(outcome.verdict()))
}

fn says_something(outcome: &Outcome) -> bool {
    outcome.sockets >= SOCKETS_FOR_MEMORY_MIN
}

/// The picture.
pub(super) fn plots(rows: &[Outcome]) -> Vec<Plot> {
    let points = rows.iter().filter(|outcome| says_something(outcome));
    let points =
        points.map(|outcome| (float(count(outcome.sockets)), outcome.bytes_per_socket / 1e3)).collect();
    vec![Plot {
        name: "memory-sockets".into(),
        title: "Memory for each idle socket".into(),
        x: ("idle sockets".into(), Scale::Log),
        y: ("kB".into(), Scale::Linear),
        series: vec![Series::new("server, embedded log", points)],
    }]
}
