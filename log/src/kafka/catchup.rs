//! What has to be looked for: a thread that reads conversations' topics directly, many at a time, and sweeps.
//!
//! One consumer, whose assignment changes all the time: a topic is assigned where something of it is missing, and let go
//! when it is there. That costs the same for one late record and for a rebuild of everything.

use super::{
    client::{self, Consumer},
    limits,
    purpose::Purpose,
    shared::Shared,
    sweep,
    walk::{Range, Walk, walk},
    wire,
};
use crate::resequencer::{Stretch, Want};
use kafkatalk_protocol::ConversationId;
use rdkafka::{
    Message, Offset as KafkaOffset, TopicPartitionList, consumer::Consumer as _, error::KafkaError,
    message::BorrowedMessage,
};
use std::{
    collections::HashMap,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};
use suspects::{Shorter, Suspects};
use tokio::sync::mpsc;

mod suspects;

/// What a tail asks for.
pub(super) enum Ask {
    /// Direct reads.
    Read(Vec<Want>),
    /// The end of one conversation.
    End(ConversationId),
    /// All ends.
    Sweep,
    /// Whether topics end where a sweep found them to end: before what was read of them.
    Check(Vec<(ConversationId, u64)>),
}

/// What the thread hands to its tail.
pub(super) enum CatchUpEvent {
    /// Stretches of topics.
    Stretches(Vec<Stretch>),
    /// Direct reads that are over, and where the topic ends, where that was found out.
    Finished(Vec<(ConversationId, Option<u64>)>),
    /// The end of one topic that was asked for.
    End(ConversationId, u64),
    /// What a sweep found, and whether that is all: not while the ends of some topics are unknown.
    Swept { ends: Vec<(ConversationId, u64)>, complete: bool },
    /// Topics that surely lost records: where they end, and what was read of them.
    Shorter { conversation: ConversationId, end: u64, position: u64 },
}

struct Reading {
    from: u64,
    to: u64,
    heard: Instant,
}

/// The tail is gone or the log closed.
struct Over;

struct CatchUp<'a> {
    shared: &'a Arc<Shared>,
    consumer: Consumer,
    /// For topics that are silent, one at a time. Made when it is first needed.
    alone: Option<Consumer>,
    reading: HashMap<ConversationId, Reading>,
    /// Still assigned, and no longer needed.
    done: Vec<ConversationId>,
    stretches: Vec<Stretch>,
    finished: Vec<(ConversationId, Option<u64>)>,
    stretch_bytes: usize,
    suspects: Suspects,
    next_sweep: Option<Instant>,
    /// Whether a sweep found all ends, and how many the last one did not.
    swept_completely: bool,
    leaderless: usize,
    next_look: Instant,
    out: &'a mpsc::Sender<CatchUpEvent>,
}

pub(super) fn run(shared: &Arc<Shared>, asks: &Receiver<Ask>, out: &mpsc::Sender<CatchUpEvent>) {
    let consumer = match client::consumer(shared, Purpose::Fetch) {
        Ok(consumer) => consumer,
        Err(error) => return tracing::error!("conversations cannot be caught up: {error}"),
    };
    let mut catch_up = CatchUp::new(shared, consumer, out);
    while !shared.is_closed() && !out.is_closed() {
        if catch_up.turn(asks).is_err() {
            return;
        }
    }
}

impl<'a> CatchUp<'a> {
    fn new(shared: &'a Arc<Shared>, consumer: Consumer, out: &'a mpsc::Sender<CatchUpEvent>) -> Self {
        Self {
            shared,
            consumer,
            alone: None,
            reading: HashMap::new(),
            done: Vec::new(),
            stretches: Vec::new(),
            finished: Vec::new(),
            stretch_bytes: 0,
            suspects: Suspects::default(),
            // The first sweep is asked for, when the feed's position is fixed.
            next_sweep: None,
            swept_completely: false,
            leaderless: 0,
            next_look: Instant::now(),
            out,
        }
    }

    fn turn(&mut self, asks: &Receiver<Ask>) -> Result<(), Over> {
        if self.reading.is_empty() {
            self.rest()?;
            match self.wait_for(asks) {
                Ok(ask) => self.take(ask)?,
                Err(RecvTimeoutError::Disconnected) => return Err(Over),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
        while let Ok(ask) = asks.try_recv() {
            self.take(ask)?;
        }
        if self.next_sweep.is_some_and(|at| at <= Instant::now()) {
            self.sweep()?;
        }
        if self.suspects.is_due(Instant::now()) {
            self.check()?;
        }
        if !self.reading.is_empty() {
            self.poll()?;
            self.look_after_silent()?;
        }
        Ok(())
    }

    /// Waits for an ask, not past the next sweep and not so long that closing would be noticed late.
    fn wait_for(&self, asks: &Receiver<Ask>) -> Result<Ask, RecvTimeoutError> {
        // Without an assignment there is nothing to fetch; polling now and then serves librdkafka's own events.
        drop(self.consumer.poll(Duration::ZERO));
        let until_sweep = self.next_sweep.map(|at| at.saturating_duration_since(Instant::now()));
        asks.recv_timeout(until_sweep.unwrap_or(limits::POLL_WAIT).min(limits::POLL_WAIT))
    }

    fn take(&mut self, ask: Ask) -> Result<(), Over> {
        match ask {
            Ask::Read(wants) => self.assign(wants),
            Ask::End(conversation) => {
                let topic = self.shared.names.conversation(conversation);
                match sweep::bounds(&self.consumer, &topic) {
                    Ok((_, end)) => self.send(CatchUpEvent::End(conversation, end)),
                    Err(error) => {
                        tracing::debug!(topic, "its end is not known: {error}");
                        self.next_sweep = Some(Instant::now() + limits::PROBE_RETRY);
                        Ok(())
                    }
                }
            }
            Ask::Sweep => self.sweep(),
            Ask::Check(suspects) => {
                self.suspects.add(suspects, Instant::now());
                Ok(())
            }
        }
    }

    /// Whatever was handed out was acknowledged, so any broker that leads its topic knows of it. One that was deposed and
    /// has not heard of it may not: so the later looks ask anew who leads, and the first says nothing.
    fn check(&mut self) -> Result<(), Over> {
        let (batch, again) = self.suspects.look(Instant::now());
        let mut ends = sweep::Ends::default();
        let refreshed = if again {
            self.consumer.fetch_metadata(None, limits::REQUEST_TIMEOUT).map(drop)
        } else {
            Ok(())
        };
        let asked = refreshed.and_then(|()| sweep::ends_of(self.shared, &self.consumer, &batch, &mut ends));
        if let Err(error) = asked {
            tracing::debug!("whether topics lost records is not known: {error}");
        }
        for Shorter { conversation, end, position } in self.suspects.found(ends.known) {
            self.send(CatchUpEvent::Shorter { conversation, end, position })?;
        }
        Ok(())
    }

    fn sweep(&mut self) -> Result<(), Over> {
        self.flush()?;
        let pause = match sweep::ends(self.shared, &self.consumer) {
            Ok(ends) => {
                let complete = ends.unknown == 0;
                self.send(CatchUpEvent::Swept { ends: ends.known, complete })?;
                if ends.unknown > self.leaderless {
                    tracing::warn!(topics = ends.unknown, "end offsets unknown, partitions without a leader");
                }
                self.leaderless = ends.unknown;
                self.swept_completely |= complete;
                // Until the reader knows all there is, it waits for nothing else.
                let soon = limits::PROBE_RETRY.min(self.shared.options.sweep_interval);
                if self.swept_completely { self.shared.options.sweep_interval } else { soon }
            }
            Err(error) => {
                tracing::debug!("the sweep is put off: {error}");
                limits::PROBE_RETRY.min(self.shared.options.sweep_interval)
            }
        };
        self.next_sweep = Some(Instant::now() + pause);
        Ok(())
    }

    fn assign(&mut self, wants: Vec<Want>) -> Result<(), Over> {
        self.let_go();
        let (mut list, now) = (TopicPartitionList::with_capacity(wants.len()), Instant::now());
        let mut new = Vec::with_capacity(wants.len());
        for want in wants {
            let Want { conversation, from, to } = want;
            // Twice in the list, librdkafka would refuse all of it.
            if self.reading.contains_key(&conversation) {
                self.finished.push((conversation, None));
                continue;
            }
            let topic = self.shared.names.conversation(conversation);
            let start = i64::try_from(from).map_or(KafkaOffset::End, KafkaOffset::Offset);
            if list.add_partition_offset(&topic, 0, start).is_err() {
                self.finished.push((conversation, None));
                continue;
            }
            self.reading.insert(conversation, Reading { from, to, heard: now });
            new.push(conversation);
        }
        if !new.is_empty()
            && let Err(error) = self.consumer.incremental_assign(&list)
        {
            tracing::warn!("topics cannot be read: {error}");
            for conversation in new {
                self.reading.remove(&conversation);
                self.finished.push((conversation, None));
            }
        }
        self.flush()
    }

    fn poll(&mut self) -> Result<(), Over> {
        let mut wait = limits::CATCH_UP_POLL;
        for _ in 0..limits::CHUNK_RECORDS_MAX {
            match self.consumer.poll(wait) {
                None => break,
                Some(Ok(message)) => {
                    self.stretch_bytes += message.payload_len();
                    let stretch = stretch(self.shared, &mut self.reading, &message);
                    if let Some((stretch, last)) = stretch {
                        if last {
                            self.reading.remove(&stretch.conversation);
                            self.done.push(stretch.conversation);
                            self.finished.push((stretch.conversation, None));
                        }
                        self.stretches.push(stretch);
                    }
                }
                Some(Err(KafkaError::PartitionEOF(_))) => {}
                Some(Err(error)) => tracing::debug!("reading conversations: {error}"),
            }
            if self.reading.is_empty() || self.stretch_bytes >= limits::CHUNK_BYTES_MAX {
                break;
            }
            wait = Duration::ZERO;
        }
        self.flush()
    }

    /// Topics that say nothing are asked where they end: there may be nothing but holes, or nothing at all.
    fn look_after_silent(&mut self) -> Result<(), Over> {
        let now = Instant::now();
        if now < self.next_look {
            return Ok(());
        }
        self.next_look = now + limits::SILENCE_MAX / 4;
        let silent = self.reading.iter().filter(|(_, at)| now - at.heard >= limits::SILENCE_MAX);
        let silent: Vec<_> = silent.map(|(id, _)| *id).take(limits::SILENT_LOOK_UPS_MAX).collect();
        for conversation in silent {
            if now.elapsed() >= limits::SILENT_LOOK_UP_WAIT {
                break;
            }
            let Some(reading) = self.reading.remove(&conversation) else { continue };
            self.done.push(conversation);
            let end = self.read_alone(conversation, &reading);
            let failed = end.as_ref().err().map(ToString::to_string);
            self.finished.push((conversation, end.ok()));
            self.flush()?;
            if let Some(error) = failed {
                // Its broker is silent: the next topic may well have the same.
                tracing::debug!(%conversation, "it cannot be read: {error}");
                break;
            }
        }
        Ok(())
    }

    /// Reads one topic so that its end is certain. Returns where it ends.
    fn read_alone(&mut self, conversation: ConversationId, reading: &Reading) -> Result<u64, KafkaError> {
        let topic = self.shared.names.conversation(conversation);
        let bounds = sweep::bounds_within(&self.consumer, &topic, limits::SILENT_LOOK_UP_WAIT)?;
        let (low, end) = bounds.unwrap_or_default();
        let mut from = reading.from;
        let to = reading.to.min(end);
        if from >= to {
            return Ok(end);
        }
        if self.alone.is_none() {
            let made = client::consumer(self.shared, Purpose::Fetch);
            self.alone = Some(made.map_err(|error| KafkaError::ClientCreation(error.to_string()))?);
        }
        if let Some(alone) = &self.alone {
            let (shared, stretches) = (self.shared, &mut self.stretches);
            let mut bytes = 0;
            let range = Range { from: from.max(low), end: to, patience: limits::SILENT_LOOK_UP_WAIT };
            walk(shared, alone, &topic, range, |offset, message| {
                bytes += message.payload_len();
                let record = wire::record(&shared.garbage, message);
                stretches.push(Stretch { conversation, from, to: offset + 1, record });
                from = offset + 1;
                stretches.len() < limits::CHUNK_RECORDS_MAX && bytes < limits::CHUNK_BYTES_MAX
            })
            .map(|walk| {
                if matches!(walk, Walk::Finished) && from < to {
                    stretches.push(Stretch { conversation, from, to, record: None });
                }
            })?;
        }
        Ok(end)
    }

    fn let_go(&mut self) {
        if self.done.is_empty() {
            return;
        }
        let mut list = TopicPartitionList::with_capacity(self.done.len());
        for conversation in self.done.drain(..) {
            list.add_partition(&self.shared.names.conversation(conversation), 0);
        }
        if let Err(error) = self.consumer.incremental_unassign(&list) {
            tracing::debug!(%error, "incremental unassign failed");
        }
    }

    /// Before a pause nothing stays assigned.
    fn rest(&mut self) -> Result<(), Over> {
        self.let_go();
        self.flush()
    }

    fn flush(&mut self) -> Result<(), Over> {
        if !self.stretches.is_empty() {
            let stretches = std::mem::take(&mut self.stretches);
            self.stretch_bytes = 0;
            self.send(CatchUpEvent::Stretches(stretches))?;
        }
        if !self.finished.is_empty() {
            let finished = std::mem::take(&mut self.finished);
            self.send(CatchUpEvent::Finished(finished))?;
        }
        Ok(())
    }

    fn send(&self, found: CatchUpEvent) -> Result<(), Over> {
        self.out.blocking_send(found).map_err(|_| Over)
    }
}

/// What a message proves, and whether nothing more of its topic is wanted.
fn stretch(
    shared: &Shared,
    reading: &mut HashMap<ConversationId, Reading>,
    message: &BorrowedMessage<'_>,
) -> Option<(Stretch, bool)> {
    let conversation = shared.names.as_conversation(message.topic())?;
    let at = reading.get_mut(&conversation)?;
    let offset = u64::try_from(message.offset()).ok()?;
    if offset < at.from {
        return None;
    }
    let stretch = Stretch {
        conversation,
        from: at.from,
        to: offset + 1,
        record: wire::record(&shared.garbage, message),
    };
    at.from = offset + 1;
    at.heard = Instant::now();
    Some((stretch, at.from >= at.to))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::KafkaOptions;
    use uuid::Uuid;

    fn want(number: u128) -> Want {
        Want { conversation: ConversationId(Uuid::from_u128(number)), from: 0, to: 1 }
    }

    #[test]
    fn a_topic_that_is_asked_for_while_it_is_read_breaks_off_no_other_read() {
        let options = KafkaOptions::new("127.0.0.1:1");
        let names = options.check().unwrap();
        let shared = Arc::new(Shared::new(options, names));
        let consumer = client::consumer(&shared, Purpose::Fetch).unwrap();
        let (out, mut found) = mpsc::channel(limits::CHUNKS_MAX);
        let mut catch_up = CatchUp::new(&shared, consumer, &out);
        assert!(catch_up.assign(vec![want(1), want(2)]).is_ok());
        assert!(catch_up.assign(vec![want(2), want(3)]).is_ok());
        let mut reading: Vec<_> = catch_up.reading.keys().map(|id| id.0.as_u128()).collect();
        reading.sort_unstable();
        assert_eq!(reading, [1, 2, 3]);
        let refused = found.try_recv();
        let again = want(2).conversation;
        assert!(matches!(refused, Ok(CatchUpEvent::Finished(finished)) if finished == [(again, None)]));
    }
}
