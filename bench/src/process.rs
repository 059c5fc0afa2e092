//! What `/proc` tells of a process and all that it started: CPU time and memory.

use crate::number::float;
use anyhow::{Context as _, Result};
use rustix::io::Errno;
use std::{collections::BTreeMap, fs, time::Duration};

pub(crate) mod threads;

/// A process id.
pub(crate) type Pid = u32;

/// CPU time, user and system, of a process and its living descendants.
pub(crate) fn cpu(root: Pid) -> Result<Duration> {
    let ticks: u64 = tree(root)?.iter().map(|stat| stat.cpu_ticks).sum();
    Ok(of_ticks(ticks))
}

/// CPU time of this process alone, without what it started.
pub(crate) fn own_cpu() -> Result<Duration> {
    let text = fs::read_to_string("/proc/self/stat").context("cannot read /proc/self/stat")?;
    let stat = parse(std::process::id(), &text).context("/proc/self/stat is not what it should be")?;
    Ok(of_ticks(stat.cpu_ticks))
}

fn of_ticks(ticks: u64) -> Duration {
    let ticks_per_second = rustix::param::clock_ticks_per_second().max(1);
    Duration::from_nanos(ticks * (1_000_000_000 / ticks_per_second))
}

/// What the machine's processors have done since it started, in ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Machine {
    stolen: u64,
    all: u64,
}

impl Machine {
    /// As of now.
    pub(crate) fn now() -> Result<Self> {
        let text = fs::read_to_string("/proc/stat").context("cannot read /proc/stat")?;
        machine(&text).context("/proc/stat has no line for all processors")
    }

    /// Of the time since then, what the host of a virtual machine gave to others while this one had work, in percent.
    pub(crate) fn stolen_percent_since(self, then: Self) -> f64 {
        let all = self.all.saturating_sub(then.all).max(1);
        100.0 * float(self.stolen.saturating_sub(then.stolen)) / float(all)
    }
}

/// The first line's fields: user, nice, system, idle, waiting for disks, interrupts (two kinds), stolen; what follows is
/// contained in the first two.
fn machine(text: &str) -> Option<Machine> {
    let fields = text.lines().next()?.strip_prefix("cpu ")?.split_ascii_whitespace();
    let ticks: Vec<u64> = fields.take(8).map(str::parse).collect::<Result<_, _>>().ok()?;
    Some(Machine { stolen: *ticks.get(7)?, all: ticks.iter().sum() })
}

/// Resident memory of a process and its living descendants, in bytes.
pub(crate) fn resident_bytes(root: Pid) -> Result<u64> {
    let mut bytes = 0;
    for stat in tree(root)? {
        match resident_of(stat.pid)? {
            Some(of_this) => bytes += of_this,
            None => anyhow::ensure!(stat.pid != root, "process {root} has ended"),
        }
    }
    Ok(bytes)
}

/// None where the process has ended, which it may do between the listing and the reading.
fn resident_of(pid: Pid) -> Result<Option<u64>> {
    let path = format!("/proc/{pid}/smaps_rollup");
    let text = match fs::read_to_string(&path) {
        // One that nobody has waited for yet is there, but without memory.
        Err(error) if matches!(Errno::from_io_error(&error), Some(Errno::NOENT | Errno::SRCH)) => {
            return Ok(None);
        }
        text => text.with_context(|| format!("cannot read {path}"))?,
    };
    let kib = text
        .lines()
        .find_map(|line| line.strip_prefix("Rss:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    Ok(Some(kib.with_context(|| format!("{path} has no Rss line"))? * 1024))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stat {
    pid: Pid,
    parent: Pid,
    cpu_ticks: u64,
}

/// The process first, then whatever descends from it.
fn tree(root: Pid) -> Result<Vec<Stat>> {
    let mut by_parent: BTreeMap<Pid, Vec<Stat>> = BTreeMap::new();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").context("cannot read /proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse::<Pid>().ok()) else {
            continue;
        };
        // A process may end between the listing and the reading.
        let Ok(text) = fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        let Some(stat) = parse(pid, &text) else { continue };
        if pid == root {
            found.push(stat);
        } else {
            by_parent.entry(stat.parent).or_default().push(stat);
        }
    }
    anyhow::ensure!(!found.is_empty(), "process {root} has ended");
    let mut next = 0;
    while let Some(stat) = found.get(next).copied() {
        found.extend(by_parent.remove(&stat.pid).unwrap_or_default());
        next += 1;
    }
    Ok(found)
}

/// Fields 4 (parent), 14 (user time) and 15 (system time) of `/proc/PID/stat`; the name before them is in parentheses and
/// may hold anything.
fn parse(pid: Pid, text: &str) -> Option<Stat> {
    let mut fields = text.get(text.rfind(')')? + 1..)?.split_ascii_whitespace();
    let parent = fields.nth(1)?.parse().ok()?;
    let user: u64 = fields.nth(9)?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(Stat { pid, parent, cpu_ticks: user + system })
}

/// The name of a process or a thread in such a text.
fn cut_name(text: &str) -> Option<&str> {
    text.get(text.find('(')? + 1..text.rfind(')')?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_name_may_hold_spaces_and_parentheses() {
        let text = "7 (a b) c) S 3 7 7 0 -1 4194304 100 0 0 0 11 31 5 6 20 0 1 0 126075 3133440 390";
        assert_eq!(parse(7, text), Some(Stat { pid: 7, parent: 3, cpu_ticks: 42 }));
    }

    #[test]
    fn what_the_host_took_is_told_apart() {
        let at = |stolen, idle| machine(&format!("cpu  10 0 20 {idle} 5 0 1 {stolen} 7 7\ncpu0 1")).unwrap();
        assert_eq!(at(4, 60), Machine { stolen: 4, all: 100 });
        assert!((at(29, 135).stolen_percent_since(at(4, 60)) - 25.0).abs() < 1e-9);
        assert_eq!(machine("intr 1 2"), None);
        assert!(Machine::now().is_ok());
    }

    #[test]
    fn this_process_has_memory() {
        assert!(resident_bytes(std::process::id()).unwrap() > 100_000);
    }

    #[test]
    fn a_process_that_ended_has_no_memory_beside_those_that_live_and_none_by_itself() {
        let mut ended = std::process::Command::new("true").spawn().unwrap();
        while resident_of(ended.id()).unwrap().is_some() {
            std::thread::yield_now();
        }
        assert!(resident_bytes(std::process::id()).unwrap() > 100_000);
        assert!(resident_bytes(ended.id()).is_err());
        ended.wait().unwrap();
    }

    #[test]
    fn this_process_has_used_no_less_than_nothing_and_no_more_than_with_its_children() {
        assert!(own_cpu().unwrap() <= cpu(std::process::id()).unwrap());
    }

    #[test]
    fn a_process_that_is_gone_is_an_error() {
        assert!(cpu(Pid::MAX).is_err());
    }
}
