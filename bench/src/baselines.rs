//! What the plain parts cost, measured in the same run: no messenger on these parts can do better.
//!
//! | module | holds |
//! |---|---|
//! | [`relay`] | axum WebSockets that hand a text to a peer, and do nothing else |
//! | [`sqlite`] | one row committed at a time, as durable as the embedded log |
//! | [`produce`] | Kafka from produce call to consumer poll |

use crate::latency::Latencies;
use crate::limits::SQLITE_COMMITS;
use crate::load::wanted::LoadArgs;
use crate::number::{count, short, thousands};
use crate::report::{Report, Table};
use crate::stage::Stage;
use anyhow::Result;

pub(crate) mod produce;
pub(crate) mod relay;
pub(crate) mod sqlite;

/// What one plain part showed.
pub(crate) struct Baseline {
    /// Which part, and under which load.
    pub(crate) name: String,
    /// From end to end.
    pub(crate) end_to_end: Latencies,
    /// Until it was acknowledged, where there are acks.
    pub(crate) to_ack: Option<Latencies>,
    /// How late the load asked for messages, where there is a load.
    pub(crate) late: Option<Latencies>,
    /// CPU of the part's process for each message, in microseconds, where it is a process of its own.
    pub(crate) cpu_us: Option<f64>,
    /// Memory that each idle socket added, where there are sockets.
    pub(crate) bytes_per_socket: Option<f64>,
    /// Messages that were measured, and those that arrived.
    pub(crate) counts: [u64; 2],
}

/// All the baselines under a load; Kafka's where it is wanted.
pub(crate) async fn measure(stage: &mut Stage, load: &LoadArgs, with_kafka: bool) -> Result<Vec<Baseline>> {
    let mut baselines = vec![alone(stage, load).await?];
    baselines.extend(under_load(stage, load, with_kafka).await?);
    Ok(baselines)
}

/// The baseline that no load changes.
pub(crate) async fn alone(stage: &Stage, load: &LoadArgs) -> Result<Baseline> {
    sqlite::measure(stage.folder(), load.bytes, SQLITE_COMMITS).await
}

/// The baselines that a load changes.
pub(crate) async fn under_load(
    stage: &mut Stage,
    load: &LoadArgs,
    with_kafka: bool,
) -> Result<Vec<Baseline>> {
    let mut baselines = relay::measure(load, &mut stage.random()).await?;
    if with_kafka {
        baselines.extend(produce::measure(stage, load).await?);
    }
    Ok(baselines)
}

/// Takes a baseline that was measured again where that went better: a baseline is the best that can be had.
pub(crate) fn take_better(baselines: &mut [Baseline], again: Vec<Baseline>) {
    let p50 = |baseline: &Baseline| baseline.end_to_end.quantile_ms(0.5).unwrap_or(f64::INFINITY);
    for second in again {
        let first = baselines.iter_mut().find(|baseline| baseline.name == second.name);
        if let Some(first) = first.filter(|first| p50(&second) < p50(first)) {
            *first = second;
        }
    }
}

/// The baselines as a table.
pub(crate) fn tell(report: &mut Report, baselines: &[Baseline]) {
    let mut table = Table::new([
        "baseline",
        "end to end p50 / p90 / p99 / max, ms",
        "ack p50 / p90 / p99 / max, ms",
        "load late p99 / max, ms",
        "CPU us per message",
        "kB per idle socket",
        "measured / arrived",
    ]);
    let or_none = |value: Option<f64>| value.map_or_else(|| "none".into(), short);
    for baseline in baselines {
        table.row([
            baseline.name.clone(),
            baseline.end_to_end.quartet(),
            baseline.to_ack.as_ref().map_or_else(|| "none".into(), Latencies::quartet),
            baseline.late.as_ref().map_or_else(|| "none".into(), Latencies::lateness),
            or_none(baseline.cpu_us),
            or_none(baseline.bytes_per_socket.map(|bytes| bytes / 1e3)),
            baseline.counts.map(thousands).join(" / "),
        ]);
    }
    report.table(&table);
}

/// The relay's name.
pub(crate) const RELAY: &str = "axum relay";
/// Kafka's name.
pub(crate) const PRODUCE: &str = "Kafka produce to consume";

/// A name such as `axum relay, 1,000 @ 500`.
pub(crate) fn name(part: &str, sockets: usize, rate: u32) -> String {
    format!("{part}, {} @ {rate}", thousands(count(sockets)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn baseline(name: &str, ms: u64) -> Baseline {
        let mut end_to_end = Latencies::new();
        end_to_end.record(ms * 1_000_000);
        let (name, counts) = (name.into(), [1; 2]);
        Baseline { name, end_to_end, to_ack: None, late: None, cpu_us: None, bytes_per_socket: None, counts }
    }

    #[test]
    fn of_two_measurements_of_a_baseline_the_better_one_counts() {
        let mut baselines = [baseline("a", 4), baseline("b", 4)];
        take_better(&mut baselines, vec![baseline("b", 2), baseline("a", 8)]);
        assert_eq!(baselines.map(|baseline| baseline.end_to_end.text(0.5)), ["4.00", "2.00"]);
    }
}
