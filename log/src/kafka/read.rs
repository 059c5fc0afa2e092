//! Reading a range of one stream: a few threads with a consumer each.

use super::{
    client::{self, Consumer},
    error::{ConnectError, Wrong},
    known_topics::Topic,
    limits, manifest,
    purpose::Purpose,
    shared::Shared,
    sweep,
    threads::Threads,
    walk::{Range, Walk, walk},
    wire,
};
use crate::limits::{PAGE_BYTES_MAX, PAGE_RECORDS_MAX};
use crate::{Checkpoint, Entry, Ledger, LogIdentity, Page, ReadError, RecordId, Stream};
use kafkatalk_protocol::Offset;
use rdkafka::{Message, consumer::Consumer as _, error::KafkaError};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    thread::sleep,
    time::Instant,
};
use tokio::{
    sync::{Semaphore, mpsc, oneshot},
    time::timeout,
};

/// What the threads are asked for.
pub(super) enum Job {
    /// A page.
    Page { stream: Stream, from: u64, limit: usize, answer: oneshot::Sender<Result<Page, ReadError>> },
    /// Where the ledgers end.
    Ends { answer: oneshot::Sender<Result<Checkpoint, ReadError>> },
    /// Which log it is, if its manifest says so.
    Identity { answer: oneshot::Sender<Result<Option<LogIdentity>, ReadError>> },
    /// The keys of records, of those that are there.
    Keys { stream: Stream, records: Vec<RecordId>, answer: oneshot::Sender<Result<Keys, ReadError>> },
}

/// Keys of records.
pub(super) type Keys = HashMap<RecordId, String>;

/// The way to the threads that serve jobs.
pub(super) struct Jobs {
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    /// A permit for each job that walks through a whole topic: of the threads, some are always there for pages.
    walks: Semaphore,
}

impl Jobs {
    pub(super) fn new() -> (Self, mpsc::Receiver<Job>) {
        let (jobs, reads) = mpsc::channel(limits::READS_WAITING_MAX);
        let walks = Semaphore::new(limits::READERS_THAT_WALK);
        (Self { jobs: Mutex::new(Some(jobs)), walks }, reads)
    }

    /// Takes no more jobs, which ends the threads.
    pub(super) fn shut(&self) {
        drop(self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// The keys of records. Waits for others who ask that, however long.
    pub(super) async fn keys(&self, stream: Stream, records: Vec<RecordId>) -> Result<Keys, ReadError> {
        let closed = |_| ReadError::Unavailable("the log is closed".into());
        let _walk = self.walks.acquire().await.map_err(closed)?;
        self.ask(|answer| Job::Keys { stream, records, answer }).await
    }

    pub(super) async fn ask<T>(
        &self,
        job: impl FnOnce(oneshot::Sender<Result<T, ReadError>>) -> Job,
    ) -> Result<T, ReadError> {
        let closed = || ReadError::Unavailable("the log is closed".into());
        let (waiter, answer) = oneshot::channel();
        let full = |_| ReadError::Unavailable(format!("{} reads wait already", limits::READS_WAITING_MAX));
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner).clone().ok_or_else(closed)?;
        jobs.try_send(job(waiter)).map_err(full)?;
        drop(jobs);
        let silent = |_| ReadError::Unavailable("the brokers are silent".into());
        timeout(limits::READ_ANSWER_WAIT, answer).await.map_err(silent)?.map_err(|_| closed())?
    }
}

/// Starts the threads that read.
pub(super) fn start(
    shared: &Arc<Shared>,
    threads: &Threads,
    reads: mpsc::Receiver<Job>,
) -> Result<(), ConnectError> {
    let reads = Arc::new(Mutex::new(reads));
    for _ in 0..limits::READERS {
        let (shared, reads) = (Arc::clone(shared), Arc::clone(&reads));
        threads.spawn("kafka-read", move || serve(&shared, &reads))?;
    }
    Ok(())
}

/// Serves jobs until there are no more.
fn serve(shared: &Arc<Shared>, jobs: &Mutex<mpsc::Receiver<Job>>) {
    let mut consumer = None;
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
        let Some(job) = job else { return };
        if consumer.is_none() {
            consumer = client::consumer(shared, Purpose::Fetch).ok();
        }
        let reader =
            consumer.as_ref().ok_or_else(|| ReadError::Unavailable("no Kafka client can be made".into()));
        // Whoever no longer waits gets no answer.
        match job {
            Job::Page { answer, .. } if answer.is_closed() => {}
            Job::Keys { answer, .. } if answer.is_closed() => {}
            Job::Ends { answer } if answer.is_closed() => {}
            Job::Identity { answer } if answer.is_closed() => {}
            Job::Page { stream, from, limit, answer } => {
                drop(answer.send(reader.and_then(|consumer| page(shared, consumer, stream, from, limit))));
            }
            Job::Ends { answer } => {
                drop(answer.send(reader.and_then(|consumer| ends(shared, consumer))));
            }
            Job::Identity { answer } => {
                drop(answer.send(reader.and_then(|consumer| identity(shared, consumer))));
            }
            Job::Keys { stream, records, answer } => {
                drop(answer.send(reader.and_then(|consumer| keys(shared, consumer, stream, &records))));
            }
        }
    }
}

impl From<KafkaError> for ReadError {
    fn from(error: KafkaError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// Where a stream begins and ends. One whose topic was never seen is empty; one whose topic was, is not.
fn bounds(shared: &Shared, consumer: &Consumer, stream: Stream) -> Result<(u64, u64), ReadError> {
    let topic = shared.names.of(stream);
    let known = match stream {
        Stream::Conversation(conversation) => shared.topics.get(conversation),
        Stream::Ledger(_) => Some(Topic::There),
    };
    if matches!(known, Some(Topic::Gone | Topic::Damaged)) {
        return Err(ReadError::Damaged(format!("the topic {topic} lost records")));
    }
    let asked = Instant::now();
    loop {
        match (sweep::bounds_within(consumer, &topic, limits::REQUEST_TIMEOUT)?, known) {
            (Some(bounds), _) => return Ok(bounds),
            (None, None) => return Ok((0, 0)),
            // Brokers hear of a new topic one after the other. Producers wait for that, so that a record may be
            // acknowledged by one while another has not heard of the topic.
            (None, Some(_)) if asked.elapsed() < limits::TOPIC_HEARD_OF_WAIT && !shared.is_closed() => {
                sleep(limits::TOPIC_HEARD_OF_LOOK_EVERY);
            }
            (None, Some(_)) => {
                let unknown = format!("the broker does not know the topic {topic}");
                return Err(ReadError::Unavailable(unknown));
            }
        }
    }
}

fn ends(shared: &Shared, consumer: &Consumer) -> Result<Checkpoint, ReadError> {
    let end = |ledger: Ledger| {
        let (_, end) = bounds(shared, consumer, Stream::Ledger(ledger))?;
        Ok((ledger.as_str().to_owned(), end))
    };
    shared.options.ledgers.iter().copied().map(end).collect()
}

fn identity(shared: &Arc<Shared>, consumer: &Consumer) -> Result<Option<LogIdentity>, ReadError> {
    if sweep::bounds_within(consumer, &shared.names.manifest, limits::REQUEST_TIMEOUT)?.is_none() {
        return Ok(None);
    }
    let unavailable = |Wrong(why)| ReadError::Unavailable(why);
    let (manifest, _) = manifest::read(shared).map_err(unavailable)?;
    let cluster = manifest::cluster_id(consumer.client()).map_err(unavailable)?;
    Ok(manifest::identity(shared, &cluster, &manifest))
}

fn page(
    shared: &Shared,
    consumer: &Consumer,
    stream: Stream,
    from: u64,
    limit: usize,
) -> Result<Page, ReadError> {
    let topic = shared.names.of(stream);
    let (low, end) = bounds(shared, consumer, stream)?;
    let limit = limit.min(PAGE_RECORDS_MAX);
    let (mut entries, mut next, mut bytes) = (Vec::new(), from.min(end), 0);
    if from < end && limit > 0 {
        let range = Range { from: from.max(low), end, patience: limits::READ_WAIT };
        let walk = walk(shared, consumer, &topic, range, |offset, message| {
            next = offset + 1;
            if let Some(record) = wire::record(&shared.garbage, message) {
                bytes += record.bytes();
                entries.push(Entry { stream, offset: Offset(offset), record });
            }
            entries.len() < limit && bytes < PAGE_BYTES_MAX
        })?;
        if matches!(walk, Walk::Finished) {
            next = end;
        }
    }
    Ok(Page { entries, next: Offset(next), end: Offset(end) })
}

fn keys(
    shared: &Shared,
    consumer: &Consumer,
    stream: Stream,
    records: &[RecordId],
) -> Result<Keys, ReadError> {
    let topic = shared.names.of(stream);
    let (low, end) = bounds(shared, consumer, stream)?;
    let mut found = Keys::new();
    let by_text: HashMap<_, _> = records.iter().map(|id| (id.to_string(), *id)).collect();
    let range = Range { from: low, end, patience: limits::READ_WAIT };
    walk(shared, consumer, &topic, range, |_, message| {
        let key = message.key().and_then(|key| std::str::from_utf8(key).ok());
        // A record without a key of its own is keyed by its id: so is what erased it.
        let id = key.and_then(|key| by_text.get(key).copied()).or_else(|| {
            message.payload().and_then(wire::id).filter(|id| by_text.values().any(|asked| asked == id))
        });
        if let (Some(id), Some(key)) = (id, key) {
            found.insert(id, key.to_owned());
        }
        found.len() < by_text.len()
    })?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafkatalk_protocol::ConversationId;
    use uuid::Uuid;

    #[tokio::test]
    async fn erasures_leave_threads_to_those_who_read() {
        let (jobs, mut reads) = Jobs::new();
        let stream = Stream::Conversation(ConversationId(Uuid::from_u128(1)));
        let ask = || async { assert!(jobs.keys(stream, Vec::new()).await.is_ok()) };
        let served = async {
            for answered in 0..3 {
                let Some(Job::Keys { answer, .. }) = reads.recv().await else { panic!("no job") };
                // All have asked by now, in this very task.
                tokio::task::yield_now().await;
                assert!(reads.try_recv().is_err(), "two walk at once after {answered}");
                assert!(answer.send(Ok(Keys::new())).is_ok());
            }
        };
        tokio::join!(ask(), ask(), ask(), served);
    }
}
