//! What clients are for, and the properties of librdkafka that follow from it.

use super::limits;
use std::time::Duration;

/// What a client is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Writing records.
    Produce,
    /// Telling the feed.
    Announce,
    /// Taking over another log.
    Import,
    /// Making and describing topics.
    Admin,
    /// Following the feed and the ledgers.
    Follow,
    /// Reading topics that change all the time.
    Fetch,
    /// Writing signals.
    Signal,
    /// Following signals.
    Listen,
}

impl Purpose {
    /// What goes over the properties that all clients have.
    pub(super) fn properties(self, group: &str) -> Vec<Property> {
        match self {
            Self::Admin => Vec::new(),
            Self::Produce => with(
                producing(),
                [
                    ("enable.idempotence", "true".into()),
                    ("delivery.timeout.ms", millis(limits::DELIVERY_TIMEOUT)),
                ],
            ),
            Self::Import => with(
                producing(),
                [
                    ("enable.idempotence", "true".into()),
                    // Were one record given up and the next one written, that would stand at the wrong offset.
                    ("enable.gapless.guarantee", "true".into()),
                    ("delivery.timeout.ms", "0".into()),
                    ("linger.ms", millis(limits::IMPORT_LINGER)),
                ],
            ),
            Self::Announce => with(
                producing(),
                [
                    // A copy that comes twice or late does no harm, and one partition without a leader must not hold up
                    // the others, as an idempotent producer does when it gives up a record.
                    ("enable.idempotence", "false".into()),
                    ("delivery.timeout.ms", millis(limits::FEED_TIMEOUT)),
                ],
            ),
            Self::Follow => with(
                consuming(group),
                [
                    ("queued.min.messages", "10000".into()),
                    ("queued.max.messages.kbytes", "16384".into()),
                    ("topic.metadata.refresh.interval.ms", millis(limits::METADATA_EVERY)),
                ],
            ),
            Self::Signal => signalling(),
            Self::Listen => with(
                consuming(group),
                [
                    ("auto.offset.reset", "latest".into()),
                    ("queued.max.messages.kbytes", "4096".into()),
                    ("topic.metadata.refresh.interval.ms", millis(limits::METADATA_EVERY)),
                ],
            ),
            Self::Fetch => with(
                consuming(group),
                [
                    ("fetch.wait.max.ms", "20".into()),
                    ("queued.min.messages", "100000".into()),
                    ("queued.max.messages.kbytes", "32768".into()),
                ],
            ),
        }
    }
}

fn millis(time: Duration) -> String {
    time.as_millis().to_string()
}

/// The later ones go over the earlier ones.
fn with(mut properties: Vec<Property>, more: impl IntoIterator<Item = Property>) -> Vec<Property> {
    properties.extend(more);
    properties
}

/// A property of librdkafka.
type Property = (&'static str, String);

/// What all producers of records and copies have in common.
fn producing() -> Vec<Property> {
    let message_bytes = limits::MESSAGE_BYTES_MAX + limits::MESSAGE_OVERHEAD_BYTES_MAX;
    vec![
        ("acks", "all".into()),
        ("linger.ms", "0".into()),
        ("message.max.bytes", message_bytes.to_string()),
        ("request.timeout.ms", limits::ACKNOWLEDGE_TIMEOUT.as_millis().to_string()),
        ("retry.backoff.ms", "20".into()),
        ("retry.backoff.max.ms", "500".into()),
        // A topic that was deleted is told from one that is new after this long.
        ("topic.metadata.propagation.max.ms", "5000".into()),
    ]
}

/// For a producer whose messages may be lost, and must not wait.
fn signalling() -> Vec<Property> {
    let timeout = limits::SIGNAL_TIMEOUT.as_millis();
    vec![
        ("acks", "1".into()),
        ("retries", "0".into()),
        ("enable.idempotence", "false".into()),
        ("request.timeout.ms", timeout.to_string()),
        ("delivery.timeout.ms", timeout.to_string()),
        ("delivery.report.only.error", "true".into()),
        ("linger.ms", limits::SIGNALS_LINGER.as_millis().to_string()),
        ("queue.buffering.max.messages", limits::SIGNALS_PRODUCED_MAX.to_string()),
        ("queue.buffering.max.kbytes", limits::SIGNALS_PRODUCED_KIB_MAX.to_string()),
    ]
}

/// What all consumers have in common.
fn consuming(group: &str) -> Vec<Property> {
    vec![
        ("group.id", group.into()),
        ("enable.auto.commit", "false".into()),
        ("enable.auto.offset.store", "false".into()),
        ("enable.partition.eof", "true".into()),
        ("auto.offset.reset", "earliest".into()),
        ("check.crcs", "true".into()),
        ("fetch.queue.backoff.ms", "10".into()),
        ("fetch.error.backoff.ms", "50".into()),
    ]
}
