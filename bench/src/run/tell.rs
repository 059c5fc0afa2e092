//! The tables of a load's measurements.

use super::{AtRate, Outcome, SOCKETS_FOR_MEMORY_MIN};
use crate::checks::{Findings, Mismatch};
use crate::number::{short, thousands};
use crate::process::threads::Group;
use crate::report::{Report, Table, Verdict};

/// Everything about some loads.
pub(crate) fn all(report: &mut Report, outcomes: &[&Outcome]) {
    report.table(&latencies(outcomes));
    report.table(&threads(outcomes));
    report.table(&servers(outcomes));
    for outcome in outcomes {
        mismatches(report, &outcome.findings, &outcome.problems);
    }
}

/// Latency, CPU and counts: a row for each server and rate.
fn latencies(outcomes: &[&Outcome]) -> Table {
    let mut table = Table::new([
        "log",
        "sockets @ messages/s",
        "end to end p50 / p90 / p99 / max, ms",
        "ack p50 / p90 / p99 / max, ms",
        "load late p99 / max, ms",
        "stolen, %",
        "server CPU us per message",
        "Kafka CPU us per message",
        "sent / acknowledged / delivered",
    ]);
    for outcome in outcomes {
        for at in &outcome.rates {
            let AtRate {
                rate, end_to_end, to_ack, late, cpu_us, kafka_cpu_us, stolen_percent, counts, ..
            } = at;
            table.row([
                outcome.log.to_string(),
                format!("{} @ {rate}", thousands(crate::number::count(outcome.sockets))),
                end_to_end.quartet(),
                to_ack.quartet(),
                late.lateness(),
                short(*stolen_percent),
                short(*cpu_us),
                kafka_cpu_us.map_or_else(|| "none".into(), short),
                counts.map(thousands).join(" / "),
            ]);
        }
    }
    table
}

/// Where the server's CPU goes: a row for each server and rate, the most first.
fn threads(outcomes: &[&Outcome]) -> Table {
    let mut table = Table::new([
        "log",
        "sockets @ messages/s",
        "server CPU us per message",
        "of that, by name of thread",
    ]);
    for outcome in outcomes {
        for at in &outcome.rates {
            table.row([
                outcome.log.to_string(),
                format!("{} @ {}", thousands(crate::number::count(outcome.sockets)), at.rate),
                short(at.cpu_us),
                by_name(&at.threads),
            ]);
        }
    }
    table
}

fn by_name(groups: &[Group]) -> String {
    let each: Vec<String> =
        groups.iter().map(|group| format!("{} {}", group.name, short(group.us))).collect();
    if each.is_empty() { "none".into() } else { each.join(", ") }
}

/// Set-up, connecting, memory and mismatches: a row for each server.
fn servers(outcomes: &[&Outcome]) -> Table {
    let mut table = Table::new([
        "log",
        "sockets",
        "conversations",
        "register / open, s",
        "connect all, s",
        "kB per idle socket",
        "idle CPU, % of a core",
        "lost / doubled / misordered / other mismatches",
        "verdict",
    ]);
    for outcome in outcomes {
        let memory = if outcome.sockets >= SOCKETS_FOR_MEMORY_MIN {
            short(outcome.bytes_per_socket / 1e3)
        } else {
            "too few".into()
        };
        table.row([
            outcome.log.to_string(),
            outcome.sockets.to_string(),
            outcome.conversations.to_string(),
            outcome.set_up.map(|took| short(took.as_secs_f64())).join(" / "),
            short(outcome.connecting.as_secs_f64()),
            memory,
            short(outcome.idle_cpu_percent),
            grouped(&outcome.findings),
            verdict(outcome.verdict()).into(),
        ]);
    }
    table
}

/// A verdict in a word.
pub(crate) fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Kept => "kept",
        Verdict::Broken => "BROKEN",
    }
}

/// The mismatches in four groups: lost, doubled, misordered, other.
pub(crate) fn grouped(findings: &Findings) -> String {
    let sum =
        |mismatches: &[Mismatch]| mismatches.iter().map(|mismatch| findings.count(*mismatch)).sum::<u64>();
    let lost = sum(&[Mismatch::Lost, Mismatch::Undelivered, Mismatch::LostChange]);
    let doubled = sum(&[Mismatch::Doubled, Mismatch::ShownTwice, Mismatch::ChangedTwice]);
    let misordered = sum(&[
        Mismatch::HistoryDisordered,
        Mismatch::ShownDisordered,
        Mismatch::HistoryChainBroken,
        Mismatch::ShownChainBroken,
    ]);
    let other = findings.total() - lost - doubled - misordered;
    format!("{lost} / {doubled} / {misordered} / {other}")
}

/// What went wrong, spelt out; nothing where nothing did.
pub(crate) fn mismatches(report: &mut Report, findings: &Findings, problems: &[String]) {
    for finding in findings.examples() {
        report.paragraph(&format!("- {finding}"));
    }
    for problem in problems.iter().take(crate::limits::MISMATCHES_SHOWN) {
        report.paragraph(&format!("- {problem}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_told_with_their_microseconds_a_message() {
        let group = |name: &str, us| Group { name: name.into(), us };
        assert_eq!(
            by_name(&[group("log-writer", 141.6), group("follower", 8.25)]),
            "log-writer 142, follower 8.25"
        );
        assert_eq!(by_name(&[]), "none");
    }
}
