//! Search: an index of words in a file of its own beside the views, filled behind their back.
//!
//! | module | holds |
//! |---|---|
//! | `words` | what a word is, and when two are the same |
//! | `text` | what is searched for: whether a message has it, where, and the snippet |
//! | `index` | the file |
//! | `indexer` | the thread that fills it |
//! | [`find`](super::Query) | the search itself, in `query` |
//!
//! A word is indexed under each person who may read it. So a search looks at the caller's own messages and at nothing
//! else: it costs what they have, whatever others say, and its time tells nothing of them. Documents lie in the order of
//! time, so that the latest are found without looking at all.
//!
//! What the index names is only where to look: every hit is read from the views and compared, before anybody sees it.

mod index;
mod indexer;
mod text;
mod words;

pub(super) use index::{bucket, bucket_end, bucket_of, expression, last_ms};
pub(super) use indexer::Indexer;
pub use text::{SearchText, SearchTextError};

use super::{ViewsError, schema};
use indexer::Shared;
use kafkatalk_protocol::{ConversationId, UserId};
use rusqlite::Connection;
use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::watch;

/// How long a search waits for the index to come to where the views are, before it is refused.
const SEARCH_WAIT: Duration = Duration::from_secs(2);
/// Connections that are kept for searches to come.
const READERS_MAX: usize = 4;

/// Who looks for what.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) viewer: UserId,
    pub(super) text: SearchText,
    pub(super) conversation: Option<ConversationId>,
    pub(super) before: Option<String>,
    pub(super) limit: usize,
}

/// The reading side of the index.
#[derive(Debug)]
pub(super) struct Search {
    path: PathBuf,
    shared: Arc<Shared>,
    /// Up to which hand-over of the applier all is indexed.
    done: watch::Receiver<u64>,
    idle: Mutex<Vec<(u64, Connection)>>,
}

impl Search {
    /// Waits until all is indexed that was committed before the call.
    pub(super) async fn reached(&self) -> Result<(), ViewsError> {
        let mut done = self.done.clone();
        let Some(target) = self.shared.ask(*done.borrow()) else { return Ok(()) };
        match tokio::time::timeout(SEARCH_WAIT, done.wait_for(|done| *done >= target)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(closed)) => Err(ViewsError::Interrupted(closed.to_string())),
            Err(_) => Err(ViewsError::Indexing),
        }
    }

    /// Runs a closure on one moment of the index. Connections of a file that was thrown away since go with it.
    pub(super) fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, ViewsError>,
    ) -> Result<T, ViewsError> {
        let file = self.shared.file();
        let idle = {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.retain(|(of, _)| *of == file);
            idle.pop()
        };
        let mut connection = match idle {
            Some((_, connection)) => connection,
            None => schema::open_reader(&self.path)?,
        };
        let moment = connection.transaction()?;
        let answer = work(&moment)?;
        drop(moment);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < READERS_MAX {
            idle.push((file, connection));
        }
        Ok(answer)
    }
}
