//! The tables of a crash check.

use super::{Outcome, fault::Fault};
use crate::checks::Mismatch;
use crate::number::{count, short, thousands};
use crate::report::{Report, Table};
use crate::run;
use std::time::Duration;

/// All that is known.
pub(crate) fn all(report: &mut Report, outcome: &Outcome) {
    let Outcome {
        log,
        nodes,
        brokers,
        faults,
        findings,
        sums,
        groups,
        refusals,
        problems,
        to_ack,
        to_screen,
    } = outcome;
    let [connections, resent, sent_twice, filled, repeats, acks, change_acks] = sums.map(thousands);
    let mut table = Table::new(["what happened", "on the log"]);
    let mut row = |what: &str, value: String| table.row([what.into(), value]);
    row("log", log.to_string());
    row("nodes / brokers", format!("{nodes} / {brokers}"));
    row("faults injected", faults.len().to_string());
    row("messages sent", thousands(findings.said));
    row("acknowledged (acks that came)", format!("{} ({acks})", thousands(findings.acknowledged)));
    row(
        "edits and deletions acknowledged (acks that came)",
        format!("{} ({change_acks})", thousands(findings.changed)),
    );
    row("in history", thousands(findings.in_history));
    row("shown to the peer", thousands(findings.delivered));
    let deeds = groups.deeds.map(thousands).join(" / ");
    row("groups", thousands(groups.groups));
    row("in groups: added / left / removed / role / named", deeds);
    row("in groups: messages sent", thousands(groups.said));
    row("in groups: told to devices, and judged against the log", thousands(groups.heard));
    row("in groups: refused, the sender being out", thousands(groups.turned_away));
    row("sockets opened", connections);
    row("sent again under the same id", resent);
    row("sent twice at once", sent_twice);
    row("repeats that clients dropped", repeats);
    row("holes filled from history", filled);
    row("stands after a later one of its sender (no promise)", thousands(findings.overtaken));
    row("to the ack p50 / p90 / p99 / max, ms", to_ack.quartet());
    row("to the peer's screen p50 / p90 / p99 / max, ms", to_screen.quartet());
    report.table(&table);

    let mut table = Table::new(["fault", "to", "for, ms", "from there to ready, ms", "to recovered, ms"]);
    let ms = |took: Duration| short(took.as_secs_f64() * 1e3);
    for (done, recovered) in faults {
        let to_ready = done.to_ready.map_or_else(|| "not measured".into(), ms);
        let recovered = recovered.map_or_else(|| "NEVER".into(), ms);
        table.row([done.fault.to_string(), done.to(), ms(done.down), to_ready, recovered]);
    }
    report.table(&table);

    let mut table = Table::new(["mismatch", "found"]);
    for mismatch in Mismatch::ALL {
        table.row([mismatch.as_str().into(), thousands(findings.count(mismatch))]);
    }
    table.row(["refused by the server".into(), thousands(count(refusals.len()))]);
    report.table(&table);
    run::tell::mismatches(report, findings, refusals);
    for problem in problems {
        report.paragraph(&format!("- {problem}"));
    }
    let verdict = run::tell::verdict(outcome.verdict());
    report.paragraph(&format!("**{log} log: every promise {verdict}**"));
}

/// The columns of [`row`].
pub(crate) const HEADER: [&str; 9] = [
    "fault",
    "times",
    "messages",
    "acknowledged",
    "lost / doubled / misordered / other",
    "down, s",
    "to ready, s",
    "to recovered, s",
    "promises",
];

/// One kind of fault in one row: the longest of the times.
pub(crate) fn row(fault: Fault, outcome: &Outcome) -> [String; 9] {
    let Outcome { faults: all, findings, .. } = outcome;
    let longest = |times: Vec<Option<Duration>>, none: &str| {
        let longest = times.into_iter().collect::<Option<Vec<_>>>().and_then(|times| times.into_iter().max());
        longest.map_or_else(|| none.into(), |took| short(took.as_secs_f64()))
    };
    [
        fault.to_string(),
        all.len().to_string(),
        thousands(findings.said),
        thousands(findings.acknowledged),
        run::tell::grouped(findings),
        longest(all.iter().map(|(done, _)| Some(done.down)).collect(), ""),
        longest(all.iter().map(|(done, _)| done.to_ready).collect(), "not measured"),
        longest(all.iter().map(|(_, recovered)| *recovered).collect(), "NEVER"),
        run::tell::verdict(outcome.verdict()).into(),
    ]
}
