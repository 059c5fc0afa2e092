//! The feature level on Kafka: raising it once all live nodes know a higher one, and hearing that another node raised it.
//!
//! Which nodes are live, and what they know, is heard by open tails: see [`super::nodes`].

use super::{
    client::Admin, error::Wrong, limits, manifest, produce::TopicReports, shard::Shard, shared::Shared,
};
use crate::manifest::{Fact, Manifest};
use std::sync::{Arc, atomic::Ordering};

mod write;

pub(super) use write::write;

/// Takes what the manifest says. Fails, and ends the tails, where this node does not know the finalised level: it would
/// show to people what was taken from them.
pub(super) fn learn(shared: &Shared, manifest: &Manifest) -> Result<(), Wrong> {
    let (finalised, known) = (manifest.level(), shared.options.level);
    if finalised > known {
        shared.feed_partitions.store(0, Ordering::Relaxed);
        return Err(Wrong(format!(
            "the log is at feature level {finalised}, this kafkatalk knows levels up to {known}; start a newer version"
        )));
    }
    shared.level.send_if_modified(|now| {
        let rises = *now < finalised;
        if rises {
            tracing::info!(level = finalised.0, "feature level finalised");
            *now = finalised;
        }
        rises
    });
    Ok(())
}

/// Follows the manifest.
#[derive(Default)]
pub(super) struct ManifestFollower {
    read_to: i64,
}

impl ManifestFollower {
    /// To be called again and again. Fails only where this node is too old.
    pub(super) async fn look(
        &mut self,
        shared: &Arc<Shared>,
        admin: &Admin,
        producer: &Shard<TopicReports>,
    ) -> Result<(), Wrong> {
        self.read(shared, admin)?;
        if let Some(level) = shared.presence.known_by_all()
            && level > *shared.level.borrow()
        {
            match manifest::add(shared, producer, vec![Fact::Level { level: level.0 }]).await {
                Ok(()) => self.read(shared, admin)?,
                Err(Wrong(reason)) => tracing::debug!(level = level.0, reason, "feature level not finalised"),
            }
        }
        Ok(())
    }

    fn read(&mut self, shared: &Arc<Shared>, admin: &Admin) -> Result<(), Wrong> {
        match self.news(shared, admin) {
            Ok(Some(manifest)) => learn(shared, &manifest),
            Ok(None) => Ok(()),
            // The next look is soon, and brokers that are away are noticed elsewhere.
            Err(Wrong(reason)) => {
                tracing::debug!(reason, "manifest not read");
                Ok(())
            }
        }
    }

    fn news(&mut self, shared: &Arc<Shared>, admin: &Admin) -> Result<Option<Manifest>, Wrong> {
        let topic = &shared.names.manifest;
        let (_, end) = admin.inner().fetch_watermarks(topic, 0, limits::PROBE_TIMEOUT)?;
        if end == self.read_to {
            return Ok(None);
        }
        let (manifest, read_to) = manifest::read(shared)?;
        self.read_to = i64::try_from(read_to).unwrap_or(i64::MAX);
        Ok(Some(manifest))
    }
}
