//! What comes by itself: a thread that follows the feed and the ledgers.

use super::{
    client::{self, Consumer},
    limits,
    names::position,
    nodes::{Others, presence::Lack},
    offsets::{Ends, Offsets},
    purpose::Purpose,
    shared::Shared,
    sweep,
    walk::{self, Range, Walk},
    wire,
};
use crate::{Ledger, Record};
use kafkatalk_protocol::ConversationId;
use rdkafka::{
    Message, Offset as KafkaOffset, TopicPartitionList,
    consumer::Consumer as _,
    error::{KafkaError, RDKafkaErrorCode},
    message::BorrowedMessage,
};
use std::{
    sync::{Arc, atomic::Ordering},
    thread::sleep,
    time::{Duration, Instant},
};
use tokio::sync::mpsc;

/// What the thread hands to its tail.
pub(super) enum Live {
    /// A copy from the feed.
    Copied { conversation: ConversationId, offset: u64, record: Arc<Record> },
    /// The feed says that nothing stands at an offset.
    Hole { conversation: ConversationId, offset: u64 },
    /// The feed says that a topic goes up to here.
    Announced { conversation: ConversationId, end: u64 },
    /// What stands in a ledger at an offset; nothing, if it cannot be read.
    Ledger { ledger: Ledger, offset: u64, record: Option<Arc<Record>> },
    /// Where the ledgers ended when the tail was opened.
    LedgerEnds([u64; Ledger::ALL.len()]),
    /// A ledger holds nothing more up to here.
    LedgerHole { ledger: Ledger, to: u64 },
    /// A ledger surely lost records: where it ends, and what was read of it.
    Shorter { topic: String, end: u64, position: u64 },
    /// Another node has left or fallen silent.
    NodeGone,
}

/// Where to begin.
pub(super) struct Start {
    pub(super) ledgers: [u64; Ledger::ALL.len()],
}

pub(super) fn follow(shared: &Arc<Shared>, start: &Start, out: &mpsc::Sender<Vec<Live>>) {
    let consumer = match client::consumer(shared, Purpose::Follow) {
        Ok(consumer) => consumer,
        Err(error) => return tracing::error!("the tail cannot be followed: {error}"),
    };
    let Some(begun) = begin(shared, &consumer, start, out) else { return };
    let Begun { ends, feed } = match begun {
        Ok(begun) => begun,
        Err(shorter) => return drop(out.blocking_send(vec![shorter])),
    };
    let partitions = feed.len();
    if out.blocking_send(vec![Live::LedgerEnds(ends)]).is_err() {
        return;
    }
    let mut ledgers = Ledgers { next: start.ledgers, ends, heard: Instant::now(), again: None, alone: None };
    let (mut others, mut offsets) = (Others::new(shared), Offsets::new(feed));
    while !shared.is_closed() && !out.is_closed() {
        let now = shared.feed_partitions.load(Ordering::Relaxed);
        if usize::try_from(now) != Ok(partitions) {
            return tracing::info!(partitions = now, "the feed changed: the tail ends, to be opened again");
        }
        let (mut chunk, mut bytes, mut heard_all) = (Vec::new(), 0, false);
        let mut wait = limits::POLL_WAIT;
        while chunk.len() < limits::CHUNK_RECORDS_MAX && bytes < limits::CHUNK_BYTES_MAX {
            match consumer.poll(wait) {
                None => {
                    heard_all = true;
                    break;
                }
                Some(Ok(message)) => {
                    bytes += message.payload_len();
                    ledgers.heard(shared, &message);
                    offsets.heard(shared, &message);
                    if message.topic() == shared.names.nodes {
                        if others.heard(&message) {
                            chunk.push(Live::NodeGone);
                        }
                    } else {
                        take(shared, &message, &mut chunk);
                    }
                }
                Some(Err(KafkaError::PartitionEOF(_))) => {}
                Some(Err(error)) => trouble(shared, &error),
            }
            wait = Duration::ZERO;
        }
        ledgers.look(shared, &consumer, &mut chunk);
        if others.look(&consumer, heard_all) {
            chunk.push(Live::NodeGone);
        }
        if !chunk.is_empty() && out.blocking_send(chunk).is_err() {
            return;
        }
        offsets.handed_out(shared, &consumer, &ledgers.next);
    }
}

/// librdkafka does not say with which topic. Without the feed or a ledger, the tail would not come to its end either.
fn trouble(shared: &Shared, error: &KafkaError) {
    if error.rdkafka_error_code() == Some(RDKafkaErrorCode::TopicAuthorizationFailed) {
        let why = format!("cannot read {}, or another topic: {error}", shared.names.nodes);
        shared.goes_without_nodes(Lack::Read, &why);
    }
    tracing::debug!("following the feed: {error}");
}

/// Where following began.
struct Begun {
    /// Where the ledgers ended.
    ends: Ends,
    /// Where each partition of the feed did.
    feed: Vec<u64>,
}

/// How far the ledgers were followed.
struct Ledgers {
    next: Ends,
    /// Where they ended when the tail was opened.
    ends: Ends,
    heard: Instant,
    /// One that was handed out again from an earlier place, and what was read of it.
    again: Option<(Ledger, u64)>,
    /// For reading one directly. Made when it is first needed.
    alone: Option<Consumer>,
}

impl Ledgers {
    fn heard(&mut self, shared: &Shared, message: &BorrowedMessage<'_>) {
        let Some(ledger) = shared.names.as_ledger(message.topic()) else { return };
        let Ok(offset) = u64::try_from(message.offset()) else { return };
        self.heard = Instant::now();
        let next = &mut self.next[position(ledger)];
        if offset < *next {
            self.again = self.again.or(Some((ledger, *next)));
        }
        *next = offset.saturating_add(1).max(*next);
    }

    /// Looks at what following alone does not tell.
    fn look(&mut self, shared: &Arc<Shared>, consumer: &Consumer, chunk: &mut Vec<Live>) {
        if let Some((ledger, position)) = self.again.take() {
            // The brokers did not know the place where it was read. One that was deposed does not, or it is lost.
            let topic = shared.names.ledger(ledger);
            match sweep::shorter_than(shared, consumer, topic, position) {
                Ok(Some(end)) => chunk.push(Live::Shorter { topic: topic.into(), end, position }),
                Ok(None) => {}
                Err(error) => {
                    tracing::debug!(topic, "its end is not known: {error}");
                    self.again = Some((ledger, position));
                }
            }
        }
        if self.heard.elapsed() < limits::LEDGER_SILENCE_MAX {
            return;
        }
        for ledger in Ledger::ALL {
            let at = position(ledger);
            if self.next[at] < self.ends[at]
                && let Err(error) = self.read_rest(shared, ledger, chunk)
            {
                tracing::debug!(ledger = ledger.as_str(), "its rest cannot be read: {error}");
                self.heard = Instant::now();
            }
        }
    }

    /// A ledger that falls silent before its end may have nothing but holes there, or a slow broker: reading it says
    /// which.
    fn read_rest(
        &mut self,
        shared: &Arc<Shared>,
        ledger: Ledger,
        chunk: &mut Vec<Live>,
    ) -> Result<(), KafkaError> {
        if self.alone.is_none() {
            let made = client::consumer(shared, Purpose::Fetch);
            self.alone = Some(made.map_err(|error| KafkaError::ClientCreation(error.to_string()))?);
        }
        let Some(alone) = &self.alone else { return Ok(()) };
        let (next, end, mut bytes) = (&mut self.next[position(ledger)], self.ends[position(ledger)], 0);
        let range = Range { from: *next, end, patience: limits::SILENT_LOOK_UP_WAIT };
        let walk = walk::walk(shared, alone, shared.names.ledger(ledger), range, |offset, message| {
            chunk.push(Live::Ledger { ledger, offset, record: wire::record(&shared.garbage, message) });
            *next = offset + 1;
            bytes += message.payload_len();
            chunk.len() < limits::CHUNK_RECORDS_MAX && bytes < limits::CHUNK_BYTES_MAX
        })?;
        if matches!(walk, Walk::Finished) {
            *next = end.max(*next);
            chunk.push(Live::LedgerHole { ledger, to: end });
        }
        Ok(())
    }
}

/// Waits for the topics, and assigns them. Returns where they end, or which of them is too short.
fn begin(
    shared: &Shared,
    consumer: &Consumer,
    start: &Start,
    out: &mpsc::Sender<Vec<Live>>,
) -> Option<Result<Begun, Live>> {
    loop {
        if shared.is_closed() || out.is_closed() {
            return None;
        }
        let partitions = shared.feed_partitions.load(Ordering::Relaxed);
        if partitions > 0 {
            match assign(shared, consumer, start, partitions) {
                Ok(begun) => return Some(begun),
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
) -> Result<Result<Begun, Live>, KafkaError> {
    let mut list = TopicPartitionList::new();
    let (mut ends, mut feed) = ([0; Ledger::ALL.len()], Vec::new());
    for ledger in shared.options.ledgers.iter().copied() {
        let topic = shared.names.ledger(ledger);
        let from = start.ledgers[position(ledger)];
        let end = sweep::bounds(consumer, topic)?.1;
        if end < from
            && let Some(end) = sweep::shorter_than(shared, consumer, topic, from)?
        {
            return Ok(Err(Live::Shorter { topic: topic.into(), end, position: from }));
        }
        ends[position(ledger)] = end;
        let from = i64::try_from(from).map_or(KafkaOffset::End, KafkaOffset::Offset);
        list.add_partition_offset(topic, 0, from)?;
    }
    for partition in 0..partitions {
        // The position is fixed before the first sweep looks: what is older than it, the sweep finds.
        let (_, end) = consumer.fetch_watermarks(&shared.names.feed, partition, limits::REQUEST_TIMEOUT)?;
        list.add_partition_offset(&shared.names.feed, partition, KafkaOffset::Offset(end))?;
        feed.push(u64::try_from(end).unwrap_or(0));
    }
    consumer.assign(&list)?;
    Ok(Ok(Begun { ends, feed }))
}

fn take(shared: &Shared, message: &BorrowedMessage<'_>, chunk: &mut Vec<Live>) {
    let Ok(offset) = u64::try_from(message.offset()) else { return };
    if message.topic() == shared.names.feed {
        take_copy(shared, message, chunk);
    } else if let Some(ledger) = shared.names.as_ledger(message.topic()) {
        chunk.push(Live::Ledger { ledger, offset, record: wire::record(&shared.garbage, message) });
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
    let Some(value) = message.payload() else {
        let is_hole = mark.is_hole;
        return chunk.push(if is_hole {
            Live::Hole { conversation, offset }
        } else {
            Live::Announced { conversation, end }
        });
    };
    match wire::decode(value) {
        Ok(record) => chunk.push(Live::Copied { conversation, offset, record }),
        Err(why) => {
            // Its topic may hold something better at that offset.
            shared.garbage.found(message.topic(), message.offset(), &why);
            chunk.push(Live::Announced { conversation, end });
        }
    }
}
