//! The adapter's own threads, on which librdkafka may block.

use super::error::ConnectError;
use std::{
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};
use tokio::{task::spawn_blocking, time::timeout};

/// Threads that end by themselves once their log is closed.
#[derive(Clone, Default)]
pub(super) struct Threads(Arc<Mutex<Vec<JoinHandle<()>>>>);

impl Threads {
    pub(super) fn spawn(&self, name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), ConnectError> {
        let spawned = thread::Builder::new().name(name.into()).spawn(run);
        let handle = spawned.map_err(|error| ConnectError::Client(format!("no thread: {error}")))?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(handle);
        Ok(())
    }

    /// Waits for their end, up to a time.
    pub(super) async fn ended(&self, wait: Duration) {
        let all = self.clone();
        // One that is waited for may have started another just before its end.
        let ended = spawn_blocking(move || while all.join() {});
        if timeout(wait, ended).await.is_err() {
            tracing::warn!("Kafka clients did not end in time");
        }
    }

    /// Waits for those that there are. False where there were none.
    fn join(&self) -> bool {
        let threads = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let were_there = !threads.is_empty();
        for thread in threads {
            // One that panicked has ended, too.
            drop(thread.join());
        }
        were_there
    }
}
