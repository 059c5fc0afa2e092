//! Looking at the feature level, and raising it, from outside a node.

use super::{
    client, error::Wrong, level, limits, log::KafkaLog, manifest, nodes, options::KafkaOptions,
    purpose::Purpose, shared::Shared, sweep,
};
use crate::{FEATURE_LEVEL, Level};
use std::sync::Arc;

/// What is known of a log's level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Levels {
    /// The level that is finalised.
    pub finalised: Level,
    /// The nodes that are heard, and the highest level that each knows; none where there is no topic for heartbeats.
    pub nodes: Option<Vec<(String, Level)>>,
}

/// Why a level was not looked at, or not raised.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LevelError {
    /// The options are such that it could never work, or the brokers failed.
    #[error("{0}")]
    Brokers(String),
    /// There is no log under that prefix, or one of a version before levels that no newer node has opened.
    #[error("there is no log with a manifest under the topic prefix {0}: start a node first")]
    NoLog(String),
    /// This program does not know the level.
    #[error("this kafkatalk knows levels up to {FEATURE_LEVEL}: use a newer version")]
    Unknown,
    /// A live node does not know the level.
    #[error(
        "the node {node} is running and knows levels up to {knows}: stop it, or replace it by a newer version"
    )]
    OldNode {
        /// Its name.
        node: String,
        /// What it knows.
        knows: Level,
    },
    /// Nobody says which nodes are there.
    #[error("nodes cannot be heard: their topic is missing, so an older one may be running")]
    Unheard,
}

impl From<Wrong> for LevelError {
    fn from(Wrong(why): Wrong) -> Self {
        Self::Brokers(why)
    }
}

impl KafkaLog {
    /// Which level is finalised, and which level each live node knows. Listens to them for seconds; changes nothing.
    pub async fn levels(options: KafkaOptions) -> Result<Levels, LevelError> {
        in_background(options, look).await
    }

    /// Finalises a level. `unheard` says that no older node runs although nodes cannot be heard. Returns what holds then.
    pub async fn raise_level(
        options: KafkaOptions,
        level: Level,
        unheard: bool,
    ) -> Result<Levels, LevelError> {
        in_background(options, move |shared| {
            let levels = look(shared)?;
            if may_rise(&levels, level, unheard)? {
                level::write(shared, level)?;
            }
            Ok(Levels { finalised: levels.finalised.max(level), ..levels })
        })
        .await
    }
}

/// Whether there is something to be done.
fn may_rise(levels: &Levels, level: Level, unheard: bool) -> Result<bool, LevelError> {
    if level > FEATURE_LEVEL {
        return Err(LevelError::Unknown);
    }
    if level <= levels.finalised {
        return Ok(false);
    }
    match &levels.nodes {
        None if unheard => Ok(true),
        None => Err(LevelError::Unheard),
        Some(nodes) => match nodes.iter().find(|(_, knows)| *knows < level) {
            Some((node, knows)) => Err(LevelError::OldNode { node: node.clone(), knows: *knows }),
            None => Ok(true),
        },
    }
}

fn look(shared: &Arc<Shared>) -> Result<Levels, LevelError> {
    let consumer = client::consumer(shared, Purpose::Fetch).map_err(Wrong::from)?;
    let there = sweep::bounds_within(&consumer, &shared.names.manifest, limits::REQUEST_TIMEOUT);
    if there.map_err(Wrong::from)?.is_none() {
        return Err(LevelError::NoLog(shared.options.topic_prefix.clone()));
    }
    let (manifest, _) = manifest::read(shared)?;
    Ok(Levels { finalised: manifest.level(), nodes: nodes::listen::listen(shared)? })
}

async fn in_background<T: Send + 'static>(
    options: KafkaOptions,
    work: impl FnOnce(&Arc<Shared>) -> Result<T, LevelError> + Send + 'static,
) -> Result<T, LevelError> {
    let names = options.check().map_err(Wrong::from)?;
    let shared = Arc::new(Shared::new(options, names));
    let done = tokio::task::spawn_blocking(move || work(&shared)).await;
    done.unwrap_or_else(|error| Err(LevelError::Brokers(error.to_string())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(nodes: Option<&[(&str, u32)]>) -> Levels {
        let named = |nodes: &[(&str, u32)]| {
            nodes.iter().map(|(name, level)| ((*name).to_owned(), Level(*level))).collect()
        };
        Levels { finalised: Level(0), nodes: nodes.map(named) }
    }

    #[test]
    fn a_level_rises_unless_somebody_who_is_there_does_not_know_it() {
        let level = FEATURE_LEVEL;
        assert_eq!(may_rise(&levels(Some(&[("a", level.0), ("b", level.0)])), level, false), Ok(true));
        assert_eq!(may_rise(&levels(Some(&[])), level, false), Ok(true));
        let old = LevelError::OldNode { node: "b".into(), knows: Level(0) };
        assert_eq!(may_rise(&levels(Some(&[("a", level.0), ("b", 0)])), level, true), Err(old));
        assert_eq!(may_rise(&levels(None), level, false), Err(LevelError::Unheard));
        assert_eq!(may_rise(&levels(None), level, true), Ok(true));
        assert_eq!(may_rise(&levels(None), Level(0), false), Ok(false), "it holds already");
        assert_eq!(may_rise(&levels(Some(&[])), Level(level.0 + 1), false), Err(LevelError::Unknown));
    }
}
