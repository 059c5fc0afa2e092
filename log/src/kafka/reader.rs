//! Reading a log without being one of its nodes: nothing is made or written, and no node hears of it.

use super::{
    error::ConnectError,
    limits,
    options::KafkaOptions,
    read::{self, Job, Jobs},
    shared::Shared,
    threads::Threads,
};
use crate::{LogIdentity, Page, ReadError, Stream};
use kafkatalk_protocol::Offset;
use std::sync::Arc;

/// A log on Apache Kafka, for reading alone.
pub struct KafkaReader {
    shared: Arc<Shared>,
    jobs: Jobs,
    threads: Threads,
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
        let threads = Threads::default();
        read::start(&shared, &threads, reads)?;
        Ok(Self { shared, jobs, threads })
    }

    /// Which log it is; none where a version wrote it that knew of no identities.
    pub async fn identity(&self) -> Result<Option<LogIdentity>, ReadError> {
        self.jobs.ask(|answer| Job::Identity { answer }).await
    }

    /// As [`crate::EventLog::read`].
    pub async fn read(&self, stream: Stream, from: Offset, limit: usize) -> Result<Page, ReadError> {
        self.jobs.ask(|answer| Job::Page { stream, from: from.0, limit, answer }).await
    }

    /// Ends its threads, and waits for that.
    pub async fn close(&self) {
        self.shared.close();
        self.jobs.shut();
        self.threads.ended(limits::CLOSE_WAIT).await;
    }
}

impl Drop for KafkaReader {
    /// The threads end by themselves.
    fn drop(&mut self) {
        self.shared.close();
    }
}
