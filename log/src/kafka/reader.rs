//! Reading a log without being one of its nodes: nothing is made or written, and no node hears of it.

use super::{
    limits,
    options::{ConnectError, KafkaOptions},
    read::{self, Job, Jobs},
    shared::Shared,
};
use crate::{Page, ReadError, Stream};
use kafkatalk_protocol::Offset;
use std::{
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
};
use tokio::{task::spawn_blocking, time::timeout};

/// A log on Apache Kafka, for reading alone.
pub struct KafkaReader {
    shared: Arc<Shared>,
    jobs: Jobs,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl KafkaReader {
    /// Opens the log that these options name. Does not wait for a broker.
    ///
    /// # Errors
    /// When the options are such that it could never work.
    pub fn open(options: KafkaOptions) -> Result<Self, ConnectError> {
        let names = options.check()?;
        let shared = Arc::new(Shared::new(options, names));
        let (jobs, reads) = Jobs::new();
        let reads = Arc::new(Mutex::new(reads));
        let mut threads = Vec::with_capacity(limits::READERS);
        for _ in 0..limits::READERS {
            let (shared, reads) = (Arc::clone(&shared), Arc::clone(&reads));
            let spawned =
                thread::Builder::new().name("kafka-read".into()).spawn(move || read::serve(&shared, &reads));
            threads.push(spawned.map_err(|error| ConnectError::Client(format!("no thread: {error}")))?);
        }
        Ok(Self { shared, jobs, threads: Mutex::new(threads) })
    }

    /// As [`crate::EventLog::read`].
    pub async fn read(&self, stream: Stream, from: Offset, limit: usize) -> Result<Page, ReadError> {
        self.jobs.ask(|answer| Job::Page { stream, from: from.0, limit, answer }).await
    }

    /// Ends its threads, and waits for that.
    pub async fn close(&self) {
        self.shared.close();
        self.jobs.shut();
        let threads =
            self.threads.lock().map(|mut threads| std::mem::take(&mut *threads)).unwrap_or_default();
        let ended = spawn_blocking(move || threads.into_iter().for_each(|thread| drop(thread.join())));
        if timeout(limits::CLOSE_WAIT, ended).await.is_err() {
            tracing::warn!("Kafka clients did not end in time");
        }
    }
}

impl Drop for KafkaReader {
    /// The threads end by themselves.
    fn drop(&mut self) {
        self.shared.close();
    }
}
