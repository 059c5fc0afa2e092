//! Two tables: each kind of fault by itself, with what it cost; and each promise broken on purpose, with what the checks
//! found. A check that cannot fail proves nothing.

use crate::checks::{Findings, Mismatch};
use crate::crash::{self, CrashArgs, Outcome, fault::Fault};
use crate::limits::RECOVERY_SECONDS_MAX;
use crate::report::{Report, Table, Verdict, progress, yes_or_no};
use crate::stage::{LogKind, Stage};
use anyhow::{Result, bail};
use clap::{Args, ValueEnum as _};
use kafkatalk_log::failpoints::{broken, lossy};

/// Messages a second while faults are injected.
const RATE: u32 = 100;
/// The same where a mismatch shows only in conversations that fall silent after the kill.
const SPARSE_RATE: u32 = 40;
/// Conversations of these runs; few enough that people often speak at the same time.
const CONVERSATIONS: usize = 100;
/// Seconds within which all must be calm again. Three brokers that start at once on a small machine take their time.
const FAULTS_RECOVERY_SECONDS: u64 = 240;
/// Seconds of talk while a promise is broken.
const BROKEN_SECONDS: u32 = 6;
/// How often a case is played at most that must find something and did not: what a kill leaves behind is a matter of luck.
const PLAYS_MAX: u32 = 3;
/// Seconds within which all would be calm again, were it not broken.
const BROKEN_RECOVERY_SECONDS: u64 = 5;

/// Which faults.
#[derive(Clone, Debug, Args)]
pub(crate) struct FaultsArgs {
    /// Kinds of fault, separated by commas; all of them by default.
    #[arg(long = "fault", alias = "harm", value_name = "FAULT", value_delimiter = ',')]
    pub(crate) faults: Vec<Fault>,
    /// How often each is done.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) times: u32,
    /// Nodes of the service.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=9))]
    pub(crate) nodes: u32,
}

/// Each kind of fault by itself, on Kafka. Also how many could not be measured.
pub(crate) async fn each(
    stage: &mut Stage,
    args: &FaultsArgs,
    report: &mut Report,
) -> Result<(Verdict, u32)> {
    stage.proxy_kafka()?;
    let kinds = if args.faults.is_empty() { Fault::value_variants() } else { args.faults.as_slice() };
    let mut table = Table::new(crash::tell::HEADER);
    let (mut verdict, mut unmeasured) = (Verdict::Kept, 0);
    for fault in kinds {
        progress(&fault.to_string());
        let crash = CrashArgs {
            times: args.times,
            faults: vec![*fault],
            nodes: args.nodes,
            rate: RATE,
            conversations: CONVERSATIONS,
            seconds: fault.seconds() * args.times,
            recovery_seconds: FAULTS_RECOVERY_SECONDS,
            ..CrashArgs::default()
        };
        match crash::measure(stage, LogKind::Kafka, &crash).await {
            Ok(outcome) => {
                if outcome.verdict() == Verdict::Broken {
                    crash::tell::all(report, &outcome);
                }
                verdict = verdict.and(outcome.verdict());
                table.row(crash::tell::row(*fault, &outcome));
            }
            // The others are worth their rows all the same, on brokers that this fault did not hit.
            Err(error) => {
                let why = format!("{fault}: not measured: {error:#}");
                progress(&why);
                report.paragraph(&format!("- {why}"));
                unmeasured += 1;
                stage.stop_kafka();
            }
        }
    }
    report.table(&table);
    Ok((verdict, unmeasured))
}

/// Which promises are broken.
#[derive(Clone, Debug, Args)]
pub(crate) struct BrokenArgs {
    /// Only cases with this failpoint; may be given again. All cases by default.
    #[arg(long, value_name = "POINT")]
    pub(crate) only: Vec<String>,
}

/// A run in which something goes wrong on purpose.
struct Case {
    points: &'static [(&'static str, &'static str)],
    log: LogKind,
    /// How often a node is killed meanwhile.
    kills: u32,
    /// Messages a second.
    rate: u32,
    /// The fewer, the more often people speak at the same time; the more, the more fall silent after the last kill.
    conversations: usize,
    /// Of these the checks must find one; where there is none, they must find nothing.
    must_find: &'static [Mismatch],
}

/// What becomes of messages that a node never hears of.
const MISSED: &[Mismatch] = &[Mismatch::HistoriesDiffer, Mismatch::Undelivered, Mismatch::Lost];
const ALWAYS: &str = "return";
const SOMETIMES: &str = "10%return";

/// What most cases have.
const USUAL: Case =
    Case { points: &[], log: LogKind::Embedded, kills: 0, rate: RATE, conversations: 10, must_find: &[] };

/// The first breaks nothing: what slowness alone looks like, it would show.
const CASES: [Case; 11] = [
    Case { points: &[], log: LogKind::Kafka, kills: 2, rate: RATE, conversations: 10, must_find: &[] },
    Case {
        points: &[(broken::RESEQUENCER, ALWAYS)],
        log: LogKind::Kafka,
        kills: 2,
        must_find: MISSED,
        ..USUAL
    },
    Case {
        points: &[(broken::DEDUP, ALWAYS)],
        log: LogKind::Kafka,
        kills: 2,
        must_find: &[Mismatch::Doubled],
        ..USUAL
    },
    Case {
        points: &[(broken::SWEEP, ALWAYS)],
        log: LogKind::Kafka,
        kills: 2,
        rate: SPARSE_RATE,
        conversations: 300,
        must_find: MISSED,
    },
    Case {
        points: &[(broken::ACK_ORDER, ALWAYS)],
        kills: 2,
        must_find: &[Mismatch::Lost, Mismatch::Moved],
        ..USUAL
    },
    Case { points: &[(broken::LOST_CHANGE, SOMETIMES)], must_find: &[Mismatch::LostChange], ..USUAL },
    Case { points: &[(broken::CHANGE_TWICE, ALWAYS)], must_find: &[Mismatch::ChangedTwice], ..USUAL },
    Case { points: &[(broken::REMOVED_STAYS, ALWAYS)], must_find: &[Mismatch::Forbidden], ..USUAL },
    Case { points: &[(broken::ADDED_SEES_ALL, ALWAYS)], must_find: &[Mismatch::Forbidden], ..USUAL },
    Case { points: &[(lossy::FEED, SOMETIMES)], log: LogKind::Kafka, kills: 2, must_find: &[], ..USUAL },
    // That copies were lost is seen where nothing makes up for it.
    Case {
        points: &[(lossy::FEED, SOMETIMES), (broken::SWEEP, ALWAYS)],
        log: LogKind::Kafka,
        conversations: 150,
        must_find: MISSED,
        ..USUAL
    },
];

impl Case {
    fn has(&self, point: &str) -> bool {
        self.points.iter().any(|(known, _)| *known == point)
    }

    fn failpoints(&self) -> Vec<String> {
        self.points.iter().map(|(point, often)| format!("{point}={often}")).collect()
    }

    fn is_as_it_must_be(&self, outcome: &Outcome) -> bool {
        if self.must_find.is_empty() {
            return outcome.verdict() == Verdict::Kept;
        }
        self.must_find.iter().any(|mismatch| outcome.findings().count(*mismatch) > 0)
    }

    fn crash(&self) -> CrashArgs {
        CrashArgs {
            times: self.kills,
            nodes: if self.log == LogKind::Kafka { 2 } else { 1 },
            rate: self.rate,
            conversations: self.conversations,
            seconds: BROKEN_SECONDS,
            failpoints: self.failpoints(),
            // Where a promise is broken, calm never comes.
            recovery_seconds: if self.must_find.is_empty() {
                RECOVERY_SECONDS_MAX
            } else {
                BROKEN_RECOVERY_SECONDS
            },
            ..CrashArgs::default()
        }
    }

    /// Plays it, once where nothing must be found.
    async fn play(&self, stage: &mut Stage) -> Result<Outcome> {
        let mut plays = 1;
        loop {
            let outcome = crash::measure(stage, self.log, &self.crash()).await?;
            if !self.is_played_again(plays, self.is_as_it_must_be(&outcome)) {
                return Ok(outcome);
            }
            progress("nothing of what must be found was found; once more");
            plays += 1;
        }
    }

    /// Whether it is, after so many plays of which the last was as it must be or was not.
    fn is_played_again(&self, plays: u32, as_it_must_be: bool) -> bool {
        !as_it_must_be && !self.must_find.is_empty() && plays < PLAYS_MAX
    }
}

/// Breaks one promise after the other, and looks whether the checks notice. Kept is what was noticed.
pub(crate) async fn broken_on_purpose(
    stage: &mut Stage,
    args: &BrokenArgs,
    report: &mut Report,
) -> Result<Verdict> {
    if let Some(unknown) = args.only.iter().find(|only| !CASES.iter().any(|case| case.has(only))) {
        bail!("no case has the failpoint {unknown}");
    }
    let mut table =
        Table::new(["goes wrong on purpose", "log", "kills", "messages", "found", "as it must be"]);
    let mut verdict = Verdict::Kept;
    for case in
        CASES.iter().filter(|case| args.only.is_empty() || args.only.iter().any(|only| case.has(only)))
    {
        let failpoints = case.failpoints();
        let what =
            if failpoints.is_empty() { "nothing".to_owned() } else { format!("`{}`", failpoints.join(";")) };
        progress(&format!("{what} goes wrong on purpose"));
        let outcome = case.play(stage).await?;
        let as_it_must_be = case.is_as_it_must_be(&outcome);
        if !as_it_must_be {
            verdict = Verdict::Broken;
            crash::tell::all(report, &outcome);
        }
        table.row([
            what,
            case.log.to_string(),
            case.kills.to_string(),
            outcome.findings().said.to_string(),
            found(outcome.findings()),
            yes_or_no(as_it_must_be).into(),
        ]);
    }
    report.table(&table);
    Ok(verdict)
}

fn found(findings: &Findings) -> String {
    let found = Mismatch::ALL.into_iter().map(|mismatch| (mismatch, findings.count(mismatch)));
    let found = found.filter(|(_, times)| *times > 0);
    let found: Vec<_> = found.map(|(mismatch, times)| format!("{times} {}", mismatch.as_str())).collect();
    if found.is_empty() { "nothing".into() } else { found.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_must_be_found_and_was_not_is_looked_for_again_and_not_for_ever() {
        for case in &CASES {
            let again = [(1, false), (PLAYS_MAX - 1, false), (PLAYS_MAX, false), (1, true)]
                .map(|(plays, as_it_must_be)| case.is_played_again(plays, as_it_must_be));
            let must = !case.must_find.is_empty();
            assert_eq!(again, [must, must, false, false]);
        }
    }
}
