//! The adapter's own threads, on which librdkafka may block.

use super::options::ConnectError;
use std::{
    sync::{Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};
use tokio::{task::spawn_blocking, time::timeout};

/// Threads that end by themselves once their log is closed.
#[derive(Default)]
pub(super) struct Threads(Mutex<Vec<JoinHandle<()>>>);

impl Threads {
    pub(super) fn spawn(&self, name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), ConnectError> {
        let spawned = thread::Builder::new().name(name.into()).spawn(run);
        let handle = spawned.map_err(|error| ConnectError::Client(format!("no thread: {error}")))?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(handle);
        Ok(())
    }

    /// Waits for their end, up to a time.
    pub(super) async fn ended(&self, wait: Duration) {
        let threads = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let ended = spawn_blocking(move || threads.into_iter().for_each(|thread| drop(thread.join())));
        if timeout(wait, ended).await.is_err() {
            tracing::warn!("Kafka clients did not end in time");
        }
    }
}
