//! CPU time of a process by its threads, in groups of the same name.
//!
//! The kernel tells it in hundredths of a second for each thread: over 500 messages that is 20 us a message.

use super::{Pid, cut_name, of_ticks, parse};
use crate::number::float;
use anyhow::{Context as _, Result};
use std::{collections::BTreeMap, fs, time::Duration};

/// The group of what threads used that have ended since.
pub(crate) const ENDED: &str = "ended";

/// CPU of a group of threads.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Group {
    /// Their name, without the numbers at its end.
    pub(crate) name: String,
    /// Microseconds for each message.
    pub(crate) us: f64,
}

/// Some processes' threads, and what each has used up to now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Threads {
    ticks: BTreeMap<Pid, (String, u64)>,
}

impl Threads {
    /// As of now.
    pub(crate) fn now(pids: &[Pid]) -> Result<Self> {
        let mut ticks = BTreeMap::new();
        for pid in pids {
            let folder = format!("/proc/{pid}/task");
            for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {folder}"))? {
                let path = entry?.path();
                let Some(thread) = path.file_name().and_then(|name| name.to_str()?.parse().ok()) else {
                    continue;
                };
                // A thread may end between the listing and the reading.
                let Ok(text) = fs::read_to_string(path.join("stat")) else { continue };
                let stat = parse(thread, &text).zip(cut_name(&text));
                let (stat, name) = stat.with_context(|| format!("{} is not understood", path.display()))?;
                ticks.insert(thread, (group(name).to_owned(), stat.cpu_ticks));
            }
        }
        Ok(Self { ticks })
    }

    /// What each group has used since then for each of so many messages, the most first; `all` is what their processes have
    /// used, with threads that have ended.
    pub(crate) fn since(&self, then: &Self, all: Duration, messages: u64) -> Vec<Group> {
        let mut groups: BTreeMap<&str, u64> = BTreeMap::new();
        for (thread, (name, ticks)) in &self.ticks {
            // A number may have been given to another thread, which then has used all of it since.
            let before = then.ticks.get(thread).filter(|(before, _)| before == name);
            *groups.entry(name).or_default() += ticks.saturating_sub(before.map_or(0, |(_, ticks)| *ticks));
        }
        let known: u64 = groups.values().sum();
        let us = |took: Duration| took.as_secs_f64() * 1e6 / float(messages.max(1));
        let mut groups: Vec<Group> = groups
            .into_iter()
            .filter(|(_, ticks)| *ticks > 0)
            .map(|(name, ticks)| Group { name: name.into(), us: us(of_ticks(ticks)) })
            .collect();
        groups.sort_by(|one, other| other.us.total_cmp(&one.us));
        // Each thread is a tick behind at most.
        let rest = all.saturating_sub(of_ticks(known));
        if rest > of_ticks(self.ticks.len().try_into().unwrap_or(u64::MAX)) {
            groups.push(Group { name: ENDED.into(), us: us(rest) });
        }
        groups
    }
}

/// `rdk:broker12` and `rdk:broker3` are one group, `worker-1` and `worker-2` another.
fn group(name: &str) -> &str {
    let short = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let short = short.trim_end_matches(['-', '_', '#', ':', ' ']);
    if short.is_empty() { name } else { short }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::number::nanos;
    use std::{hint::black_box, sync::mpsc, thread, time::Instant};

    fn threads<const N: usize>(all: [(Pid, &str, u64); N]) -> Threads {
        let ticks = all.map(|(thread, name, ticks)| (thread, (name.to_owned(), ticks)));
        Threads { ticks: ticks.into() }
    }

    fn names(groups: &[Group]) -> Vec<&str> {
        groups.iter().map(|group| group.name.as_str()).collect()
    }

    #[test]
    fn threads_are_grouped_by_their_name_without_its_number() {
        let names = ["rdk:broker12", "worker-3", "log-writer", "blocking", "17", "a #2"].map(group);
        assert_eq!(names, ["rdk:broker", "worker", "log-writer", "blocking", "17", "a"]);
    }

    #[test]
    fn what_a_group_used_since_then_is_told_for_each_message_and_the_most_first() {
        let before = threads([(1, "main", 5), (2, "runtime", 10), (3, "runtime", 10), (4, "idle", 1)]);
        let after = threads([
            (1, "main", 5),
            (2, "runtime", 12),
            (3, "runtime", 11),
            (5, "log-writer", 4),
            (4, "idle", 1),
        ]);
        let groups = after.since(&before, of_ticks(7), 1_000);
        assert_eq!(names(&groups), ["log-writer", "runtime"]);
        let tick_us = of_ticks(1).as_secs_f64() * 1e6;
        assert!((groups[0].us - 4.0 * tick_us / 1e3).abs() < 1e-9, "{groups:?}");
        assert!((groups[1].us - 3.0 * tick_us / 1e3).abs() < 1e-9, "{groups:?}");
    }

    #[test]
    fn a_number_that_another_thread_has_now_is_counted_from_its_start() {
        let (before, after) = (threads([(2, "old", 100)]), threads([(2, "new", 3)]));
        assert_eq!(names(&after.since(&before, of_ticks(3), 1)), ["new"]);
    }

    #[test]
    fn what_threads_used_that_have_ended_is_a_group_of_its_own() {
        let (before, after) = (threads([(1, "main", 0), (2, "short", 0)]), threads([(1, "main", 2)]));
        assert_eq!(names(&after.since(&before, of_ticks(50), 1)), ["main", ENDED]);
        assert_eq!(names(&after.since(&before, of_ticks(3), 1)), ["main"]);
    }

    #[test]
    fn a_thread_that_works_is_found_by_its_name() {
        let pid = [std::process::id()];
        let before = Threads::now(&pid).unwrap();
        let (done, until) = (mpsc::channel::<()>(), of_ticks(5));
        let (worked, has_worked) = mpsc::channel();
        let busy = thread::Builder::new().name("busy-7".into()).spawn(move || {
            let started = Instant::now();
            while started.elapsed() < until {
                black_box(nanos(started.elapsed()));
            }
            worked.send(()).unwrap();
            // Stays until it was counted.
            let _ = done.1.recv();
        });
        has_worked.recv().unwrap();
        let found = Threads::now(&pid).unwrap().ticks;
        drop(done.0);
        busy.unwrap().join().unwrap();
        assert!(found.values().any(|(name, _)| name == "busy"), "{found:?}");
        assert!(!before.ticks.values().any(|(name, _)| name == "busy"));
    }
}
