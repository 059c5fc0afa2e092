//! What comes by itself: a thread that follows the feed and the ledgers.

use super::{
    Consumer, client::Client, limits, names::position, options::Purpose, shared::Shared, sweep, wire,
};
use crate::{Ledger, Record};
use kafkatalk_protocol::ConversationId;
use rdkafka::{
    Message, Offset as KafkaOffset, TopicPartitionList, consumer::Consumer as _, error::KafkaError,
    message::BorrowedMessage,
};
use std::{
    sync::{Arc, atomic::Ordering},
    thread::sleep,
};
use tokio::sync::mpsc;

/// What the thread hands to its tail.
pub(super) enum Live {
    /// A copy from the feed.
    Copied { conversation: ConversationId, offset: u64, record: Arc<Record> },
    /// The feed says that a topic goes up to here.
    Announced { conversation: ConversationId, end: u64 },
    /// What stands in a ledger at an offset; nothing, if it cannot be read.
    Ledger { ledger: Ledger, offset: u64, record: Option<Arc<Record>> },
    /// Where the ledgers ended when the tail was opened.
    LedgerEnds([u64; Ledger::ALL.len()]),
    /// The ledgers are followed to their present ends.
    LedgersRead,
}

/// Where to begin.
pub(super) struct Start {
    pub(super) ledgers: [u64; Ledger::ALL.len()],
}

pub(super) fn follow(shared: &Arc<Shared>, start: &Start, out: &mpsc::Sender<Vec<Live>>) {
    let consumer = match shared.options.consumer(Purpose::Follow, Client(Arc::clone(shared))) {
        Ok(consumer) => consumer,
        Err(error) => return tracing::error!("the tail cannot be followed: {error}"),
    };
    let Some(ends) = begin(shared, &consumer, start, out) else { return };
    if out.blocking_send(vec![Live::LedgerEnds(ends)]).is_err() {
        return;
    }
    let (mut ends_reached, mut ledgers_read) = (0_usize, false);
    let assigned =
        usize::try_from(shared.feed_partitions.load(Ordering::Relaxed)).unwrap_or(0) + Ledger::ALL.len();
    while !shared.is_closed() && !out.is_closed() {
        let mut chunk = Vec::new();
        let mut wait = limits::POLL_WAIT;
        while chunk.len() < limits::CHUNK_RECORDS_MAX {
            match consumer.poll(wait) {
                None => {
                    // Which topic's end was reached, librdkafka does not say; so many ends, and then silence, are the
                    // ends of all.
                    if !wait.is_zero() && ends_reached >= assigned && !ledgers_read {
                        ledgers_read = true;
                        chunk.push(Live::LedgersRead);
                    }
                    break;
                }
                Some(Ok(message)) => take(shared, &message, &mut chunk),
                Some(Err(KafkaError::PartitionEOF(_))) => ends_reached += 1,
                Some(Err(error)) => tracing::debug!("following the feed: {error}"),
            }
            wait = std::time::Duration::ZERO;
        }
        if !chunk.is_empty() && out.blocking_send(chunk).is_err() {
            return;
        }
    }
}

/// Waits for the topics, and assigns them. Returns where the ledgers end.
fn begin(
    shared: &Shared,
    consumer: &Consumer,
    start: &Start,
    out: &mpsc::Sender<Vec<Live>>,
) -> Option<[u64; Ledger::ALL.len()]> {
    loop {
        if shared.is_closed() || out.is_closed() {
            return None;
        }
        let partitions = shared.feed_partitions.load(Ordering::Relaxed);
        if partitions > 0 {
            match assign(shared, consumer, start, partitions) {
                Ok(ends) => return Some(ends),
                Err(error) => tracing::debug!("the tail waits for Kafka: {error}"),
            }
        }
        sleep(limits::POLL_WAIT);
    }
}

fn assign(
    shared: &Shared,
    consumer: &Consumer,
    start: &Start,
    partitions: i32,
) -> Result<[u64; Ledger::ALL.len()], KafkaError> {
    let mut list = TopicPartitionList::new();
    let mut ends = [0; Ledger::ALL.len()];
    for ledger in Ledger::ALL {
        let topic = shared.names.ledger(ledger);
        let from = start.ledgers[position(ledger)];
        ends[position(ledger)] = sweep::bounds(consumer, topic)?.1;
        let from = i64::try_from(from).map_or(KafkaOffset::End, KafkaOffset::Offset);
        list.add_partition_offset(topic, 0, from)?;
    }
    for partition in 0..partitions {
        // The position is fixed before the first sweep looks: what is older than it, the sweep finds.
        let (_, end) = consumer.fetch_watermarks(&shared.names.feed, partition, limits::REQUEST_TIMEOUT)?;
        list.add_partition_offset(&shared.names.feed, partition, KafkaOffset::Offset(end))?;
    }
    consumer.assign(&list)?;
    Ok(ends)
}

fn take(shared: &Shared, message: &BorrowedMessage<'_>, chunk: &mut Vec<Live>) {
    let Ok(offset) = u64::try_from(message.offset()) else { return };
    if message.topic() == shared.names.feed {
        take_copy(shared, message, chunk);
    } else if let Some(ledger) = shared.names.as_ledger(message.topic()) {
        chunk.push(Live::Ledger { ledger, offset, record: wire::record(shared, message) });
    }
}

fn take_copy(shared: &Shared, message: &BorrowedMessage<'_>, chunk: &mut Vec<Live>) {
    let Some(mark) = wire::feed_mark(message) else {
        // A producer's first record says nothing and has no key.
        if message.key().is_some() || message.payload().is_some() {
            shared.garbage.found(message.topic(), message.offset(), "it does not say what it is a copy of");
        }
        return;
    };
    if mark.node == shared.instance {
        return;
    }
    let (conversation, offset) = (mark.conversation, mark.offset);
    let Some(end) = offset.checked_add(1) else { return };
    let Some(value) = message.payload() else { return chunk.push(Live::Announced { conversation, end }) };
    match wire::decode(value) {
        Ok(record) => chunk.push(Live::Copied { conversation, offset, record }),
        Err(why) => {
            // Its topic may hold something better at that offset.
            shared.garbage.found(message.topic(), message.offset(), &why);
            chunk.push(Live::Announced { conversation, end });
        }
    }
}
