//! What topics there are, and how far they go. Asks, and changes nothing.
//!
//! How many bytes they take is not here: the protocol has a request for that, and librdkafka does not offer it.

use super::{
    client::{self, Consumer},
    error::{ConnectError, Wrong},
    limits,
    log::KafkaLog,
    names::Names,
    options::KafkaOptions,
    purpose::Purpose,
    shared::Shared,
    topics,
};
use crate::{Checkpoint, Ledger, Stream};
use kafkatalk_protocol::ConversationId;
use rdkafka::{
    Offset as KafkaOffset, TopicPartitionList, consumer::Consumer as _, error::KafkaError,
    metadata::MetadataTopic, types::RDKafkaErrorCode,
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};
use tokio::runtime::Handle;

/// What a topic is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Copies by which nodes hear of records.
    Feed,
    /// A ledger.
    Ledger(Ledger),
    /// What the log records about itself.
    Manifest,
    /// What nodes tell of themselves.
    Nodes,
    /// What may be lost.
    Signals,
    /// A conversation.
    Conversation(ConversationId),
}

impl Kind {
    /// The stream that the topic holds, if it holds one.
    pub fn stream(self) -> Option<Stream> {
        match self {
            Self::Ledger(ledger) => Some(Stream::Ledger(ledger)),
            Self::Conversation(id) => Some(Stream::Conversation(id)),
            Self::Feed | Self::Manifest | Self::Nodes | Self::Signals => None,
        }
    }
}

/// A partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Its number.
    pub id: i32,
    /// Whether a broker leads it.
    pub led: bool,
    /// Brokers that shall have a copy.
    pub replicas: usize,
    /// Brokers whose copy is whole.
    pub in_sync: usize,
    /// From which offset to which it goes, the end not included; none where no broker tells.
    pub offsets: Option<(u64, u64)>,
}

/// A topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicFacts {
    /// What it is for.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// What is wrong with it, as the brokers say.
    pub trouble: Option<String>,
    /// Its partitions, by number.
    pub partitions: Vec<Partition>,
    /// Settings that say what is kept how long, where they may be seen.
    pub settings: BTreeMap<String, String>,
}

impl TopicFacts {
    /// Offsets between beginning and end, over all partitions. Erased and compacted records count, for the brokers do not
    /// tell how many there are.
    pub fn records(&self) -> u64 {
        let offsets = self.partitions.iter().filter_map(|partition| partition.offsets);
        offsets.map(|(begin, end)| end.saturating_sub(begin)).sum()
    }

    /// Where a stream's one partition ends.
    pub fn end(&self) -> Option<u64> {
        self.partitions.first()?.offsets.map(|(_, end)| end)
    }
}

/// All topics of a log.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    /// Sorted by kind.
    pub topics: Vec<TopicFacts>,
}

/// Why topics cannot be listed.
#[derive(Debug, thiserror::Error)]
pub enum InventoryError {
    /// The options are such that it could never work.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The brokers do not answer.
    #[error("the brokers of {bootstrap} cannot be asked: {why}")]
    Brokers {
        /// Which.
        bootstrap: String,
        /// What librdkafka says.
        why: String,
    },
}

impl KafkaLog {
    /// Lists the topics of the log that these options name. Makes none.
    ///
    /// # Errors
    /// When the brokers do not answer.
    pub async fn inventory(options: KafkaOptions) -> Result<Inventory, InventoryError> {
        let names = options.check()?;
        let shared = Arc::new(Shared::new(options, names));
        let runtime = Handle::current();
        let asked = Arc::clone(&shared);
        let told = tokio::task::spawn_blocking(move || take(&asked, &runtime)).await;
        let told = told.unwrap_or_else(|error| Err(error.to_string()));
        let bootstrap = shared.options.bootstrap.clone();
        told.map_err(|why| InventoryError::Brokers { bootstrap, why })
    }

    /// The name that a stream has in a checkpoint of this log.
    pub fn position_name(stream: Stream) -> String {
        stream.to_string()
    }

    /// The position in a checkpoint of this log that tells how far a stream was taken in.
    pub fn position_of(stream: Stream, checkpoint: &Checkpoint) -> u64 {
        checkpoint.get(&Self::position_name(stream)).copied().unwrap_or(0)
    }
}

fn take(shared: &Arc<Shared>, runtime: &Handle) -> Result<Inventory, String> {
    let consumer = client::consumer(shared, Purpose::Fetch);
    let consumer = consumer.map_err(|error| error.to_string())?;
    let told = |error: KafkaError| error.to_string();
    let mut topics = topics_of(shared, &consumer).map_err(told)?;
    let mut begins = offsets(&consumer, &topics, KafkaOffset::Beginning).map_err(told)?;
    let mut ends = offsets(&consumer, &topics, KafkaOffset::End).map_err(told)?;
    let admin = client::admin(shared);
    let admin = admin.map_err(|error| error.to_string())?;
    let names: Vec<_> = topics.iter().map(|topic| topic.name.clone()).collect();
    let settings = runtime.block_on(topics::kept_how(&admin, &names));
    let mut settings = settings.map_err(|Wrong(why)| why)?;
    for topic in &mut topics {
        for partition in &mut topic.partitions {
            let at = (topic.name.clone(), partition.id);
            partition.offsets = begins.remove(&at).zip(ends.remove(&at));
        }
        topic.settings = settings.remove(&topic.name).unwrap_or_default();
    }
    Ok(Inventory { topics })
}

/// What a topic of that name is for, if it is one of this log's.
fn kind_of(names: &Names, topic: &str) -> Option<Kind> {
    if topic == names.feed {
        return Some(Kind::Feed);
    }
    if topic == names.manifest {
        return Some(Kind::Manifest);
    }
    if topic == names.signals {
        return Some(Kind::Signals);
    }
    if topic == names.nodes {
        return Some(Kind::Nodes);
    }
    let ledger = names.as_ledger(topic).map(Kind::Ledger);
    ledger.or_else(|| names.as_conversation(topic).map(Kind::Conversation))
}

/// The topics of this log, without offsets and settings, sorted by kind. It also teaches the consumer who leads which
/// partition, without which asking for offsets fails.
pub(super) fn topics_of(shared: &Shared, consumer: &Consumer) -> Result<Vec<TopicFacts>, KafkaError> {
    let metadata = consumer.fetch_metadata(None, limits::REQUEST_TIMEOUT)?;
    let facts = |topic: &MetadataTopic| {
        let kind = kind_of(&shared.names, topic.name())?;
        let partition = |at: &rdkafka::metadata::MetadataPartition| Partition {
            id: at.id(),
            led: at.leader() >= 0,
            replicas: at.replicas().len(),
            in_sync: at.isr().len(),
            offsets: None,
        };
        let mut partitions: Vec<_> = topic.partitions().iter().map(partition).collect();
        partitions.sort_unstable_by_key(|partition| partition.id);
        let trouble = topic.error().map(|error| RDKafkaErrorCode::from(error).to_string());
        let (name, settings) = (topic.name().to_owned(), BTreeMap::new());
        Some(TopicFacts { kind, name, trouble, partitions, settings })
    };
    let mut topics: Vec<_> = metadata.topics().iter().filter_map(facts).collect();
    topics.sort_unstable_by_key(|topic| topic.kind);
    Ok(topics)
}

/// Where the partitions of topics begin or end; those are missing that no broker tells. The consumer must know who leads
/// them.
pub(super) fn offsets(
    consumer: &Consumer,
    topics: &[TopicFacts],
    which: KafkaOffset,
) -> Result<HashMap<(String, i32), u64>, KafkaError> {
    let partitions: Vec<_> = topics
        .iter()
        .flat_map(|topic| topic.partitions.iter().map(|partition| (topic.name.as_str(), partition.id)))
        .collect();
    let mut found = HashMap::with_capacity(partitions.len());
    for batch in partitions.chunks(limits::ENDS_BATCH_MAX) {
        let mut list = TopicPartitionList::with_capacity(batch.len());
        for (topic, partition) in batch {
            list.add_partition_offset(topic, *partition, which)?;
        }
        for element in consumer.offsets_for_times(list, limits::REQUEST_TIMEOUT)?.elements() {
            if let (Ok(()), KafkaOffset::Offset(at)) = (element.error(), element.offset())
                && let Ok(at) = u64::try_from(at)
            {
                found.insert((element.topic().to_owned(), element.partition()), at);
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_topics_of_this_log_are_listed() {
        let names = Names::new("k").unwrap();
        let kind = |topic| kind_of(&names, topic);
        assert_eq!(kind("k.feed"), Some(Kind::Feed));
        assert_eq!(kind("k.users"), Some(Kind::Ledger(Ledger::Users)));
        assert_eq!(kind("k.meta"), Some(Kind::Manifest));
        assert_eq!(kind("k.signals"), Some(Kind::Signals));
        assert_eq!(kind("k.nodes"), Some(Kind::Nodes));
        let id = ConversationId(uuid::Uuid::from_u128(1));
        let conversation = names.conversation(id);
        assert_eq!(kind(&conversation), Some(Kind::Conversation(id)));
        for other in ["k", "k.other", "k.x.users", "kk.users", "k.conversation.x", "__consumer_offsets"] {
            assert_eq!(kind(other), None, "{other}");
        }
    }
}
