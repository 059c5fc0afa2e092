//! The log that is verified, opened so that nothing of it changes and a node may run beside.

use crate::{cli::kafka_options, config::Config};
use anyhow::{Context as _, Result, bail};
use kafkatalk_log::{
    Ledger, LogIdentity, Page, ReadError, Stream,
    embedded::EmbeddedReader,
    kafka::{Inventory, KafkaLog, KafkaReader, Kind},
};
use kafkatalk_protocol::{ConversationId, Offset};

/// Holes that an erasure leaves on the embedded log: the record's.
const HOLES_OF_ERASURE: u64 = 1;
/// And on Kafka, with the messages that close the record's segment, of which there may be some.
const HOLES_OF_ERASURE_ON_KAFKA: u64 = 4;

pub(super) enum Source {
    Embedded(EmbeddedReader),
    Kafka(KafkaReader, Inventory),
}

impl Source {
    pub(super) async fn open(config: &Config) -> Result<Self> {
        let Some(kafka) = &config.kafka else {
            return Ok(Self::Embedded(EmbeddedReader::open(&config.data)?));
        };
        let inventory = KafkaLog::inventory(kafka_options(kafka)).await?;
        let ledgers = inventory.topics.iter().filter(|topic| matches!(topic.kind, Kind::Ledger(_)));
        if ledgers.count() != Ledger::ALL.len() {
            let prefix = &kafka.topic_prefix;
            bail!("the brokers hold no log under the prefix {prefix}: name another with --topic-prefix");
        }
        let log = KafkaReader::open(kafka_options(kafka)).context("the settings of Kafka cannot be used")?;
        Ok(Self::Kafka(log, inventory))
    }

    /// The log's identity, if it has one yet.
    pub(super) async fn identity(&self) -> Result<Option<LogIdentity>, ReadError> {
        match self {
            Self::Embedded(log) => log.identity().await,
            Self::Kafka(log, _) => log.identity().await,
        }
    }

    pub(super) async fn conversations(&self) -> Result<Vec<ConversationId>> {
        let streams: Vec<_> = match self {
            Self::Embedded(log) => log.streams().await?.into_iter().map(|(stream, _)| stream).collect(),
            Self::Kafka(_, inventory) => {
                inventory.topics.iter().filter_map(|topic| topic.kind.stream()).collect()
            }
        };
        let id = |stream| if let Stream::Conversation(id) = stream { Some(id) } else { None };
        Ok(streams.into_iter().filter_map(id).collect())
    }

    pub(super) async fn read(&self, stream: Stream, from: Offset, limit: usize) -> Result<Page, ReadError> {
        match self {
            Self::Embedded(log) => log.read(stream, from, limit).await,
            Self::Kafka(log, _) => log.read(stream, from, limit).await,
        }
    }

    /// The name of the position in the views' checkpoint that tells of a stream.
    pub(super) fn position_name(&self, stream: Stream) -> String {
        match self {
            Self::Embedded(_) => EmbeddedReader::POSITION.into(),
            Self::Kafka(..) => KafkaLog::position_name(stream),
        }
    }

    /// Up to which offset of a stream views at that position are, that one not included.
    pub(super) async fn reached(&self, stream: Stream, position: u64) -> Result<Offset, ReadError> {
        match self {
            Self::Embedded(log) => log.reached(stream, position).await,
            Self::Kafka(..) => Ok(Offset(position)),
        }
    }

    pub(super) fn holes_of_erasure(&self) -> u64 {
        match self {
            Self::Embedded(_) => HOLES_OF_ERASURE,
            Self::Kafka(..) => HOLES_OF_ERASURE_ON_KAFKA,
        }
    }

    pub(super) async fn close(&self) {
        if let Self::Kafka(log, _) = self {
            log.close().await;
        }
    }
}
