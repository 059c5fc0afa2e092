//! Which other nodes are known. Pure: what was heard, and the time, are arguments.

use super::presence::{Heartbeat, NodeState};
use crate::{Level, kafka::limits};
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};
use uuid::Uuid;

#[cfg(test)]
mod tests;

pub(super) struct KnownNodes {
    own: Uuid,
    others: HashMap<Uuid, Other>,
    /// How long was listened in all. Silence is measured by this clock, which stands still while nobody listens, and while
    /// nobody at all is heard: nodes that one does not hear because one sleeps, because one has more to read than one can,
    /// or because the topic has no leader, are not silent.
    listened: Duration,
    /// How long was listened since the last heartbeat. It counts with the next one.
    unheard: Duration,
    turned: Instant,
}

struct Other {
    node: String,
    heard: Duration,
    level: Level,
}

/// What changed, with the name of the node, and the level that it knows.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum News {
    Came(String, Level),
    Left(String),
    FellSilent(String),
}

impl KnownNodes {
    pub(super) fn new(own: Uuid, now: Instant) -> Self {
        Self { own, others: HashMap::new(), listened: Duration::ZERO, unheard: Duration::ZERO, turned: now }
    }

    /// How many others are there.
    pub(super) fn count(&self) -> usize {
        self.others.len()
    }

    /// The highest level that all live nodes know, of which this one knows `own`. None before it has listened for long
    /// enough to have heard everybody.
    pub(super) fn known_by_all(&self, own: Level) -> Option<Level> {
        let heard_everybody =
            self.listened > limits::HEARTBEAT_SILENCE_MAX && self.others.len() < limits::NODES_MAX;
        heard_everybody.then(|| self.others.values().map(|other| other.level).fold(own, Level::min))
    }

    /// A heartbeat, which may be the node's own: those too show that the topic carries what is said.
    pub(super) fn heard(&mut self, beat: Heartbeat) -> Option<News> {
        self.listened += std::mem::take(&mut self.unheard).min(limits::HEARD_AT_ONCE_MAX);
        let Heartbeat { node, instance, state, level } = beat;
        let level = Level(level);
        if instance == self.own {
            return None;
        }
        if state == NodeState::Leaving {
            return self.others.remove(&instance).map(|other| News::Left(other.node));
        }
        if let Some(other) = self.others.get_mut(&instance) {
            other.heard = self.listened;
            other.level = level;
            return None;
        }
        if self.others.len() >= limits::NODES_MAX {
            return None;
        }
        self.others.insert(instance, Other { node: node.clone(), heard: self.listened, level });
        Some(News::Came(node, level))
    }

    /// The end of a turn of listening, in which all was heard that there was, or not.
    pub(super) fn turn(&mut self, now: Instant, heard_all: bool) -> Vec<News> {
        let took = now.saturating_duration_since(self.turned);
        self.turned = now;
        if !heard_all {
            return Vec::new();
        }
        self.unheard += took.min(limits::LISTENED_AT_ONCE_MAX);
        let listened = self.listened;
        let silent = |other: &Other| listened.saturating_sub(other.heard) > limits::HEARTBEAT_SILENCE_MAX;
        let gone = self.others.extract_if(|_, other| silent(other));
        gone.map(|(_, other)| News::FellSilent(other.node)).collect()
    }
}
