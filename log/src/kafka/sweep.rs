//! The sweep: where the logs of all conversations end.

use super::{client::Consumer, known_topics::Topic, limits, shared::Shared};
use crate::failpoints;
use kafkatalk_protocol::ConversationId;
use rdkafka::{
    Offset as KafkaOffset, TopicPartitionList,
    consumer::Consumer as _,
    error::{KafkaError, RDKafkaErrorCode},
};
use std::{collections::HashSet, thread::sleep, time::Duration};

/// What a sweep found.
#[derive(Default)]
pub(super) struct Ends {
    /// The end offset of each conversation's topic.
    pub(super) known: Vec<(ConversationId, u64)>,
    /// How many topics are there whose end nobody told, because nobody leads them at the moment.
    pub(super) unknown: usize,
}

/// The end offset of every conversation's topic.
pub(super) fn ends(shared: &Shared, consumer: &Consumer) -> Result<Ends, KafkaError> {
    if failpoints::is_on(failpoints::broken::SWEEP) {
        return Ok(Ends::default());
    }
    let (topics, troubled) = conversations(shared, consumer)?;
    let mut ends = Ends { known: Vec::with_capacity(topics.len()), unknown: troubled };
    for batch in topics.chunks(limits::ENDS_BATCH_MAX) {
        if shared.is_closed() {
            return Err(KafkaError::Canceled);
        }
        ends_of(shared, consumer, batch, &mut ends)?;
    }
    for (conversation, end) in &ends.known {
        shared.topics.saw(*conversation, if *end > 0 { Topic::Used } else { Topic::There });
    }
    Ok(ends)
}

/// All conversations that have a topic, and how many more there are whose topic is in trouble. It also teaches the
/// consumer who leads which partition, without which asking for offsets fails.
fn conversations(shared: &Shared, consumer: &Consumer) -> Result<(Vec<ConversationId>, usize), KafkaError> {
    // What was known before is missing only if the answer is newer than the knowledge.
    let used = shared.topics.used();
    let metadata = consumer.fetch_metadata(None, limits::REQUEST_TIMEOUT)?;
    let there = metadata.topics().iter().filter(|topic| topic.error().is_none());
    let found: Vec<_> = there.filter_map(|topic| shared.names.as_conversation(topic.name())).collect();
    // A topic in trouble is not a topic that is missing.
    let troubled = metadata.topics().iter().filter(|topic| topic.error().is_some());
    let troubled: HashSet<_> =
        troubled.filter_map(|topic| shared.names.as_conversation(topic.name())).collect();
    if !used.is_empty() {
        let found: HashSet<_> = found.iter().copied().collect();
        for conversation in used.iter().filter(|id| !found.contains(id) && !troubled.contains(id)) {
            shared.missed_topic(*conversation);
        }
    }
    Ok((found, troubled.len()))
}

/// The ends of some. The consumer must know who leads them.
pub(super) fn ends_of(
    shared: &Shared,
    consumer: &Consumer,
    batch: &[ConversationId],
    ends: &mut Ends,
) -> Result<(), KafkaError> {
    let mut list = TopicPartitionList::with_capacity(batch.len());
    for conversation in batch {
        list.add_partition_offset(&shared.names.conversation(*conversation), 0, KafkaOffset::End)?;
    }
    let answer = consumer.offsets_for_times(list, limits::REQUEST_TIMEOUT)?;
    for element in answer.elements() {
        let Some(conversation) = shared.names.as_conversation(element.topic()) else { continue };
        if let (Ok(()), KafkaOffset::Offset(end)) = (element.error(), element.offset())
            && let Ok(end) = u64::try_from(end)
        {
            ends.known.push((conversation, end));
        } else {
            ends.unknown += 1;
        }
    }
    Ok(())
}

/// Where one topic begins and ends; `(0, 0)` where there is no such topic.
pub(super) fn bounds(consumer: &Consumer, topic: &str) -> Result<(u64, u64), KafkaError> {
    Ok(bounds_within(consumer, topic, limits::REQUEST_TIMEOUT)?.unwrap_or_default())
}

/// Where one topic begins and ends, if there is such a topic.
pub(super) fn bounds_within(
    consumer: &Consumer,
    topic: &str,
    wait: Duration,
) -> Result<Option<(u64, u64)>, KafkaError> {
    match consumer.fetch_watermarks(topic, 0, wait) {
        Ok((low, high)) => Ok(Some((u64::try_from(low).unwrap_or(0), u64::try_from(high).unwrap_or(0)))),
        Err(error) => match error.rdkafka_error_code() {
            Some(
                RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::UnknownTopic
                | RDKafkaErrorCode::UnknownPartition,
            ) => Ok(None),
            _ => Err(error),
        },
    }
}

/// Where a topic ends, if it surely ends before a position that was read of it already. Looks several times, and asks
/// anew who leads the topic, before it says so.
pub(super) fn shorter_than(
    shared: &Shared,
    consumer: &Consumer,
    topic: &str,
    position: u64,
) -> Result<Option<u64>, KafkaError> {
    let mut looks = 0;
    while !shared.is_closed() {
        let (_, end) = bounds(consumer, topic)?;
        looks += 1;
        if end >= position {
            return Ok(None);
        }
        if looks >= limits::SHORTER_LOOKS {
            return Ok(Some(end));
        }
        sleep(limits::SHORTER_LOOK_EVERY);
        consumer.fetch_metadata(Some(topic), limits::REQUEST_TIMEOUT)?;
    }
    Ok(None)
}
