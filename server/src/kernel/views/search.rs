//! Search: an index of words in a file beside the views, filled asynchronously.
//!
//! | module | holds |
//! |---|---|
//! | `words` | what a word is |
//! | `fold` | when two are the same |
//! | `text`, `snippet` | what is searched for: whether a message has it, where, and what is shown of it |
//! | `index` | the file |
//! | `indexer` | the thread that fills it |
//! | [`find`](super::Query) | the search itself, in `query` |
//!
//! A word is indexed once for each person who may read it. So a search reads the caller's own messages only, and its time
//! does not depend on messages of others, except for those not indexed yet: a search waits until they are. Documents lie in
//! the order of time, so that the latest are found without reading all.
//!
//! The index yields candidates only: every hit is read from the views and compared before it is returned.

mod fold;
mod index;
mod indexer;
mod snippet;
mod text;
mod words;

pub(crate) use index::{IndexError, bucket, bucket_end, bucket_of, expression, last_ms};
pub(super) use indexer::Indexer;
pub use text::{SearchText, SearchTextError};

use super::{ViewsError, file};
use indexer::{Done, Shared};
use kafkatalk_protocol::{ConversationId, UserId};
use rusqlite::Connection;
use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// How long a search waits for the index to catch up with the views, and then for its turn, before it is refused.
const SEARCH_WAIT: Duration = Duration::from_secs(10);
/// Connections that are kept for searches to come.
const READERS_MAX: usize = 4;

/// Who looks for what.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) viewer: UserId,
    pub(crate) text: SearchText,
    pub(crate) conversation: Option<ConversationId>,
    pub(crate) before: Option<String>,
    pub(crate) limit: usize,
}

/// The reading side of the index.
#[derive(Debug)]
pub(super) struct Search {
    path: PathBuf,
    shared: Arc<Shared>,
    done: watch::Receiver<Done>,
    idle: Mutex<Vec<(u64, Connection)>>,
    /// Searches cost more than other reads: they may take half of the readers.
    turns: Arc<Semaphore>,
}

impl Search {
    /// Waits until everything committed before the call is indexed. Returns the number of the index file.
    pub(super) async fn reached(&self) -> Result<u64, ViewsError> {
        let mut done = self.done.clone();
        let now = *done.borrow();
        let Some(target) = self.shared.ask(now.handed) else { return Ok(now.file) };
        match tokio::time::timeout(SEARCH_WAIT, done.wait_for(|done| done.handed >= target)).await {
            Ok(Ok(done)) => Ok(done.file),
            Ok(Err(closed)) => Err(ViewsError::Interrupted(closed.to_string())),
            Err(_) => Err(ViewsError::Indexing),
        }
    }

    /// A turn among the searches, to be held as long as the work goes on.
    pub(super) async fn turn(&self) -> Result<OwnedSemaphorePermit, ViewsError> {
        match tokio::time::timeout(SEARCH_WAIT, Arc::clone(&self.turns).acquire_owned()).await {
            Ok(turn) => turn.map_err(|closed| ViewsError::Interrupted(closed.to_string())),
            Err(_) => Err(ViewsError::Busy),
        }
    }

    /// Runs a closure on one moment of the index, in the file that is told. Where that is damaged, or was thrown away
    /// meanwhile, what the closure saw says nothing.
    pub(super) fn read<T>(
        &self,
        file: u64,
        work: impl FnOnce(&Connection) -> Result<T, ViewsError>,
    ) -> Result<T, ViewsError> {
        let answer = self.read_file(file, work);
        if self.shared.file() != file {
            return Err(ViewsError::Indexing);
        }
        if matches!(answer, Err(ViewsError::Indexing)) {
            tracing::warn!(reason = "damaged", "search_index_begun_anew");
            self.shared.found_damage(file);
        }
        answer
    }

    fn read_file<T>(
        &self,
        file: u64,
        work: impl FnOnce(&Connection) -> Result<T, ViewsError>,
    ) -> Result<T, ViewsError> {
        let idle = {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.retain(|(of, _)| *of == file);
            idle.pop()
        };
        let mut connection = match idle {
            Some((_, connection)) => connection,
            None => file::open_reader(&self.path).map_err(IndexError::from)?,
        };
        let moment = connection.transaction().map_err(IndexError::from)?;
        let answer = work(&moment)?;
        drop(moment);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < READERS_MAX {
            idle.push((file, connection));
        }
        Ok(answer)
    }
}
