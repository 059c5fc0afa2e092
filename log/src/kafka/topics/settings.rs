//! The settings with which topics are made.

use crate::kafka::{limits, shared::Shared};

/// What Kafka calls them.
pub(in crate::kafka) const CLEANUP_POLICY: &str = "cleanup.policy";
pub(in crate::kafka) const COMPACT: &str = "compact";
pub(in crate::kafka) const DELETE: &str = "delete";
pub(super) const SEGMENT_MS: &str = "segment.ms";
pub(super) const UNCLEAN_ELECTIONS: &str = "unclean.leader.election.enable";
pub(super) const RETENTION_MS: &str = "retention.ms";

pub(in crate::kafka) type Settings = Vec<(&'static str, String)>;

/// Settings of a topic that forgets a record when another of its key follows.
pub(in crate::kafka) fn compacted(shared: &Shared) -> Settings {
    let mut settings = vec![
        (CLEANUP_POLICY, COMPACT.into()),
        brokers_clock(),
        ("max.compaction.lag.ms", shared.options.forget_within.as_millis().max(1).to_string()),
    ];
    settings.extend(in_sync(shared));
    settings
}

/// Brokers refuse a record whose time is an hour ahead of theirs, and cut segments by the records' times: so that a node
/// whose clock is wrong disturbs neither, they put their own time. The node's time is in the envelope.
pub(super) fn brokers_clock() -> (&'static str, String) {
    ("message.timestamp.type", "LogAppendTime".into())
}

/// What keeps an acknowledged record although a broker is lost: two have it, and one without it never leads.
pub(super) fn in_sync(shared: &Shared) -> Settings {
    if shared.options.replication_factor < 3 {
        return Vec::new();
    }
    vec![("min.insync.replicas", "2".into()), (UNCLEAN_ELECTIONS, "false".into())]
}

/// Settings of a topic that tells what is of no use soon, to those who follow its end.
pub(in crate::kafka) fn passing(shared: &Shared) -> Settings {
    let mut settings = vec![
        (CLEANUP_POLICY, DELETE.into()),
        brokers_clock(),
        (RETENTION_MS, shared.options.feed_retention.as_millis().to_string()),
        // Several segments within the time, so that what is old can go.
        (SEGMENT_MS, (shared.options.feed_retention.as_millis() / 4).max(1_000).to_string()),
    ];
    settings.extend(in_sync(shared));
    settings
}

/// Settings of a topic whose messages are of no use after seconds, and may be lost.
pub(super) fn fleeting() -> Settings {
    let retention = limits::SIGNALS_RETENTION.as_millis().to_string();
    vec![
        (CLEANUP_POLICY, DELETE.into()),
        brokers_clock(),
        (RETENTION_MS, retention.clone()),
        (SEGMENT_MS, retention),
        ("segment.bytes", limits::SIGNALS_SEGMENT_BYTES.to_string()),
    ]
}
