//! A few seconds of everything, for the project's checks: whether promises are kept, not how fast.

use crate::crash::{self, CrashArgs, fault::Fault};
use crate::report::{Report, Verdict};
use crate::run::{self, LoadArgs};
use crate::stage::{LogKind, Stage};
use anyhow::Result;

/// Conversations of the smoke loads.
const CONVERSATIONS: usize = 10;
/// Messages a second.
const RATE: u32 = 100;
/// Seconds of load.
const RUN_SECONDS: u32 = 2;
/// Seconds of load during which faults are injected.
const CRASH_SECONDS: u32 = 6;
/// How often, in that time.
const FAULTS: u32 = 3;

/// A short load and a short crash check on each log.
pub(crate) async fn measure(stage: &mut Stage, logs: &[LogKind], report: &mut Report) -> Result<Verdict> {
    let mut verdict = Verdict::Kept;
    for log in logs {
        let outcome = run::measure(stage, *log, &LoadArgs::pairs(CONVERSATIONS, RATE, RUN_SECONDS)).await?;
        verdict = verdict.and(outcome.verdict());
        run::tell::all(report, &[&outcome]);
        let (nodes, faults) = match log {
            LogKind::Embedded => (1, vec![Fault::Kill]),
            LogKind::Kafka => (2, vec![Fault::Kill, Fault::Wipe, Fault::Pause]),
        };
        let crash = CrashArgs {
            times: FAULTS,
            faults,
            nodes,
            rate: RATE,
            conversations: CONVERSATIONS,
            seconds: CRASH_SECONDS,
            ..CrashArgs::default()
        };
        let outcome = crash::measure(stage, *log, &crash).await?;
        verdict = verdict.and(outcome.verdict());
        crash::tell::all(report, &outcome);
    }
    Ok(verdict)
}
