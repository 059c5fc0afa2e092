//! Signals between nodes: a topic with seconds of retention, to which every node writes and whose end every node follows.
//!
//! All of it is apart from the records: a producer of its own that gives up after moments, a consumer of its own, a thread
//! for each. Without the topic, or without the right to it, signals stay within their node and everything else works.

use super::{
    client::{self, Consumer},
    error::{ConnectError, is_denied},
    limits,
    purpose::Purpose,
    shared::Shared,
    threads::Threads,
};
use crate::signal::Signal;
use rdkafka::{
    ClientContext, Message, Offset as KafkaOffset, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::Consumer as _,
    error::KafkaError,
    message::BorrowedMessage,
    producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext},
};
use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread::sleep,
    time::Instant,
};

pub(super) mod local;

/// Where signals go to the thread that writes them.
pub(super) struct Outbound(SyncSender<Arc<Signal>>);

impl Outbound {
    /// Never waits: what does not fit is dropped.
    pub(super) fn publish(&self, shared: &Shared, signal: Signal) {
        if let Some(signal) = shared.signals.lane.publish(signal)
            && shared.signals.has_topic()
            && self.0.try_send(signal).is_err()
        {
            tracing::debug!("signal dropped: too many wait");
        }
    }
}

/// Starts the threads.
pub(super) fn start(shared: &Arc<Shared>, threads: &Threads) -> Result<Outbound, ConnectError> {
    let (sender, signals) = sync_channel(limits::SIGNALS_WAITING_MAX);
    let writing = Arc::clone(shared);
    threads.spawn("kafka-signal", move || write(&writing, &signals))?;
    let listening = Arc::clone(shared);
    threads.spawn("kafka-listen", move || listen(&listening))?;
    Ok(Outbound(sender))
}

/// Writes signals until the log is closed. Makes a client when there is something to write.
fn write(shared: &Arc<Shared>, signals: &Receiver<Arc<Signal>>) {
    let mut producer: Option<BaseProducer<Reports>> = None;
    while !shared.is_closed() {
        match signals.recv_timeout(limits::REPORTS_WAIT) {
            Ok(signal) => {
                if producer.is_none() {
                    producer = shared.options.client(Purpose::Signal, Reports(Arc::clone(shared))).ok();
                }
                if let Some(producer) = &producer {
                    send(shared, producer, &signal);
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        if let Some(one) = &producer {
            one.poll(std::time::Duration::ZERO);
            if one.client().fatal_error().is_some() {
                producer = None;
            }
        }
    }
}

fn send(shared: &Shared, producer: &BaseProducer<Reports>, signal: &Signal) {
    let Ok(value) = serde_json::to_vec(signal) else { return };
    let record = BaseRecord::<str, [u8]>::to(&shared.names.signals).payload(&value).partition(0);
    if let Err((error, _)) = producer.send(record) {
        tracing::debug!(%error, "signal dropped");
    }
}

/// Follows the end of the topic until the log is closed.
fn listen(shared: &Arc<Shared>) {
    let mut consumer: Option<Consumer> = None;
    let mut turned = Instant::now();
    while !shared.is_closed() {
        if !shared.signals.has_topic() {
            sleep(limits::POLL_WAIT);
            continue;
        }
        // What came while nobody listened here is no longer true.
        if turned.elapsed() > limits::SIGNALS_STALL_MAX {
            consumer = None;
        }
        turned = Instant::now();
        if consumer.is_none() {
            consumer = follow(shared).inspect_err(|reason| shared.signals.stay_here(reason)).ok();
        }
        let Some(following) = &consumer else {
            sleep(limits::PROBE_RETRY);
            continue;
        };
        match following.poll(limits::POLL_WAIT) {
            None | Some(Err(KafkaError::PartitionEOF(_))) => {}
            Some(Ok(message)) => heard(shared, &message),
            Some(Err(error)) if is_denied(&error) => {
                shared.signals.stay_here(&format!("cannot read {}: {error}", shared.names.signals));
                sleep(limits::PROBE_INTERVAL);
            }
            Some(Err(error)) => tracing::debug!(%error, "following signals"),
        }
    }
}

/// From the end on, which the client looks up by itself.
fn follow(shared: &Arc<Shared>) -> Result<Consumer, String> {
    let consumer = client::consumer(shared, Purpose::Listen);
    let consumer = consumer.map_err(|error| error.to_string())?;
    let mut list = TopicPartitionList::new();
    let assigned = list
        .add_partition_offset(&shared.names.signals, 0, KafkaOffset::End)
        .and_then(|()| consumer.assign(&list));
    assigned.map_err(|error| error.to_string())?;
    Ok(consumer)
}

fn heard(shared: &Shared, message: &BorrowedMessage<'_>) {
    let value = message.payload().unwrap_or_default();
    if value.len() > limits::SIGNAL_MESSAGE_BYTES_MAX {
        return;
    }
    match serde_json::from_slice::<Signal>(value) {
        // Its subscribers heard it when it was published.
        Ok(signal) if signal.node == shared.instance => {}
        Ok(signal) => drop(shared.signals.lane.hand_out(Arc::new(signal))),
        Err(error) => shared.garbage.found(message.topic(), message.offset(), &error.to_string()),
    }
}

/// Hears what became of signals: failures alone.
struct Reports(Arc<Shared>);

impl ProducerContext for Reports {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let Err((error, _)) = result else { return };
        if is_denied(error) {
            self.0.signals.stay_here(&format!("cannot write to {}: {error}", self.0.names.signals));
        }
        tracing::debug!(%error, "signal lost");
    }
}

impl ClientContext for Reports {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        client::log(level, facility, line);
    }
    fn error(&self, error: KafkaError, reason: &str) {
        self.0.heard_error(&error, reason);
    }
}
