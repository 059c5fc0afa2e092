//! Writing what a topic lacks.
//!
//! A few producers have some of the streams each. Brokers take any sequence number from a producer that they meet for the
//! first time in a topic, so the first record of each stream goes alone; behind it as many are on their way as the limits
//! allow, and each must come back with the offset that it has in the source. Records never time out one by one, for the
//! next would take their place: after a silence all that is on its way is let go at once, and the producer with it.

use super::{
    common::{Common, Counts, Part, Place, in_parallel, laid_out},
    error::ImportError,
};
use crate::{
    Record,
    kafka::{client, limits, produce, purpose::Purpose, shared::Shared, wire},
    limits::PAGE_RECORDS_MAX,
};
use rdkafka::{
    ClientContext, Message,
    config::RDKafkaLogLevel,
    error::KafkaError,
    message::DeliveryResult,
    producer::{BaseProducer, BaseRecord, Producer, ProducerContext, PurgeConfig},
    types::RDKafkaErrorCode,
};
use std::{
    collections::{HashSet, VecDeque},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Instant,
};

/// Copies what is left of some streams.
pub(super) fn all(common: &Common, parts: &[&Part]) -> Result<(), ImportError> {
    let workers = parts.len().min(limits::IMPORT_WORKERS);
    let group = parts.len().div_ceil(workers.max(1)).clamp(1, limits::IMPORT_GROUP_STREAMS_MAX);
    let queue = Mutex::new(parts.chunks(group));
    in_parallel(workers, |stopped| {
        let mut worker = Worker::new(common, stopped)?;
        while !stopped.load(Ordering::Relaxed) {
            let group = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some(group) = group else { break };
            worker.copy(group)?;
        }
        Ok(())
    })
}

/// What a producer's reports come to.
#[derive(Default)]
struct Flight {
    records: AtomicUsize,
    bytes: AtomicUsize,
    /// The first failure.
    failure: Mutex<Option<ImportError>>,
    failed: AtomicBool,
}

impl Flight {
    fn fail(&self, error: ImportError) {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        self.failed.store(true, Ordering::Relaxed);
    }

    fn check(&self) -> Result<(), ImportError> {
        if !self.failed.load(Ordering::Relaxed) {
            return Ok(());
        }
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone();
        failure.map_or(Ok(()), Err)
    }
}

/// A record on its way.
struct Expected {
    topic: Arc<str>,
    offset: u64,
    bytes: usize,
    hole: bool,
}

struct Reports {
    shared: Arc<Shared>,
    counts: Arc<Counts>,
    flight: Arc<Flight>,
}

impl ClientContext for Reports {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        client::log(level, facility, line);
    }
    fn error(&self, error: KafkaError, reason: &str) {
        self.shared.heard_error(&error, reason);
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = Box<Expected>;

    fn delivery(&self, result: &DeliveryResult<'_>, expected: Box<Expected>) {
        self.flight.records.fetch_sub(1, Ordering::Relaxed);
        self.flight.bytes.fetch_sub(expected.bytes, Ordering::Relaxed);
        let topic = &expected.topic;
        match result {
            Ok(message) => match u64::try_from(message.offset()) {
                Ok(found) if found == expected.offset => {
                    let counts = &self.counts;
                    let count = if expected.hole { &counts.holes } else { &counts.records };
                    count.fetch_add(1, Ordering::Relaxed);
                }
                Ok(found) => {
                    let (topic, offset) = (topic.to_string(), expected.offset);
                    self.flight.fail(ImportError::Misplaced { topic, offset, found });
                }
                Err(_) => {
                    let why = format!("the brokers did not say where a record of the topic {topic} stands");
                    self.flight.fail(ImportError::Brokers(why));
                }
            },
            Err((error, _)) => {
                let why = format!("a record of the topic {topic} was not acknowledged: {error}");
                self.flight.fail(ImportError::Brokers(why));
            }
        }
    }
}

struct Worker<'a> {
    common: &'a Common,
    stopped: &'a AtomicBool,
    flight: Arc<Flight>,
    producer: BaseProducer<Reports>,
}

/// What is left on its way is let go, so that ending the producer waits for nothing.
impl Drop for Worker<'_> {
    fn drop(&mut self) {
        self.producer.purge(PurgeConfig::default().queue().inflight());
    }
}

impl<'a> Worker<'a> {
    fn new(common: &'a Common, stopped: &'a AtomicBool) -> Result<Self, ImportError> {
        let flight = Arc::new(Flight::default());
        let (shared, counts) = (Arc::clone(&common.shared), Arc::clone(&common.counts));
        let reports = Reports { shared, counts, flight: Arc::clone(&flight) };
        let producer = common.shared.options.client(Purpose::Import, reports)?;
        Ok(Self { common, stopped, flight, producer })
    }

    fn copy(&mut self, parts: &[&Part]) -> Result<(), ImportError> {
        self.wait_for_leaders(parts)?;
        for part in parts {
            let mut first = self.places(part, part.there, 1)?;
            if let Some(place) = first.pop_front() {
                self.send(part, place)?;
            }
        }
        self.wait_until(0, 0)?;
        for part in parts {
            let mut from = part.there + 1;
            while from < part.end {
                let places = self.places(part, from, PAGE_RECORDS_MAX)?;
                from += places.len() as u64;
                for place in places {
                    self.send(part, place)?;
                }
            }
        }
        self.wait_until(0, 0)
    }

    fn places(&self, part: &Part, from: u64, limit: usize) -> Result<VecDeque<Place>, ImportError> {
        let page = self.common.page(part.stream, from, limit)?;
        Ok(laid_out(from, part.end, page))
    }

    /// A topic that was just made has no leader for a moment.
    fn wait_for_leaders(&self, parts: &[&Part]) -> Result<(), ImportError> {
        let begun = Instant::now();
        loop {
            self.go_on()?;
            let metadata = self.producer.client().fetch_metadata(None, limits::REQUEST_TIMEOUT)?;
            let led = metadata
                .topics()
                .iter()
                .filter(|topic| topic.partitions().iter().any(|at| at.id() == 0 && at.leader() >= 0));
            let led: HashSet<_> = led.map(rdkafka::metadata::MetadataTopic::name).collect();
            let Some(part) = parts.iter().find(|part| !led.contains(&*part.topic)) else { return Ok(()) };
            if begun.elapsed() > limits::PREPARE_WAIT {
                let (topic, wait) = (&part.topic, limits::PREPARE_WAIT);
                return Err(ImportError::Brokers(format!("the topic {topic} has no leader after {wait:?}")));
            }
            thread::sleep(limits::LEADER_POLL);
        }
    }

    fn send(&self, part: &Part, (offset, record): Place) -> Result<(), ImportError> {
        self.wait_until(limits::IMPORT_IN_FLIGHT_RECORDS_MAX - 1, limits::IMPORT_IN_FLIGHT_BYTES_MAX)?;
        let (key, value) = match record.as_deref() {
            Some(record) => (wire::key(record), Some(written(part, offset, record)?)),
            None => (produce::HOLE_KEY.into(), None),
        };
        let (topic, hole) = (Arc::clone(&part.topic), value.is_none());
        let bytes = value.as_ref().map_or(0, Vec::len) + key.len();
        self.flight.records.fetch_add(1, Ordering::Relaxed);
        self.flight.bytes.fetch_add(bytes, Ordering::Relaxed);
        let mut expected = Box::new(Expected { topic, offset, bytes, hole });
        loop {
            let topic = &*part.topic;
            let mut record = BaseRecord::<str, [u8], Box<Expected>>::with_opaque_to(topic, expected);
            record = record.key(&key).partition(0);
            record.payload = value.as_deref();
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((error, record)) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull) => {
                    expected = record.delivery_opaque;
                    self.go_on()?;
                    self.producer.poll(limits::LEADER_POLL);
                }
                Err((error, _)) => {
                    let why = format!("a record of the topic {topic} cannot be sent: {error}");
                    return Err(ImportError::Brokers(why));
                }
            }
        }
    }

    /// Waits until no more than so much is on its way.
    fn wait_until(&self, records: usize, bytes: usize) -> Result<(), ImportError> {
        let on_its_way = || self.flight.records.load(Ordering::Relaxed);
        let (mut heard, mut left) = (Instant::now(), on_its_way());
        loop {
            self.go_on()?;
            if on_its_way() <= records && self.flight.bytes.load(Ordering::Relaxed) <= bytes {
                return Ok(());
            }
            self.producer.poll(limits::LEADER_POLL);
            if on_its_way() < left {
                (heard, left) = (Instant::now(), on_its_way());
            }
            if heard.elapsed() > limits::IMPORT_SILENCE_MAX {
                let wait = limits::IMPORT_SILENCE_MAX;
                return Err(ImportError::Brokers(format!(
                    "the brokers acknowledged nothing within {wait:?}"
                )));
            }
        }
    }

    /// Whether there is a point in going on.
    fn go_on(&self) -> Result<(), ImportError> {
        self.flight.check()?;
        if self.common.shared.is_closed() || self.stopped.load(Ordering::Relaxed) {
            return Err(ImportError::Brokers("stopped".into()));
        }
        Ok(())
    }
}

fn written(part: &Part, offset: u64, record: &Record) -> Result<Vec<u8>, ImportError> {
    let place = || format!("the record at offset {offset} of {}", part.stream);
    let value = wire::encode(record)
        .map_err(|error| ImportError::Topic(format!("{} cannot be written as JSON: {error}", place())))?;
    let bytes = value.len() + record.key.as_deref().map_or(0, str::len);
    if bytes > limits::MESSAGE_BYTES_MAX {
        let max = limits::MESSAGE_BYTES_MAX;
        return Err(ImportError::Topic(format!("{} has {bytes} bytes, and Kafka takes {max}", place())));
    }
    Ok(value)
}
