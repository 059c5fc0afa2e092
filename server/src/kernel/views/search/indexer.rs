//! The thread that fills the index asynchronously, and never blocks the views.
//!
//! A conversation's messages come in the order of their offsets, so one place a conversation says what is left to do; the
//! applier only names the conversations that changed. Erasures are rare and are written down, in `pending_index_deletes`, with
//! the transaction that makes them.

mod gather;
mod shared;

pub(super) use shared::{Done, Shared};

use super::{
    Search,
    index::{Batch, Index, IndexError, Source},
};
use crate::kernel::views::{ViewsError, file, schema};
use gather::{gather, gather_deletes, gather_for_new_readers, leave_for_later};
use rusqlite::Connection;
use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    thread::{Builder, JoinHandle},
    time::Duration,
};
use tokio::sync::{Semaphore, watch};

/// Delay before a retry after an error.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// How much the thread stands back behind the others of the process, as `nice` counts.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// The applier's end of the thread, which ends with it.
#[derive(Debug)]
pub(crate) struct Indexer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Indexer {
    fn drop(&mut self) {
        self.shared.stop();
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::warn!("search index thread panicked");
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
                tracing::warn!(%error, "opening the search index failed; retrying");
                (None, !error.is_foreign())
            }
        };
        let shared = Arc::new(Shared::new(damaged));
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
    pub(crate) fn notify(&self, changed: &[i64], records: usize, live: bool) {
        self.shared.changed(changed, records, live);
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
        tracing::warn!(%error, "filling the search index failed; retrying");
        self.index = None;
        if matches!(error, FillError::Index(error) if error.is_damage()) {
            self.shared.set_damaged(true);
        }
    }

    /// Deletes the file, if it is damaged.
    fn throw_away_damaged(&mut self) -> Result<(), FillError> {
        if self.shared.is_damaged() {
            (self.opened, self.index) = (None, None);
            self.shared.next_file();
            file::delete(&self.path)?;
            self.shared.set_damaged(false);
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
                self.shared.next_file();
                let index = match self.opened.take() {
                    Some(index) => index,
                    None => Index::open(&self.path, &Source::of_views(&self.views)?)?,
                };
                // The process may have ended between the two transactions of an erasure.
                forget_pending_deletes(&self.views, index.deleted_through()?)?;
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
            let more_deletes = gather_deletes(&moment, index, &mut batch)?;
            if more_deletes {
                leave_for_later(&moment, index, &mut batch)?;
            }
            if batch.deleted_through.is_none()
                && gather_for_new_readers(&moment, index, (changed, &mut looked), &mut batch)?
            {
                gather(&moment, index, changed, &mut batch)?;
            }
            drop(moment);
            let deleted_through = batch.deleted_through;
            let left = deleted_through.is_some() || !changed.is_empty();
            if deleted_through.is_some()
                || !batch.reached.is_empty()
                || !batch.readers.is_empty()
                || batch.later.is_some()
            {
                index.write(batch, source.commits)?;
            }
            if let Some(deleted_through) = deleted_through {
                forget_pending_deletes(&self.views, deleted_through)?;
            }
            if !left {
                return Ok(true);
            }
            if self.shared.stops() {
                return Ok(false);
            }
        }
    }
}

/// Strikes out erased messages that the index has forgotten. Looks first: to write is to wait for the applier.
fn forget_pending_deletes(views: &Connection, last: i64) -> Result<(), FillError> {
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
        let shared = Arc::new(Shared::new(false));
        let views = Connection::open_in_memory().unwrap();
        let path = PathBuf::from("none");
        let mut filling = Filling { views, path, shared: Arc::clone(&shared), opened: None, index: None };
        let damage = || ViewsError::Damaged("bits have turned".into());
        filling.failed(&damage().into());
        assert!(!shared.is_damaged());
        filling.failed(&IndexError::from(damage()).into());
        assert!(shared.is_damaged());
    }
}
