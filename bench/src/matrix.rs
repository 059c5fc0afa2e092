//! All the measurements in one go: both logs, few and many sockets, a slow and a fast load, and the baselines beside them.

use crate::baselines::{self, Baseline};
use crate::number::{count, short, thousands};
use crate::report::{Report, Table, Verdict};
use crate::run::{self, LoadArgs, Outcome};
use crate::stage::{LogKind, Stage};
use anyhow::Result;
use clap::Args;

/// How wide and how long.
#[derive(Clone, Debug, Args)]
pub(crate) struct MatrixArgs {
    /// Logs, parted by commas.
    #[arg(long, value_name = "LOG", value_delimiter = ',', default_value = "embedded,kafka")]
    logs: Vec<LogKind>,
    /// Numbers of sockets, parted by commas.
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "2,200,1000", value_parser = even)]
    sockets: Vec<usize>,
    /// Messages a second, parted by commas.
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "50,500",
        value_parser = clap::value_parser!(u32).range(1..))]
    rates: Vec<u32>,
    /// Seconds that are measured at each rate.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Seconds of the same load before that.
    #[arg(long, value_name = "N", default_value_t = 5)]
    warm_up_seconds: u32,
}

impl MatrixArgs {
    fn load(&self, sockets: usize) -> LoadArgs {
        let mut load = LoadArgs::pairs(sockets / 2, 1, self.seconds);
        load.rate.clone_from(&self.rates);
        load.warm_up_seconds = self.warm_up_seconds;
        load
    }
}

/// Sockets come in pairs, or others would be measured than were asked for.
fn even(text: &str) -> Result<usize, String> {
    let number: usize = text.parse().map_err(|error| format!("{error}"))?;
    if number >= 2 && number.is_multiple_of(2) { Ok(number) } else { Err("use an even number".into()) }
}

/// One place in the matrix, beside its baselines.
struct Ratio {
    log: LogKind,
    sockets: usize,
    rate: u32,
    values: [f64; 4],
    baselines: [Option<f64>; 2],
}

/// Measures everything and tells it.
pub(crate) async fn measure(stage: &mut Stage, matrix: &MatrixArgs, report: &mut Report) -> Result<Verdict> {
    let mut outcomes = Vec::new();
    let mut baselines = Vec::new();
    let mut ratios = Vec::new();
    for sockets in &matrix.sockets {
        let load = matrix.load(*sockets);
        let with_kafka = matrix.logs.contains(&LogKind::Kafka);
        if baselines.is_empty() {
            baselines.push(baselines::alone(stage, &load).await?);
        }
        // Beside the measurements that they belong to, so that the machine is in the same mood.
        let mut found = baselines::under_load(stage, &load, with_kafka).await?;
        let mut measured = Vec::new();
        for log in &matrix.logs {
            measured.push(run::measure(stage, *log, &load).await?);
        }
        if with_kafka {
            // A broker goes on getting quicker for minutes, which must not be in our favour.
            baselines::take_better(&mut found, baselines::produce::measure(stage, &load).await?);
        }
        ratios.extend(measured.iter().flat_map(|outcome| beside(outcome, &found)));
        outcomes.extend(measured);
        baselines.extend(found);
    }
    report.heading("Messages");
    run::tell::all(report, &outcomes.iter().collect::<Vec<_>>());
    report.heading("Baselines");
    baselines::tell(report, &baselines);
    report.heading("Beside the baselines");
    report.table(&table(&ratios));
    Ok(outcomes.iter().fold(Verdict::Kept, |verdict, outcome| verdict.and(outcome.verdict())))
}

fn beside(outcome: &Outcome, baselines: &[Baseline]) -> Vec<Ratio> {
    let baseline = |part: &str, rate: u32| {
        let name = baselines::name(part, outcome.sockets, rate);
        baselines.iter().find(|baseline| baseline.name == name)
    };
    let at_rate = |at: &run::AtRate| {
        let part = match outcome.log {
            LogKind::Embedded => baselines::RELAY,
            LogKind::Kafka => baselines::PRODUCE,
        };
        let quantile = |q| at.end_to_end.quantile_ms(q).unwrap_or(f64::NAN);
        let of_baseline = |q| baseline(part, at.rate).and_then(|baseline| baseline.end_to_end.quantile_ms(q));
        let relay_cpu =
            baseline(baselines::RELAY, at.rate).and_then(|baseline| baseline.cpu_us).unwrap_or(f64::NAN);
        Ratio {
            log: outcome.log,
            sockets: outcome.sockets,
            rate: at.rate,
            values: [quantile(0.5), quantile(0.99), at.cpu_us, relay_cpu],
            baselines: [of_baseline(0.5), of_baseline(0.99)],
        }
    };
    outcome.rates.iter().map(at_rate).collect()
}

fn table(ratios: &[Ratio]) -> Table {
    let mut table = Table::new([
        "log",
        "sockets @ messages/s",
        "baseline of latency",
        "p50: ours / baseline, ms",
        "ratio",
        "p99: ours / baseline, ms",
        "ratio",
        "CPU: ours / relay, us",
    ]);
    for ratio in ratios {
        let baseline = match ratio.log {
            LogKind::Embedded => baselines::RELAY,
            LogKind::Kafka => baselines::PRODUCE,
        };
        let [p50, p99, cpu, relay_cpu] = ratio.values;
        let pair = |ours: f64, baseline: Option<f64>| {
            let baseline = baseline.unwrap_or(f64::NAN);
            [format!("{} / {}", short(ours), short(baseline)), short(ours / baseline)]
        };
        let ([p50, p50_ratio], [p99, p99_ratio]) =
            (pair(p50, ratio.baselines[0]), pair(p99, ratio.baselines[1]));
        table.row([
            ratio.log.to_string(),
            format!("{} @ {}", thousands(count(ratio.sockets)), ratio.rate),
            baseline.into(),
            p50,
            p50_ratio,
            p99,
            p99_ratio,
            format!("{} / {}", short(cpu), short(relay_cpu)),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_that_are_no_pairs_are_refused() {
        assert_eq!(even("200"), Ok(200));
        assert!(["0", "3", "some"].into_iter().all(|text| even(text).is_err()));
    }
}
