//! Two tables: each kind of harm by itself, with what it cost; and each promise broken on purpose, with what the checks
//! found. A check that cannot fail proves nothing.

use crate::checks::{Fault, Findings};
use crate::crash::{self, CrashArgs, harm::Harm};
use crate::limits::RECOVERY_SECONDS_MAX;
use crate::report::{Report, Table, Verdict, progress};
use crate::stage::{LogKind, Stage};
use anyhow::Result;
use clap::{Args, ValueEnum as _};
use kafkatalk_log::failpoints::{broken, lossy};

/// Messages a second while harm is done.
const RATE: u32 = 100;
/// Conversations of these runs; few enough that people often speak at the same time.
const CONVERSATIONS: usize = 100;
/// Seconds of talk while a promise is broken.
const BROKEN_SECONDS: u32 = 6;
/// Seconds within which all would be calm again, were it not broken.
const BROKEN_RECOVERY_SECONDS: u64 = 5;

/// Which harm.
#[derive(Clone, Debug, Args)]
pub(crate) struct FaultsArgs {
    /// Kinds of harm, parted by commas; all of them, where none is named.
    #[arg(long, value_name = "HARM", value_delimiter = ',')]
    pub(crate) harm: Vec<Harm>,
    /// How often each is done.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) times: u32,
    /// Nodes of the service.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=9))]
    pub(crate) nodes: u32,
}

/// Each kind of harm by itself, on Kafka.
pub(crate) async fn each(stage: &mut Stage, args: &FaultsArgs, report: &mut Report) -> Result<Verdict> {
    stage.proxy_kafka()?;
    let kinds = if args.harm.is_empty() { Harm::value_variants() } else { args.harm.as_slice() };
    let mut table = Table::new(crash::tell::HEADER);
    let mut verdict = Verdict::Kept;
    for harm in kinds {
        progress(&harm.to_string());
        let crash = CrashArgs {
            times: args.times,
            harm: vec![*harm],
            nodes: args.nodes,
            rate: RATE,
            conversations: CONVERSATIONS,
            seconds: harm.seconds() * args.times,
            ..CrashArgs::default()
        };
        match crash::measure(stage, LogKind::Kafka, &crash).await {
            Ok(outcome) => {
                if outcome.verdict() == Verdict::Broken {
                    crash::tell::all(report, &outcome);
                }
                verdict = verdict.and(outcome.verdict());
                table.row(crash::tell::row(*harm, &outcome));
            }
            // The others are worth their rows all the same, on brokers that this harm was not done to.
            Err(error) => {
                let why = format!("{harm}: not measured: {error:#}");
                progress(&why);
                report.paragraph(&format!("- {why}"));
                verdict = Verdict::Broken;
                stage.stop_kafka();
            }
        }
    }
    report.table(&table);
    Ok(verdict)
}

/// A run in which something goes wrong on purpose.
struct Case {
    point: &'static str,
    log: LogKind,
    /// The fewer, the more often people speak at the same time; the more, the more fall silent after the last harm.
    conversations: usize,
    /// Whether the checks must find a fault.
    caught: bool,
}

const CASES: [Case; 5] = [
    Case { point: broken::RESEQUENCER, log: LogKind::Kafka, conversations: 10, caught: true },
    Case { point: broken::DEDUP, log: LogKind::Kafka, conversations: 10, caught: true },
    Case { point: broken::SWEEP, log: LogKind::Kafka, conversations: 150, caught: true },
    Case { point: broken::ACK_ORDER, log: LogKind::Embedded, conversations: 10, caught: true },
    Case { point: lossy::FEED, log: LogKind::Kafka, conversations: 10, caught: false },
];

/// Breaks one promise after the other, and looks whether the checks notice. Kept is what was noticed.
pub(crate) async fn broken_on_purpose(stage: &mut Stage, report: &mut Report) -> Result<Verdict> {
    let mut table = Table::new(["goes wrong on purpose", "log", "messages", "found", "as it must be"]);
    let mut verdict = Verdict::Kept;
    for case in CASES {
        progress(case.point);
        let often = if case.caught { "return" } else { "10%return" };
        let crash = CrashArgs {
            times: 2,
            nodes: if case.log == LogKind::Kafka { 2 } else { 1 },
            rate: RATE,
            conversations: case.conversations,
            seconds: BROKEN_SECONDS,
            // Where a promise is broken, calm never comes.
            recovery_seconds: if case.caught { BROKEN_RECOVERY_SECONDS } else { RECOVERY_SECONDS_MAX },
            failpoints: format!("{}={often}", case.point),
            ..CrashArgs::default()
        };
        let outcome = crash::measure(stage, case.log, &crash).await?;
        let as_it_must_be = case.caught == (outcome.findings().total() > 0);
        if !as_it_must_be {
            verdict = Verdict::Broken;
            crash::tell::all(report, &outcome);
        }
        table.row([
            format!("`{}`, {often}", case.point),
            case.log.to_string(),
            outcome.findings().said.to_string(),
            found(outcome.findings()),
            if as_it_must_be { "yes" } else { "NO" }.into(),
        ]);
    }
    report.table(&table);
    Ok(verdict)
}

fn found(findings: &Findings) -> String {
    let found =
        Fault::ALL.into_iter().map(|fault| (fault, findings.count(fault))).filter(|(_, times)| *times > 0);
    let found: Vec<_> = found.map(|(fault, times)| format!("{times} {}", fault.as_str())).collect();
    if found.is_empty() { "nothing".into() } else { found.join(", ") }
}
