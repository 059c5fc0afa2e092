//! What becomes of the records that nodes send, and what their producers report.

use super::{
    Fault, Trouble,
    cluster::Told,
    world::{Event, Side, World, name},
};
use crate::{
    Record, Stream,
    kafka::{
        append::Append,
        feed::{self, FeedCopy},
        outcome::UNKNOWN_PLACE,
        produce,
    },
};
use kafkatalk_protocol::ConversationId;
use rdkafka::{error::KafkaError, types::RDKafkaErrorCode as Code};
use std::sync::Arc;
use tokio::sync::oneshot;

/// What the adapter gets back with the report.
pub(super) enum Load {
    Append(Append),
    /// A message that stands for nothing.
    Hole,
}

/// A record on its way to its topic.
pub(super) struct Flight {
    node: usize,
    run: u64,
    stream: Stream,
    load: Load,
    record: Option<Arc<Record>>,
    offset: Option<u64>,
    /// What is reported; nothing, if it is what happened.
    error: Option<KafkaError>,
}

/// A copy or an announcement on its way to the feed.
pub(super) struct Announcement {
    node: usize,
    run: u64,
    copy: FeedCopy,
    error: Option<KafkaError>,
}

const fn failed(code: Code) -> KafkaError {
    KafkaError::MessageProduction(code)
}

impl World {
    /// A producer was given an append.
    pub(super) fn send(&mut self, node: usize, append: Append) {
        let (run, stream) = (self.nodes[node].run, append.stream);
        // Messages that stand for nothing pass by the gate. They follow a record that was acknowledged, and if the
        // producer was made anew since, an outcome may be open that need not be.
        let is_append = |it: &Flight| matches!(it.load, Load::Append(_));
        let alone = !self.flights.values().any(|it| it.run == run && it.stream == stream && is_append(it));
        let conversation = matches!(stream, Stream::Conversation(_));
        if conversation && !alone && !self.nodes[node].met.contains(&stream) {
            let why =
                format!("node {node} has two records on their way to {}, which has not met it", name(stream));
            return self.fail(why);
        }
        let record = Some(Arc::clone(&append.record));
        self.fly(node, stream, Load::Append(append), record);
    }

    /// A message is sent that stands for nothing, as after an erasure.
    pub(super) fn send_hole(&mut self, node: usize, stream: Stream) {
        self.fly(node, stream, Load::Hole, None);
    }

    fn fly(&mut self, node: usize, stream: Stream, load: Load, record: Option<Arc<Record>>) {
        let (run, flight) = (self.nodes[node].run, self.number());
        let written = Event::Written { flight, run, stream, record: record.clone() };
        let trouble = self.trouble == Trouble::All && !self.calm;
        // A hole is rare enough.
        let fates = if record.is_none() { 3..6 } else { 0..24 };
        let fate = if trouble { self.rng.u8(fates) } else { u8::MAX };
        let mut error = None;
        match fate {
            0 => {
                error = Some(failed(Code::TopicAuthorizationFailed));
                self.after_ms(1..=300, Event::Reported(flight));
            }
            1 => {
                // Not written, and nobody can say so.
                error = Some(failed(Code::MessageTimedOut));
                self.after_ms(100..=6_000, Event::Reported(flight));
            }
            2 => {
                error = Some(failed(Code::NotEnoughReplicasAfterAppend));
                self.after_ms(1..=300, written);
                self.after_ms(301..=6_000, Event::Reported(flight));
            }
            3 => {
                // Given up, and written all the same.
                error = Some(failed(Code::RequestTimedOut));
                self.after_ms(1..=300, Event::Reported(flight));
                self.after_ms(301..=3_000, written);
            }
            4 => {
                error = Some(UNKNOWN_PLACE);
                if self.rng.bool() {
                    self.after_ms(1..=300, written);
                }
                self.after_ms(301..=600, Event::Reported(flight));
            }
            5..=7 => {
                self.after_ms(1..=2_000, written);
                self.after_ms(2_001..=4_000, Event::Reported(flight));
            }
            _ => {
                self.after_ms(1..=20, written);
                self.after_ms(20..=40, Event::Reported(flight));
            }
        }
        if let Some(error) = &error {
            self.note(|| format!("node {node} will be told of its record {flight}: {error}"));
        }
        self.flights.insert(flight, Flight { node, run, stream, load, record, offset: None, error });
    }

    pub(super) fn written(&mut self, flight: u64, run: u64, stream: Stream, record: Option<Arc<Record>>) {
        if self.cut_off.contains(&run) {
            return;
        }
        if self.fault == Fault::BrokerForgets && self.rng.u8(0..10) == 0 {
            let end = self.cluster.end(stream);
            self.flights.get_mut(&flight).map(|flight| flight.offset.insert(end));
            return;
        }
        let hole = if record.is_none() { ", a hole" } else { "" };
        let offset = self.cluster.write(stream, record);
        self.note(|| format!("record {flight} is written to {} {offset}{hole}", name(stream)));
        if let Some(flight) = self.flights.get_mut(&flight) {
            flight.offset = Some(offset);
        }
        if matches!(stream, Stream::Ledger(_)) {
            self.followers_look();
        }
    }

    pub(super) fn reported(&mut self, number: u64) {
        let Some(flight) = self.flights.remove(&number) else { return };
        let Flight { node, run, stream, load, record, mut offset, error } = flight;
        if self.fault == Fault::BrokerSaysAnotherOffset && self.rng.u8(0..10) == 0 {
            offset = offset.map(|offset| offset + 1);
        }
        let written = error.map_or(offset.ok_or(UNKNOWN_PLACE), Err);
        let shared = Arc::clone(&self.nodes[node].shared);
        self.note(|| format!("node {node} is told of record {number}: {written:?}"));
        if written.is_ok() {
            self.nodes[node].met.insert(stream);
        }
        let copy = match load {
            Load::Append(append) => append.reported(&shared, written),
            Load::Hole => produce::hole_reported(&shared, stream, written, oneshot::channel().0),
        };
        if let Some(copy) = copy {
            self.announce(node, run, copy, record);
        }
    }

    /// A copy, or without a record an announcement, is sent to the feed.
    fn announce(&mut self, node: usize, run: u64, copy: FeedCopy, record: Option<Arc<Record>>) {
        let FeedCopy { conversation, offset, is_hole, .. } = copy;
        let number = self.number();
        let told = Event::FeedWritten(Told { conversation, offset, run, record, is_hole });
        let again = |told: &Event| match told {
            Event::FeedWritten(told) => Event::FeedWritten(told.clone()),
            _ => Event::Look,
        };
        let fate = match self.trouble {
            _ if self.calm => u8::MAX,
            Trouble::All => self.rng.u8(0..24),
            // Fails, or is written.
            Trouble::CopiesFail => {
                if self.rng.bool() {
                    1
                } else {
                    u8::MAX
                }
            }
            Trouble::None => u8::MAX,
        };
        let mut error = None;
        let reported = Event::FeedReported(number);
        match fate {
            // Lost, though it was acknowledged.
            0 => self.after_ms(1..=40, reported),
            1 => {
                error = Some(failed(Code::MessageTimedOut));
                self.after_ms(100..=3_000, reported);
            }
            2 => {
                error = Some(UNKNOWN_PLACE);
                self.after_ms(1..=300, reported);
                self.after_ms(1..=4_000, told);
            }
            3 => {
                self.after_ms(1..=300, again(&told));
                self.after_ms(1..=3_000, told);
                self.after_ms(300..=400, reported);
            }
            4..=6 => {
                self.after_ms(500..=4_000, told);
                self.after_ms(1..=4_000, reported);
            }
            _ => {
                self.after_ms(1..=20, told);
                self.after_ms(20..=30, reported);
            }
        }
        let what = if fate < 7 { "in trouble" } else { "well" };
        let of = name(Stream::Conversation(conversation));
        self.note(|| format!("node {node} tells the feed of {of} {offset}, {what}"));
        self.announcements.insert(number, Announcement { node, run, copy, error });
    }

    pub(super) fn feed_written(&mut self, told: Told) {
        if self.cut_off.contains(&told.run) {
            return;
        }
        let of = name(Stream::Conversation(told.conversation));
        self.note(|| format!("the feed has {of} {}", told.offset));
        let partitions = i32::try_from(self.cluster.feed.len()).unwrap();
        let partition = feed::feed_partition(told.conversation, partitions);
        self.cluster.feed[usize::try_from(partition).unwrap()].push(told);
        self.followers_look();
    }

    pub(super) fn feed_reported(&mut self, number: u64) {
        let Some(Announcement { node, copy, error, .. }) = self.announcements.remove(&number) else { return };
        let shared = Arc::clone(&self.nodes[node].shared);
        copy.reported(&shared, error.map_or(Ok(0), Err));
    }

    /// What the keeper does now and then.
    pub(super) fn announce_pending(&mut self, node: usize, run: u64) {
        if self.nodes[node].run != run {
            return;
        }
        let shared = Arc::clone(&self.nodes[node].shared);
        for copy in FeedCopy::pending(&shared) {
            self.announce(node, run, copy, None);
        }
        self.look_after_debts(node);
    }

    /// A run is over: what its producers had not reported is never reported.
    pub(super) fn drop_flights(&mut self, node: usize) {
        let run = self.nodes[node].run;
        self.flights.retain(|_, flight| flight.run != run);
        self.announcements.retain(|_, announcement| announcement.run != run);
    }

    /// A producer failed for good: all that it has not reported is reported as open, and it is made anew.
    pub(super) fn remake_producer(&mut self, node: usize) {
        let run = self.nodes[node].run;
        let under_way: Vec<_> =
            self.flights.iter().filter(|(_, it)| it.run == run).map(|(number, _)| *number).collect();
        self.note(|| format!("node {node} makes its producer anew, {} records are open", under_way.len()));
        for number in under_way {
            if let Some(flight) = self.flights.get_mut(&number) {
                flight.error = Some(failed(Code::PurgeInflight));
            }
            self.reported(number);
        }
        self.nodes[node].shared.topics.forget_met();
        self.nodes[node].met.clear();
    }

    fn followers_look(&mut self) {
        for reader in 0..self.readers.len() {
            self.follower_looks(reader);
        }
    }

    pub(super) fn follower_looks(&mut self, reader: usize) {
        let Some(open) = &mut self.readers[reader].open else { return };
        if open.follower.has_begun() && !std::mem::replace(&mut open.follower.looks, true) {
            let most = if self.calm || self.trouble != Trouble::All { 20 } else { 100 };
            self.soon(reader, 1..=most, Side::Follow);
        }
    }

    pub(super) fn end_as_told(&self, reader: usize, conversation: ConversationId) -> u64 {
        let stream = Stream::Conversation(conversation);
        // What a broker says to whoever begins is taken for all there is: nobody could tell.
        if self.readers[reader].open.as_ref().is_some_and(|open| open.caught_up) {
            return self.cluster.end_as_told(stream, tokio::time::Instant::now());
        }
        self.cluster.end(stream)
    }
}
