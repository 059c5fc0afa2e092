//! Reading a range of one stream: a few threads with a consumer each.

use super::{Consumer, client::Client, limits, options::Purpose, shared::Shared, sweep, wire};
use crate::limits::{PAGE_BYTES_MAX, PAGE_RECORDS_MAX};
use crate::{Entry, Page, ReadError, RecordId, Stream};
use kafkatalk_protocol::Offset;
use rdkafka::{
    Message, Offset as KafkaOffset, TopicPartitionList, consumer::Consumer as _, error::KafkaError,
    message::BorrowedMessage,
};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};
use tokio::sync::{mpsc, oneshot};

/// What the threads are asked for.
pub(super) enum Job {
    /// A page.
    Page { stream: Stream, from: u64, limit: usize, answer: oneshot::Sender<Result<Page, ReadError>> },
    /// The key of a record, if the record is there.
    Key { stream: Stream, record: RecordId, answer: oneshot::Sender<Result<Option<String>, ReadError>> },
}

/// What stopped a walk through a topic.
pub(super) enum Walk {
    /// The visitor has enough.
    Stopped,
    /// All up to the end that was asked for, or that the topic has, was visited.
    Finished,
}

/// Serves jobs until there are no more.
pub(super) fn serve(shared: &Arc<Shared>, jobs: &Mutex<mpsc::Receiver<Job>>) {
    let mut consumer = None;
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
        let Some(job) = job else { return };
        if consumer.is_none() {
            consumer = shared.options.consumer(Purpose::Fetch, Client(Arc::clone(shared))).ok();
        }
        let Some(consumer) = &consumer else { continue };
        match job {
            Job::Page { stream, from, limit, answer } => {
                drop(answer.send(page(shared, consumer, stream, from, limit).map_err(|e| unreadable(&e))));
            }
            Job::Key { stream, record, answer } => {
                drop(answer.send(key(shared, consumer, stream, record).map_err(|e| unreadable(&e))));
            }
        }
    }
}

fn unreadable(error: &KafkaError) -> ReadError {
    ReadError::Unavailable(error.to_string())
}

fn page(
    shared: &Shared,
    consumer: &Consumer,
    stream: Stream,
    from: u64,
    limit: usize,
) -> Result<Page, KafkaError> {
    let topic = shared.names.of(stream);
    let (low, end) = sweep::bounds(consumer, &topic)?;
    let limit = limit.min(PAGE_RECORDS_MAX);
    let (mut entries, mut next, mut bytes) = (Vec::new(), from.min(end), 0);
    if from < end && limit > 0 {
        let walk = walk(shared, consumer, &topic, from.max(low), end, |offset, message| {
            next = offset + 1;
            if let Some(record) = wire::record(shared, message) {
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

fn key(
    shared: &Shared,
    consumer: &Consumer,
    stream: Stream,
    record: RecordId,
) -> Result<Option<String>, KafkaError> {
    let topic = shared.names.of(stream);
    let (low, end) = sweep::bounds(consumer, &topic)?;
    let (id, mut found) = (record.to_string(), None);
    walk(shared, consumer, &topic, low, end, |_, message| {
        let key = message.key().and_then(|key| std::str::from_utf8(key).ok());
        if key == Some(id.as_str()) {
            found = Some(id.clone());
        } else if message.payload().is_some_and(|value| wire::decode(value).is_ok_and(|it| it.id == record)) {
            found = key.map(Into::into);
        }
        found.is_none()
    })?;
    Ok(found)
}

/// Visits the records of a topic from an offset up to, not including, an end, until the visitor says false.
///
/// # Errors
/// When the brokers fail or fall silent before the end.
pub(super) fn walk(
    shared: &Shared,
    consumer: &Consumer,
    topic: &str,
    from: u64,
    end: u64,
    mut visit: impl FnMut(u64, &BorrowedMessage<'_>) -> bool,
) -> Result<Walk, KafkaError> {
    if from >= end {
        return Ok(Walk::Finished);
    }
    let mut list = TopicPartitionList::with_capacity(1);
    let start = i64::try_from(from).map_or(KafkaOffset::End, KafkaOffset::Offset);
    list.add_partition_offset(topic, 0, start)?;
    consumer.assign(&list)?;
    let result = visit_all(shared, consumer, topic, (from, end), &mut visit);
    consumer.unassign()?;
    result
}

fn visit_all(
    shared: &Shared,
    consumer: &Consumer,
    topic: &str,
    (from, end): (u64, u64),
    visit: &mut impl FnMut(u64, &BorrowedMessage<'_>) -> bool,
) -> Result<Walk, KafkaError> {
    let mut heard = Instant::now();
    while heard.elapsed() < limits::READ_WAIT && !shared.is_closed() {
        match consumer.poll(limits::POLL_WAIT) {
            None => {}
            // What is left of an earlier assignment may still be in the queue.
            Some(Ok(message)) if message.topic() != topic => {}
            Some(Ok(message)) => {
                heard = Instant::now();
                let offset = u64::try_from(message.offset()).unwrap_or(0);
                if offset >= end {
                    return Ok(Walk::Finished);
                }
                if offset >= from && !visit(offset, &message) {
                    return Ok(Walk::Stopped);
                }
                if offset + 1 == end {
                    return Ok(Walk::Finished);
                }
            }
            Some(Err(KafkaError::PartitionEOF(_))) => return Ok(Walk::Finished),
            Some(Err(error)) => tracing::debug!(topic, "reading: {error}"),
        }
    }
    Err(KafkaError::NoMessageReceived)
}
