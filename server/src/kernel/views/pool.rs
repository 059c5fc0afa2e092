//! Bounded readers.

use super::{ViewsError, ViewsOptions, file};
use rusqlite::Connection;
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Reads run on tokio's blocking threads, a few at a time; connections are opened when first needed and kept.
pub(super) struct Pool {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    idle_max: usize,
    turns: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
}

impl Pool {
    pub(super) fn new(path: PathBuf, options: &ViewsOptions) -> Self {
        let readers = options.readers.max(1);
        Self {
            path,
            idle: Mutex::default(),
            idle_max: readers,
            turns: Arc::new(Semaphore::new(readers)),
            admitted: Arc::new(Semaphore::new(readers + options.reads_waiting)),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// A place among those who wait, if there is one left.
    pub(super) fn admit(&self) -> Result<OwnedSemaphorePermit, ViewsError> {
        Arc::clone(&self.admitted).try_acquire_owned().map_err(|_| ViewsError::Busy)
    }

    pub(super) async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        admitted: OwnedSemaphorePermit,
        work: impl FnOnce(&mut Connection) -> Result<T, ViewsError> + Send + 'static,
    ) -> Result<T, ViewsError> {
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let turn = turn.map_err(|closed| ViewsError::Interrupted(closed.to_string()))?;
        let pool = Arc::clone(self);
        let done = tokio::task::spawn_blocking(move || {
            // Moved in, so that who stops waiting does not free the turn while the work goes on.
            let _both = (admitted, turn);
            pool.run_here(work)
        });
        done.await.map_err(|error| ViewsError::Interrupted(error.to_string()))?
    }

    pub(super) fn run_here<T>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, ViewsError>,
    ) -> Result<T, ViewsError> {
        let idle = self.lock().pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => file::open_reader(&self.path)?,
        };
        // After an error the connection is dropped: what is wrong with it may be gone with it.
        let answer = work(&mut connection)?;
        let mut idle = self.lock();
        if idle.len() < self.idle_max {
            idle.push(connection);
        }
        Ok(answer)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
