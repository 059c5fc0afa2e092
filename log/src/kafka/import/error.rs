//! Why an import fails, in words for an operator.

use crate::{
    ReadError,
    kafka::error::{ConnectError, Wrong},
};
use rdkafka::error::KafkaError;

/// Why an import ended without having taken all over.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ImportError {
    /// The options are such that it could never work.
    #[error("{0}")]
    Options(String),
    /// The source cannot be read.
    #[error(transparent)]
    Source(#[from] ReadError),
    /// Nodes write to the target, or have done so.
    #[error(
        "nodes have been at work under this topic prefix ({feed} holds records): if this log was moved there before, \
         there is nothing to do; else choose another topic prefix. Delete nothing: it may be the log that people use"
    )]
    Served {
        /// The feed.
        feed: String,
    },
    /// The target holds a conversation that the source does not know.
    #[error(
        "the topic {topic} holds a conversation that is not in this log: choose another topic prefix, or delete the \
         topics of this one"
    )]
    Stranger {
        /// Its topic.
        topic: String,
    },
    /// A topic goes further than its stream.
    #[error(
        "the topic {topic} goes on at offset {offset}, where its stream in this log ends: it is of another log, or was \
         written to since; choose another topic prefix, or delete the topic"
    )]
    Longer {
        /// The topic.
        topic: String,
        /// The first offset that should not be there.
        offset: u64,
    },
    /// A topic holds something else than its stream.
    #[error(
        "the topic {topic} differs from this log at offset {offset}: {why}; choose another topic prefix, or delete the \
         topic"
    )]
    Differs {
        /// The topic.
        topic: String,
        /// The first offset that differs.
        offset: u64,
        /// How.
        why: &'static str,
    },
    /// A record was written to another offset than its own.
    #[error(
        "a record was written to offset {found} of the topic {topic} and belongs to {offset}: somebody else writes \
         there; stop them, delete the topic, and begin again"
    )]
    Misplaced {
        /// The topic.
        topic: String,
        /// Where it belongs.
        offset: u64,
        /// Where it stands.
        found: u64,
    },
    /// A topic is not as it must be.
    #[error("{0}")]
    Topic(String),
    /// The brokers failed, or fell silent.
    #[error("{0}; what is written stays: the same command goes on from there")]
    Brokers(String),
}

impl ImportError {
    /// Whether to look again may help.
    pub(super) fn may_pass(&self) -> bool {
        matches!(self, Self::Brokers(_))
    }
}

impl From<KafkaError> for ImportError {
    fn from(error: KafkaError) -> Self {
        Self::Brokers(error.to_string())
    }
}

impl From<Wrong> for ImportError {
    fn from(Wrong(why): Wrong) -> Self {
        Self::Brokers(why)
    }
}

impl From<ConnectError> for ImportError {
    fn from(error: ConnectError) -> Self {
        Self::Options(error.to_string())
    }
}
