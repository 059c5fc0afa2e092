//! Reading a range of one topic, so that its end is certain.

use super::{client::Consumer, error::is_denied, limits, shared::Shared, sweep};
use rdkafka::{
    Message, Offset as KafkaOffset, TopicPartitionList, consumer::Consumer as _, error::KafkaError,
    message::BorrowedMessage,
};
use std::time::{Duration, Instant};

/// What stopped a walk through a topic.
pub(super) enum Walk {
    /// The visitor has enough.
    Stopped,
    /// All up to the end that was asked for, or that the topic has, was visited.
    Finished,
}

/// What to read of a topic: from an offset up to, not including, an end that it is known to have.
#[derive(Clone, Copy)]
pub(super) struct Range {
    pub(super) from: u64,
    pub(super) end: u64,
    /// How long the brokers may be silent.
    pub(super) patience: Duration,
}

/// Visits the records of a range, until the visitor says false.
///
/// A broker says that its topic is at an end when it is at the end *that it knows*: one that was deposed, and has not
/// heard of it, knows an older one. So an end before the range's is taken for holes only when this very consumer is told
/// that the topic goes on to the range's end, and then meets the same end at the same place.
///
/// # Errors
/// When the brokers fail, fall silent, or end before the range does.
pub(super) fn walk(
    shared: &Shared,
    consumer: &Consumer,
    topic: &str,
    range: Range,
    mut visit: impl FnMut(u64, &BorrowedMessage<'_>) -> bool,
) -> Result<Walk, KafkaError> {
    let Range { mut from, end, patience } = range;
    let mut proving = None;
    while from < end {
        let mut list = TopicPartitionList::with_capacity(1);
        let start = i64::try_from(from).map_or(KafkaOffset::End, KafkaOffset::Offset);
        list.add_partition_offset(topic, 0, start)?;
        consumer.assign(&list)?;
        let result = visit_all(shared, consumer, topic, (&mut from, end, patience), &mut visit);
        consumer.unassign()?;
        if let Some(walk) = result? {
            return Ok(walk);
        }
        if proving == Some(from) {
            return Ok(Walk::Finished);
        }
        let told = sweep::bounds_within(consumer, topic, patience)?.unwrap_or_default();
        if told.1 < end {
            return Err(KafkaError::NoMessageReceived);
        }
        proving = Some(from);
    }
    Ok(Walk::Finished)
}

/// None where the broker says that there is no more.
fn visit_all(
    shared: &Shared,
    consumer: &Consumer,
    topic: &str,
    (from, end, patience): (&mut u64, u64, Duration),
    visit: &mut impl FnMut(u64, &BorrowedMessage<'_>) -> bool,
) -> Result<Option<Walk>, KafkaError> {
    let mut heard = Instant::now();
    while heard.elapsed() < patience && !shared.is_closed() {
        match consumer.poll(limits::POLL_WAIT) {
            None => {}
            // What is left of an earlier assignment may still be in the queue.
            Some(Ok(message)) if message.topic() != topic => {}
            Some(Ok(message)) => {
                heard = Instant::now();
                let offset = u64::try_from(message.offset()).unwrap_or(0);
                if offset >= end {
                    return Ok(Some(Walk::Finished));
                }
                if offset >= *from {
                    *from = offset + 1;
                    if !visit(offset, &message) {
                        return Ok(Some(Walk::Stopped));
                    }
                }
                if offset + 1 == end {
                    return Ok(Some(Walk::Finished));
                }
            }
            Some(Err(KafkaError::PartitionEOF(_))) => return Ok(None),
            Some(Err(error)) if is_denied(&error) => return Err(error),
            Some(Err(error)) => tracing::debug!(topic, "reading: {error}"),
        }
    }
    Err(KafkaError::NoMessageReceived)
}
