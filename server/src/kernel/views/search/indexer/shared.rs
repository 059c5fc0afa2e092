//! What the applier, the searches and the thread know of each other.

use std::{
    collections::HashSet,
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// Records after which the thread begins by itself. Many at once cost less than each alone.
const BEGIN_RECORDS: usize = 1_000;
/// How long fewer wait.
const BEGIN_AFTER: Duration = Duration::from_secs(5);
/// What is left to do.
#[derive(Debug, Default)]
struct Work {
    /// Conversations that changed.
    changed: HashSet<i64>,
    records: usize,
    since: Option<Instant>,
    /// Hand-overs by the applier.
    handed: u64,
    /// A search waits.
    asked: bool,
    /// The applier is at the log's end. While it catches up it has the machine for itself.
    live: bool,
    stop: bool,
}

/// What is indexed.
#[derive(Clone, Copy, Debug, Default)]
pub(in super::super) struct Done {
    /// All up to this hand-over.
    pub(in super::super) handed: u64,
    /// And in which file.
    pub(in super::super) file: u64,
}

/// Between the applier, the searches and the thread.
#[derive(Debug)]
pub(in super::super) struct Shared {
    work: Mutex<Work>,
    wake: Condvar,
    /// Raised whenever the file is thrown away.
    file: AtomicU64,
    /// What is in the file cannot be what was written.
    damaged: AtomicBool,
}

impl Shared {
    /// With all of the views to do.
    pub(in super::super) fn new(damaged: bool) -> Self {
        let work = Work { handed: 1, since: Some(Instant::now()), ..Work::default() };
        Self { work: work.into(), wake: Condvar::new(), file: AtomicU64::new(0), damaged: damaged.into() }
    }

    /// The file is thrown away, or another one takes its place.
    pub(in super::super) fn next_file(&self) {
        self.file.fetch_add(1, Ordering::SeqCst);
    }

    pub(in super::super) fn is_damaged(&self) -> bool {
        self.damaged.load(Ordering::SeqCst)
    }

    pub(in super::super) fn set_damaged(&self, damaged: bool) {
        self.damaged.store(damaged, Ordering::SeqCst);
    }

    fn lock(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the thread begin, if it is not done; the hand-over to wait for.
    pub(in super::super) fn ask(&self, done: u64) -> Option<u64> {
        let mut work = self.lock();
        if done >= work.handed {
            return None;
        }
        work.asked = true;
        self.wake.notify_one();
        Some(work.handed)
    }

    pub(in super::super) fn file(&self) -> u64 {
        self.file.load(Ordering::SeqCst)
    }

    /// A reader saw that the file is damaged: searches wait until it is made anew.
    pub(in super::super) fn found_damage(&self, file: u64) {
        let mut work = self.lock();
        if self.file() == file && !self.damaged.swap(true, Ordering::SeqCst) {
            work.asked = true;
            work.handed += 1;
            self.wake.notify_one();
        }
    }

    /// These conversations changed, in a commit of that many records.
    pub(in super::super) fn changed(&self, changed: &[i64], records: usize, live: bool) {
        let mut work = self.lock();
        let was_live = std::mem::replace(&mut work.live, live);
        if !changed.is_empty() {
            work.changed.extend(changed);
            work.handed += 1;
            let before = work.records;
            work.records += records;
            let enough = before < BEGIN_RECORDS && work.records >= BEGIN_RECORDS;
            if work.since.is_some() && was_live == live && !enough {
                return;
            }
            work.since.get_or_insert_with(Instant::now);
        } else if was_live == live {
            return;
        }
        self.wake.notify_one();
    }

    /// The thread is to end.
    pub(in super::super) fn stop(&self) {
        self.lock().stop = true;
        self.wake.notify_one();
    }

    /// Whether it is to.
    pub(in super::super) fn stops(&self) -> bool {
        self.lock().stop
    }

    /// Waits until there is enough to do. `None` at the end.
    pub(in super::super) fn next(&self) -> Option<(HashSet<i64>, u64)> {
        let mut work = self.lock();
        loop {
            if work.stop {
                return None;
            }
            let left = work.since.map(|since| BEGIN_AFTER.saturating_sub(since.elapsed()));
            let due = work.live && (work.records >= BEGIN_RECORDS || left == Some(Duration::ZERO));
            if work.asked || due {
                (work.asked, work.records, work.since) = (false, 0, None);
                return Some((std::mem::take(&mut work.changed), work.handed));
            }
            work = match left.filter(|_| work.live) {
                Some(left) => self.wake.wait_timeout(work, left).unwrap_or_else(PoisonError::into_inner).0,
                None => self.wake.wait(work).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// Whether the thread is to end, after a pause.
    pub(in super::super) fn stops_after(&self, pause: Duration) -> bool {
        let waited = self.wake.wait_timeout_while(self.lock(), pause, |work| !work.stop);
        waited.unwrap_or_else(PoisonError::into_inner).0.stop
    }
}
