//! The thread that fills the index, some time after the views and never in their way.
//!
//! A conversation's messages come in the order of their offsets, so one place a conversation says what is left to do; the
//! applier only names the conversations that changed. Erasures are rare and are written down, in `pending_index_deletes`, with
//! the transaction that makes them.

mod gather;

use super::{
    Search,
    index::{Batch, Index, IndexError, Source},
};
use crate::kernel::views::{ViewsError, file, schema};
use gather::{gather, gather_for_new_readers, gather_unsaid, leave_for_later};
use rusqlite::Connection;
use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{Builder, JoinHandle},
    time::{Duration, Instant},
};
use tokio::sync::{Semaphore, watch};

/// Records after which the thread begins by itself. Many at once cost less than each alone.
const BEGIN_RECORDS: usize = 1_000;
/// How long fewer wait.
const BEGIN_AFTER: Duration = Duration::from_secs(5);
/// How long to wait after an error.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// How much the thread stands back behind the others of the process, as `nice` counts.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

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
pub(super) struct Done {
    /// All up to this hand-over.
    pub(super) handed: u64,
    /// And in which file.
    pub(super) file: u64,
}

/// Between the applier, the searches and the thread.
#[derive(Debug)]
pub(super) struct Shared {
    work: Mutex<Work>,
    wake: Condvar,
    /// Raised whenever the file is thrown away.
    file: AtomicU64,
    /// What is in the file cannot be what was written.
    damaged: AtomicBool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the thread begin, if it is not done; the hand-over to wait for.
    pub(super) fn ask(&self, done: u64) -> Option<u64> {
        let mut work = self.lock();
        if done >= work.handed {
            return None;
        }
        work.asked = true;
        self.wake.notify_one();
        Some(work.handed)
    }

    pub(super) fn file(&self) -> u64 {
        self.file.load(Ordering::SeqCst)
    }

    /// A reader saw that the file is damaged: searches wait until it is made anew.
    pub(super) fn found_damage(&self, file: u64) {
        let mut work = self.lock();
        if self.file() == file && !self.damaged.swap(true, Ordering::SeqCst) {
            work.asked = true;
            work.handed += 1;
            self.wake.notify_one();
        }
    }

    /// Waits until there is enough to do. `None` at the end.
    fn next(&self) -> Option<(HashSet<i64>, u64)> {
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
    fn stops_after(&self, pause: Duration) -> bool {
        let waited = self.wake.wait_timeout_while(self.lock(), pause, |work| !work.stop);
        waited.unwrap_or_else(PoisonError::into_inner).0.stop
    }
}

/// The applier's end of the thread, which ends with it.
#[derive(Debug)]
pub(crate) struct Indexer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Indexer {
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.wake.notify_one();
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::warn!("the thread that fills the search index had died");
        }
    }
}

impl Indexer {
    /// Starts the thread for views that are there. What the index misses of them is its first work.
    ///
    /// To be called before anything is written: the index may be ahead of the views after a power cut, and that is seen
    /// only until they have caught up.
    pub(crate) fn start(views: &Path, readers: usize) -> Result<(Arc<Search>, Self), ViewsError> {
        let path = file::beside(views, ".search");
        let views = file::open_beside(views)?;
        let (opened, damaged) = match Index::open(&path, &Source::of_views(&views)?) {
            Ok(index) => (Some(index), false),
            Err(error) => {
                tracing::warn!(%error, "the search index cannot be opened; trying again");
                (None, !error.is_foreign())
            }
        };
        let work = Work { handed: 1, since: Some(Instant::now()), ..Work::default() };
        let shared = Arc::new(Shared {
            work: work.into(),
            wake: Condvar::new(),
            file: AtomicU64::new(0),
            damaged: damaged.into(),
        });
        let (done, watched) = watch::channel(Done::default());
        let filling = Filling { views, path: path.clone(), shared: Arc::clone(&shared), opened, index: None };
        let thread = Builder::new().name("search-index".into()).spawn(move || filling.run(&done))?;
        let search = Search {
            path,
            shared: Arc::clone(&shared),
            done: watched,
            idle: Mutex::default(),
            turns: Arc::new(Semaphore::new((readers / 2).max(1))),
        };
        Ok((Arc::new(search), Self { shared, thread: Some(thread) }))
    }

    /// These conversations changed, in a commit of that many records. Never waits for the thread.
    pub(crate) fn told(&self, changed: &[i64], records: usize, live: bool) {
        let mut work = self.shared.lock();
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
        self.shared.wake.notify_one();
    }
}

/// What stopped the thread. Damage of the views is nothing that a new index would mend.
#[derive(Debug, thiserror::Error)]
enum FillError {
    #[error("{0}")]
    Views(#[from] ViewsError),
    #[error("{0}")]
    Index(#[from] IndexError),
}

impl From<rusqlite::Error> for FillError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Views(error.into())
    }
}

/// The thread.
struct Filling {
    views: Connection,
    path: PathBuf,
    shared: Arc<Shared>,
    /// Opened at the start, and not compared with the views yet.
    opened: Option<Index>,
    index: Option<Index>,
}

impl Filling {
    fn run(mut self, done: &watch::Sender<Done>) {
        // Of this thread alone. Where it is refused the thread is like the others.
        #[cfg(target_os = "linux")]
        let _ = rustix::process::nice(NICENESS);
        while let Some((mut changed, handed)) = self.shared.next() {
            loop {
                match self.fill(&mut changed) {
                    Ok(true) => {
                        done.send_replace(Done { handed, file: self.shared.file() });
                        break;
                    }
                    Ok(false) => return,
                    Err(error) => {
                        self.failed(&error);
                        if self.shared.stops_after(RETRY_AFTER) {
                            return;
                        }
                    }
                }
            }
        }
    }

    /// The index is opened anew next time, and begun anew where it cannot hold what was written.
    fn failed(&mut self, error: &FillError) {
        tracing::warn!(%error, "the search index cannot be filled; trying again");
        self.index = None;
        if matches!(error, FillError::Index(error) if error.is_damage()) {
            self.shared.damaged.store(true, Ordering::SeqCst);
        }
    }

    /// Deletes the file, if it is damaged.
    fn throw_away_damaged(&mut self) -> Result<(), FillError> {
        if self.shared.damaged.load(Ordering::SeqCst) {
            (self.opened, self.index) = (None, None);
            self.shared.file.fetch_add(1, Ordering::SeqCst);
            file::delete(&self.path)?;
            self.shared.damaged.store(false, Ordering::SeqCst);
        }
        Ok(())
    }

    /// Does all that is to be done, some messages at a time. False if the thread is to end before.
    fn fill(&mut self, changed: &mut HashSet<i64>) -> Result<bool, FillError> {
        self.throw_away_damaged()?;
        let index = match &mut self.index {
            Some(index) => index,
            none => {
                // Who reads an older file, or none, is not to go on with it.
                self.shared.file.fetch_add(1, Ordering::SeqCst);
                let index = match self.opened.take() {
                    Some(index) => index,
                    None => Index::open(&self.path, &Source::of_views(&self.views)?)?,
                };
                // The process may have ended between the two transactions of an erasure.
                strike_out(&self.views, index.unsaid()?)?;
                changed.extend(behind(&self.views, &index)?);
                none.insert(index)
            }
        };
        // Conversations whose readers were looked at. One that changes meanwhile is handed over again.
        let mut looked = HashSet::new();
        loop {
            let moment = self.views.transaction()?;
            let source = Source::of_views(&moment)?;
            let mut batch = Batch::default();
            // One after the other: each takes the index as the one before has left it.
            let more_unsaid = gather_unsaid(&moment, index, &mut batch)?;
            if more_unsaid {
                leave_for_later(&moment, index, &mut batch)?;
            }
            if batch.unsaid.is_none()
                && gather_for_new_readers(&moment, index, (changed, &mut looked), &mut batch)?
            {
                gather(&moment, index, changed, &mut batch)?;
            }
            drop(moment);
            let unsaid = batch.unsaid;
            let left = unsaid.is_some() || !changed.is_empty();
            if unsaid.is_some()
                || !batch.reached.is_empty()
                || !batch.readers.is_empty()
                || batch.later.is_some()
            {
                index.take_in(batch, source.commits)?;
            }
            if let Some(unsaid) = unsaid {
                strike_out(&self.views, unsaid)?;
            }
            if !left {
                return Ok(true);
            }
            if self.shared.lock().stop {
                return Ok(false);
            }
        }
    }
}

/// Strikes out erased messages that the index has forgotten. Looks first: to write is to wait for the applier.
fn strike_out(views: &Connection, last: i64) -> Result<(), FillError> {
    let first: Option<i64> =
        views.query_row("SELECT min(number) FROM pending_index_deletes", [], |row| row.get(0))?;
    if first.is_some_and(|first| first <= last) {
        views.execute("DELETE FROM pending_index_deletes WHERE number <= ?1", [last])?;
    }
    Ok(())
}

/// Conversations of which the index does not hold all.
fn behind(views: &Connection, index: &Index) -> Result<Vec<i64>, FillError> {
    let reached = index.all_reached()?;
    let mut find = views.prepare("SELECT row, newest FROM conversations WHERE newest IS NOT NULL")?;
    let found = find.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut behind = Vec::new();
    for one in found {
        let (row, newest) = one?;
        if reached.get(&row) < Some(&schema::place(row, schema::column_offset(newest))) {
            behind.push(row);
        }
    }
    Ok(behind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_of_the_views_is_no_reason_to_throw_the_index_away() {
        let (work, file, damaged) = (Mutex::default(), AtomicU64::new(0), AtomicBool::new(false));
        let shared = Arc::new(Shared { work, wake: Condvar::new(), file, damaged });
        let views = Connection::open_in_memory().unwrap();
        let path = PathBuf::from("none");
        let mut filling = Filling { views, path, shared: Arc::clone(&shared), opened: None, index: None };
        let damage = || ViewsError::Damaged("bits have turned".into());
        filling.failed(&damage().into());
        assert!(!shared.damaged.load(Ordering::SeqCst));
        filling.failed(&IndexError::from(damage()).into());
        assert!(shared.damaged.load(Ordering::SeqCst));
    }
}
