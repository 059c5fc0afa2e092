//! Figures for Prometheus. Names begin with `kafkatalk_`; units are in the names.

use crate::kernel::projector::Applied;
use kafkatalk_log::AppendError;
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
        info::Info,
    },
    registry::{Registry, Unit},
};
use std::{sync::atomic::AtomicU64, time::Duration};

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Route {
    route: String,
    status: u16,
}

/// What a node read again at its start.
#[derive(Debug, Default)]
struct ReadAgain {
    streams: Counter,
    records: Counter,
    rows: Counter,
}

impl ReadAgain {
    fn register(&self, add: &mut Registry) {
        let streams = "Conversations, or sets of ledgers, read again because features had missed records";
        add.register("read_again_streams", streams, self.streams.clone());
        add.register("read_again_records", "Records applied again", self.records.clone());
        add.register("read_again_rows", "Rows written doing so", self.rows.clone());
    }
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct File {
    file: &'static str,
}

/// A node's figures. Its methods are named after what happened.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    sockets: Gauge,
    sockets_too_slow: Counter,
    upgrades_lost: Counter,
    wal: Family<File, Gauge>,
    appends: Family<Outcome, Counter>,
    append_time: Histogram,
    delivery_time: Histogram,
    queued_frames: Gauge,
    signals: Family<Outcome, Counter>,
    tail_lag: Gauge<u64, AtomicU64>,
    following: Gauge,
    nodes: Gauge,
    records: Counter,
    skipped: Family<Reason, Counter>,
    read_again: ReadAgain,
    requests: Family<Route, Counter>,
    request_time: Histogram,
}

/// From 50 us to 13 s, each bucket twice the one before.
fn latency() -> Histogram {
    Histogram::new(exponential_buckets(0.000_05, 2.0, 19))
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All of them, at nought.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("kafkatalk");
        registry.register(
            "build",
            "The version of this binary",
            Info::new([("version", env!("CARGO_PKG_VERSION"))]),
        );
        let metrics = Self {
            registry: Registry::default(),
            sockets: Gauge::default(),
            sockets_too_slow: Counter::default(),
            upgrades_lost: Counter::default(),
            wal: Family::default(),
            appends: Family::default(),
            append_time: latency(),
            delivery_time: latency(),
            queued_frames: Gauge::default(),
            signals: Family::default(),
            tail_lag: Gauge::default(),
            following: Gauge::default(),
            nodes: Gauge::default(),
            records: Counter::default(),
            skipped: Family::default(),
            read_again: ReadAgain::default(),
            requests: Family::default(),
            request_time: latency(),
        };
        let add = &mut registry;
        add.register("sockets", "Open WebSockets", metrics.sockets.clone());
        metrics.register_surroundings(add);
        add.register("sockets_too_slow", "WebSockets closed as too slow", metrics.sockets_too_slow.clone());
        add.register("appends", "Appends to the log by outcome", metrics.appends.clone());
        add.register_with_unit(
            "append",
            "From append to durable",
            Unit::Seconds,
            metrics.append_time.clone(),
        );
        let delivery = "From a message's append on this node to the queues of its sockets";
        add.register_with_unit("delivery", delivery, Unit::Seconds, metrics.delivery_time.clone());
        add.register(
            "queued_frames",
            "Frames waiting in the queues of sockets",
            metrics.queued_frames.clone(),
        );
        add.register(
            "signals",
            "Signals, such as that somebody is typing: published by this node, heard of all nodes, sent to sockets, and dropped",
            metrics.signals.clone(),
        );
        add.register(
            "tail_lag_records",
            "Records between the views and the log's end",
            metrics.tail_lag.clone(),
        );
        add.register(
            "following",
            "1 while the views follow the log's end, 0 while they catch up or stand still",
            metrics.following.clone(),
        );
        add.register(
            "nodes",
            "Nodes on this log that this one hears of, itself included",
            metrics.nodes.clone(),
        );
        add.register("records_applied", "Records taken into the views", metrics.records.clone());
        add.register("records_skipped", "Records that count for nothing, by reason", metrics.skipped.clone());
        metrics.read_again.register(add);
        add.register("http_requests", "HTTP requests by route and status", metrics.requests.clone());
        add.register_with_unit("http_request", "Time to answer", Unit::Seconds, metrics.request_time.clone());
        Self { registry, ..metrics }
    }

    /// A conversation, or a set of ledgers, was read again.
    pub fn read_again(&self, records: usize, rows: u64) {
        self.read_again.streams.inc();
        self.read_again.records.inc_by(records as u64);
        self.read_again.rows.inc_by(rows);
    }

    /// What is around the node, and is not its own doing.
    fn register_surroundings(&self, registry: &mut Registry) {
        registry.register(
            "websocket_upgrades_lost",
            "WebSocket handshakes that a proxy passed without their upgrade",
            self.upgrades_lost.clone(),
        );
        registry.register_with_unit("wal", "Size of a write-ahead log", Unit::Bytes, self.wal.clone());
    }

    /// An append returned after this long.
    pub fn append_finished(&self, took: Duration, outcome: Result<(), &AppendError>) {
        let outcome = match outcome {
            Ok(()) => "durable",
            Err(AppendError::Unavailable(_)) => "unavailable",
            Err(AppendError::Unknown(_)) => "unknown",
            Err(AppendError::TooLarge { .. }) => "too_large",
        };
        self.appends.get_or_create(&Outcome { outcome }).inc();
        self.append_time.observe(took.as_secs_f64());
    }

    /// A message that this node appended has come to the queues of its sockets.
    pub fn delivered(&self, took: Duration) {
        self.delivery_time.observe(took.as_secs_f64());
    }

    /// A socket opened.
    pub fn socket_opened(&self) {
        self.sockets.inc();
    }

    /// A socket closed.
    pub fn socket_closed(&self) {
        self.sockets.dec();
    }

    /// What a write-ahead log takes on the disk.
    pub fn set_wal_bytes(&self, file: &'static str, bytes: u64) {
        self.wal.get_or_create(&File { file }).set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// A proxy has passed a WebSocket's handshake without its upgrade.
    pub fn upgrade_lost(&self) {
        self.upgrades_lost.inc();
    }

    /// A socket is closed because it does not keep up.
    pub fn socket_too_slow(&self) {
        self.sockets_too_slow.inc();
    }

    /// This node published a signal.
    pub fn signal_published(&self) {
        self.signals.get_or_create(&Outcome { outcome: "published" }).inc();
    }

    /// This node heard a signal, after so many that it was too slow for.
    pub fn signal_heard(&self, lost: u64) {
        self.signals.get_or_create(&Outcome { outcome: "heard" }).inc();
        self.signals.get_or_create(&Outcome { outcome: "dropped" }).inc_by(lost);
    }

    /// A signal was put into the lane of a socket, and another dropped for it or not.
    pub fn signal_sent(&self, dropped: bool) {
        self.signals.get_or_create(&Outcome { outcome: "sent" }).inc();
        self.signals.get_or_create(&Outcome { outcome: "dropped" }).inc_by(u64::from(dropped));
    }

    /// The views took these in, with so many records known to be left.
    pub fn followed(&self, applied: &[Applied], lag: u64) {
        self.records.inc_by(applied.len() as u64);
        self.tail_lag.set(lag);
        for reason in applied.iter().filter_map(|one| one.skipped) {
            self.skipped.get_or_create(&Reason { reason: reason.as_str() }).inc();
        }
    }

    /// The follower has come to the log's end, or fallen back from it.
    pub fn set_following(&self, live: bool) {
        self.following.set(i64::from(live));
    }

    /// How many nodes share the log.
    pub fn set_nodes(&self, nodes: usize) {
        self.nodes.set(i64::try_from(nodes).unwrap_or(i64::MAX));
    }

    /// How many frames wait in all queues of sockets.
    pub fn set_queued_frames(&self, frames: usize) {
        self.queued_frames.set(i64::try_from(frames).unwrap_or(i64::MAX));
    }

    /// A request was answered. `route` is a pattern, so that there are few.
    pub fn request_finished(&self, route: &str, status: u16, took: Duration) {
        self.requests.get_or_create(&Route { route: route.to_owned(), status }).inc();
        self.request_time.observe(took.as_secs_f64());
    }

    /// As Prometheus reads it.
    pub fn render(&self) -> String {
        let mut text = String::new();
        if encode(&mut text, &self.registry).is_err() {
            tracing::error!("the metrics cannot be written");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::projector::IgnoreReason;
    use kafkatalk_log::{Entry, Ledger, Record, Stream};
    use kafkatalk_protocol::{Offset, Timestamp};
    use serde_json::Value;
    use std::{collections::BTreeSet, sync::Arc};

    const DASHBOARD: &str =
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/grafana/dashboards/kafkatalk.json"));
    const ALERTS: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/alerts.yml"));

    /// The names of all figures. One with labels is told only once something happened.
    fn told() -> BTreeSet<String> {
        let metrics = Metrics::new();
        metrics.append_finished(Duration::ZERO, Ok(()));
        metrics.request_finished("/", 200, Duration::ZERO);
        let record = Record::erasing(uuid::Uuid::nil(), uuid::Uuid::nil(), None, Timestamp::default());
        let entry =
            Entry { stream: Stream::Ledger(Ledger::Users), offset: Offset(0), record: Arc::new(record) };
        let ignored = Applied::ignored(&entry, IgnoreReason::Malformed);
        metrics.followed(&[ignored], 0);
        let rendered = metrics.render();
        let lines = rendered.lines().filter(|line| !line.starts_with('#'));
        lines.filter_map(|line| line.split(['{', ' ']).next()).map(str::to_owned).collect()
    }

    /// Every figure of ours that a text names.
    fn named(text: &str) -> BTreeSet<String> {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        words.filter(|word| word.starts_with("kafkatalk_")).map(str::to_owned).collect()
    }

    #[test]
    fn what_the_dashboard_shows_and_the_alerts_watch_is_told() {
        let told = told();
        let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
        let panels = dashboard["panels"].as_array().unwrap();
        let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap());
        let shown: String =
            targets.map(|target| target["expr"].as_str().unwrap().to_owned() + "\n").collect();
        for (place, text) in [("dashboard", shown.as_str()), ("alerts", ALERTS)] {
            let named = named(text);
            assert!(!named.is_empty(), "{place}");
            let unknown: Vec<_> = named.difference(&told).collect();
            assert!(unknown.is_empty(), "{place}: {unknown:?} of {told:?}");
        }
    }
}
