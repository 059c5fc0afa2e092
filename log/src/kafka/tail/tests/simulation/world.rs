//! Nodes, their readers and writers, and the time in which things happen to them.

use super::{
    super::super::{Ask, Shared},
    Fault, Trouble,
    brokers::{Announcement, Flight},
    cluster::{Cluster, Place, Told},
    reader::{AbortOnDrop, Reader},
    sides::ReadFate,
    write,
};
use crate::{
    AppendError, Batch, Ledger, ReadError, Record, RecordId, Stream,
    kafka::{KafkaOptions, append::Append, names::Names, tail::CatchUpEvent},
    resequencer::Want,
};
use kafkatalk_protocol::{ConversationId, Offset, Timestamp};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time::{Instant, sleep_until},
};
use uuid::Uuid;

/// Turns after which a world that is not over runs in circles.
const TURNS_MAX: usize = 100_000;
/// How long all have, after the last trouble, beyond one sweep.
pub(super) const SETTLE_WAIT: Duration = Duration::from_secs(20);
/// How long is looked whether something comes again, when all is there.
const REPEATS_WAIT: Duration = Duration::from_secs(2);

/// What happens at a certain time.
pub(super) enum Event {
    /// Something, which the dice say.
    Step,
    /// The trouble is over.
    Calm,
    Written {
        flight: u64,
        run: u64,
        stream: Stream,
        record: Option<Arc<Record>>,
    },
    Reported(u64),
    FeedWritten(Told),
    FeedReported(u64),
    Debts {
        node: usize,
        run: u64,
    },
    Restart(usize),
    Reopen {
        reader: usize,
        batches_ago: usize,
    },
    Forget(Stream, usize),
    /// For a reader's tail, if it is still the same.
    Side {
        reader: usize,
        opened: u64,
        side: Side,
    },
    /// A pause of a reader may be over.
    Awake(usize),
    /// It is looked whether all is still well.
    Look,
    /// Whoever lacks something now, was never told.
    Over,
}

/// What the threads beside a tail do.
pub(super) enum Side {
    Begin,
    Follow,
    Sweep,
    Check,
    End(ConversationId),
    Read(Want, ReadFate),
    CatchUpEvent(CatchUpEvent),
    /// What did not fit into the tail's queue is tried again.
    HandOver,
}

pub(super) struct Node {
    pub(super) shared: Arc<Shared>,
    /// Which run of it, of all runs of all nodes.
    pub(super) run: u64,
    pub(super) alive: bool,
    /// Topics where the brokers have acknowledged a record of its producer.
    pub(super) met: BTreeSet<Stream>,
}

impl Node {
    fn is(&self, run: u64) -> bool {
        self.alive && self.run == run
    }
}

/// Somebody who waits for an append.
pub(super) struct Writer {
    pub(super) node: usize,
    pub(super) stream: Stream,
    /// The same for every try.
    pub(super) message: u64,
    pub(super) record: RecordId,
    pub(super) _appending: AbortOnDrop,
}

/// What the world is told by those that live in it.
pub(super) enum Turn {
    /// A reader's tail, the how manyeth, handed something out.
    Batch(usize, u64, Result<Option<Batch>, ReadError>),
    /// A reader's tail asks for something.
    Asked(usize, u64, Ask),
    Answered(u64, Result<Offset, AppendError>),
    /// A node, in which run, gives an append to a producer.
    Sent(usize, u64, Append),
    /// Nobody tells anything, and it is time for the next event.
    Due,
}

pub(super) struct World {
    pub(super) rng: fastrand::Rng,
    pub(super) fault: Fault,
    pub(super) trouble: Trouble,
    pub(super) calm: bool,
    pub(super) over: bool,
    pub(super) begun: Instant,
    pub(super) cluster: Cluster,
    pub(super) nodes: Vec<Node>,
    pub(super) readers: Vec<Reader>,
    pub(super) writers: BTreeMap<u64, Writer>,
    pub(super) flights: BTreeMap<u64, Flight>,
    pub(super) announcements: BTreeMap<u64, Announcement>,
    /// Runs that were killed before what they had sent reached the brokers.
    pub(super) cut_off: BTreeSet<u64>,
    pub(super) events: BTreeMap<(Instant, u64), Event>,
    pub(super) numbers: u64,
    pub(super) steps: u32,
    pub(super) conversations: u128,
    pub(super) sweep_interval: Duration,
    pub(super) inbox_max: usize,
    pub(super) told: (UnboundedSender<Turn>, UnboundedReceiver<Turn>),
    /// Messages that stand for an erasure: another that stands for nothing follows.
    pub(super) erasing: BTreeSet<u64>,
    pub(super) never_written: Vec<(Stream, RecordId)>,
    pub(super) direct_reads: u64,
    /// What happened, where somebody wants to know.
    pub(super) trace: Option<Vec<String>>,
    pub(super) failure: Option<String>,
}

impl World {
    pub(super) fn new(seed: u64, fault: Fault, trouble: Trouble, traced: bool) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let feed_partitions = rng.usize(1..=3);
        Self {
            fault,
            trouble,
            calm: false,
            over: false,
            begun: Instant::now(),
            cluster: Cluster::new(feed_partitions),
            nodes: Vec::new(),
            readers: Vec::new(),
            writers: BTreeMap::new(),
            flights: BTreeMap::new(),
            announcements: BTreeMap::new(),
            cut_off: BTreeSet::new(),
            events: BTreeMap::new(),
            numbers: 0,
            steps: rng.u32(20..=120),
            conversations: rng.u128(1..=5),
            sweep_interval: Duration::from_secs(rng.u64(3..=20)),
            inbox_max: if trouble == Trouble::All && rng.bool() { rng.usize(1..=4) } else { 1_024 },
            told: unbounded_channel(),
            erasing: BTreeSet::new(),
            never_written: Vec::new(),
            direct_reads: 0,
            trace: traced.then(Vec::new),
            failure: None,
            rng,
        }
    }

    pub(super) async fn run(&mut self) {
        for _ in 0..self.rng.usize(2..=4) {
            let node = self.nodes.len();
            let started = self.node();
            self.nodes.push(started);
            self.look_after_debts(node);
            for _ in 0..=usize::from(self.rng.u8(0..4) == 0) {
                self.readers.push(Reader::new(node));
                self.open_reader(self.readers.len() - 1, 0);
            }
        }
        // Without trouble, all have begun before anything is written.
        let first = if self.trouble == Trouble::All { 0..=300 } else { 1_000..=1_300 };
        self.after_ms(first, Event::Step);
        let mut settled = None;
        for _ in 0..TURNS_MAX {
            let turn = self.turn().await;
            self.take(turn);
            if self.failure.is_some() || self.over {
                return;
            }
            if !self.is_settled() {
                settled = None;
                continue;
            }
            let now = Instant::now();
            match settled {
                None => {
                    settled = Some(now);
                    self.at(now + REPEATS_WAIT, Event::Look);
                }
                Some(since) if now >= since + REPEATS_WAIT => return self.check_the_end(),
                Some(_) => {}
            }
        }
        self.fail("it runs in circles");
    }

    /// Whether all was told to all.
    fn is_settled(&self) -> bool {
        if !self.calm {
            return false;
        }
        let nothing_under_way =
            self.writers.is_empty() && self.flights.is_empty() && self.announcements.is_empty();
        nothing_under_way && self.readers.iter().all(|reader| reader.has_all(&self.cluster))
    }

    pub(super) fn node(&mut self) -> Node {
        let options = KafkaOptions { sweep_interval: self.sweep_interval, ..KafkaOptions::new("nobody:1") };
        let names = Names::new(&options.topic_prefix).unwrap();
        let mut shared = Shared::new(options, names);
        shared.inbox_max = self.inbox_max;
        let run = self.number();
        Node { shared: Arc::new(shared), run, alive: true, met: BTreeSet::new() }
    }

    pub(super) fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    pub(super) fn at(&mut self, at: Instant, event: Event) {
        let number = self.number();
        self.events.insert((at, number), event);
    }

    pub(super) fn after_ms(&mut self, range: std::ops::RangeInclusive<u64>, event: Event) {
        let wait = Duration::from_millis(self.rng.u64(range));
        self.at(Instant::now() + wait, event);
    }

    /// One time in so many, while there is trouble.
    pub(super) fn one_in(&mut self, many: u32) -> bool {
        self.trouble == Trouble::All && !self.calm && self.rng.u32(0..many) == 0
    }

    pub(super) fn note(&mut self, what: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            let at = Instant::now() - self.begun;
            trace.push(format!("{:>8.3} {}", at.as_secs_f64(), what()));
        }
    }

    pub(super) fn fail(&mut self, why: impl Into<String>) {
        let why = why.into();
        self.note(|| format!("FAILED: {why}"));
        self.failure.get_or_insert(why);
    }

    /// Waits for the next thing to happen. Time goes on when nobody has anything left to do.
    async fn turn(&mut self) -> Turn {
        let due = self.events.first_key_value().map_or_else(Instant::now, |((at, _), _)| *at);
        tokio::select! {
            biased;
            Some(turn) = self.told.1.recv() => turn,
            () = sleep_until(due) => Turn::Due,
        }
    }

    fn take(&mut self, turn: Turn) {
        match turn {
            Turn::Batch(reader, opened, told) if self.readers[reader].is_open(opened) => {
                self.take_batch(reader, told);
            }
            Turn::Asked(reader, opened, ask) if self.readers[reader].is_open(opened) => {
                self.take_ask(reader, ask);
            }
            Turn::Answered(writer, outcome) => self.take_outcome(writer, &outcome),
            Turn::Sent(node, run, append) if self.nodes[node].is(run) => self.send(node, append),
            // Of a tail that was dropped, of a run that is over.
            Turn::Batch(..) | Turn::Asked(..) | Turn::Sent(..) => {}
            Turn::Due => {
                if let Some((_, event)) = self.events.pop_first() {
                    self.happens(event);
                }
            }
        }
    }

    fn happens(&mut self, event: Event) {
        match event {
            Event::Step => self.step(),
            Event::Calm => self.calm_down(),
            Event::Written { flight, run, stream, record } => self.written(flight, run, stream, record),
            Event::Reported(flight) => self.reported(flight),
            Event::FeedWritten(told) => self.feed_written(told),
            Event::FeedReported(announcement) => self.feed_reported(announcement),
            Event::Debts { node, run } => self.announce_pending(node, run),
            Event::Restart(node) => self.restart(node),
            Event::Reopen { reader, batches_ago } => {
                if self.nodes[self.readers[reader].node].alive {
                    self.open_reader(reader, batches_ago);
                }
            }
            Event::Forget(stream, offset) => {
                self.note(|| format!("{} {offset} is forgotten", name(stream)));
                self.cluster.forget(stream, offset);
            }
            Event::Side { reader, opened, side } => {
                if self.readers[reader].open.is_some() && self.readers[reader].opened == opened {
                    self.side(reader, side);
                }
            }
            Event::Awake(reader) => self.readers[reader].wake_up(),
            Event::Look => {}
            Event::Over => {
                self.check_the_end();
                self.over = true;
            }
        }
    }

    fn take_batch(&mut self, reader: usize, told: Result<Option<Batch>, ReadError>) {
        let batch = match told {
            Ok(Some(batch)) => batch,
            Ok(None) => return self.fail(format!("reader {reader}: the log is called closed")),
            Err(error) => return self.fail(format!("reader {reader}: {error}")),
        };
        self.note(|| {
            let mut entries: Vec<_> = batch.entries.iter().map(|it| (it.stream, it.offset.0)).collect();
            let mut progress: Vec<_> =
                batch.progress.iter().map(|(name, next)| (short(name), *next)).collect();
            entries.sort_unstable();
            progress.sort_unstable();
            let entries: Vec<_> =
                entries.into_iter().map(|(stream, at)| format!("{} {at}", name(stream))).collect();
            format!("reader {reader} gets {entries:?}, is at {progress:?}, caught up: {}", batch.caught_up)
        });
        let taken = self.readers[reader].take(&batch, &self.cluster);
        if let Err(why) = taken {
            return self.fail(format!("reader {reader}: {why}"));
        }
        if self.fault == Fault::ReaderLosesBatches && self.rng.u8(0..10) == 0 {
            self.readers[reader].lose(&batch);
        }
    }

    pub(super) fn open_reader(&mut self, reader: usize, batches_ago: usize) {
        let shared = Arc::clone(&self.nodes[self.readers[reader].node].shared);
        let told = self.told.0.clone();
        self.readers[reader].open(reader, &shared, &self.cluster, batches_ago, told);
        self.note(|| format!("reader {reader} opens a tail, {batches_ago} batches ago"));
        self.soon(reader, 0..=200, Side::Begin);
    }

    pub(super) fn conversation(&mut self) -> ConversationId {
        ConversationId(Uuid::from_u128(self.rng.u128(1..=self.conversations)))
    }

    /// Somebody writes something, or tries again.
    pub(super) fn write(&mut self, node: usize, stream: Stream, message: u64) {
        let id = Uuid::from_u128(self.number().into());
        let payload = serde_json::value::to_raw_value(&message).unwrap();
        let (kind, at) = ("test".into(), Timestamp::default());
        let record = Record { id, key: None, kind, author: None, at, payload };
        if let Stream::Conversation(conversation) = stream {
            self.cluster.create(stream);
            self.nodes[node].shared.topics.saw(conversation, super::super::super::Topic::There);
        }
        self.note(|| format!("node {node} appends message {message} to {}", name(stream)));
        let shared = Arc::clone(&self.nodes[node].shared);
        let ungated = self.fault == Fault::GatesStandOpen;
        let (run, number, told) = (self.nodes[node].run, self.number(), self.told.0.clone());
        let appending = AbortOnDrop::spawn(async move {
            let outcome = write(shared, &told, (node, run), stream, record, ungated).await;
            told.send(Turn::Answered(number, outcome)).ok();
        });
        self.writers.insert(number, Writer { node, stream, message, record: id, _appending: appending });
    }

    fn take_outcome(&mut self, writer: u64, outcome: &Result<Offset, AppendError>) {
        let Some(writer) = self.writers.remove(&writer) else { return };
        let Writer { node, stream, message, record, .. } = writer;
        self.note(|| format!("node {node} hears of message {message}: {outcome:?}"));
        match outcome {
            Ok(offset) => {
                let place = self.cluster.place(stream, offset.0);
                if place.and_then(Place::id) != Some(record) {
                    let why = format!(
                        "message {message} is acknowledged at {stream} {}, and is not there",
                        offset.0
                    );
                    return self.fail(why);
                }
                if self.erasing.remove(&message) {
                    self.send_hole(node, stream);
                }
            }
            Err(error) if error.may_be_written() => {
                self.erasing.remove(&message);
                let node = self.rng.usize(0..self.nodes.len());
                if self.nodes[node].alive && self.rng.bool() {
                    self.write(node, stream, message);
                }
            }
            Err(_) => self.never_written.push((stream, record)),
        }
    }

    pub(super) fn check_the_end(&mut self) {
        for reader in 0..self.readers.len() {
            if let Some(why) = self.readers[reader].missing(&self.cluster) {
                self.fail(format!("reader {reader}: {why}"));
            }
        }
        let written = |(stream, id): &&(Stream, RecordId)| {
            self.cluster.places(*stream).iter().any(|place| place.id() == Some(*id))
        };
        if let Some((stream, id)) = self.never_written.iter().find(written) {
            let why = format!("{id} of {stream} is called not written, and is there");
            self.fail(why);
        }
        if !self.writers.is_empty() {
            self.fail("an append was never answered");
        }
        if self.nodes.iter().any(|node| node.shared.appends_are_under_way()) {
            self.fail("an append that is over kept its place");
        }
    }
}

/// A stream in few letters.
pub(super) fn name(stream: Stream) -> String {
    match stream {
        Stream::Conversation(id) => format!("c{}", id.0.as_u128()),
        Stream::Ledger(ledger) => ledger.as_str().into(),
    }
}

fn short(stream: &str) -> String {
    stream.parse().map_or_else(|_| stream.into(), name)
}

/// Every stream that somebody may write to.
pub(super) fn any_ledger(rng: &mut fastrand::Rng) -> Stream {
    Stream::Ledger(Ledger::ALL[rng.usize(0..2)])
}
