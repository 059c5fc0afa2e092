//! The sweep: where the logs of all conversations end.

use super::{
    Consumer, limits,
    shared::{Shared, Topic},
};
use kafkatalk_protocol::ConversationId;
use rdkafka::{
    Offset as KafkaOffset, TopicPartitionList,
    consumer::Consumer as _,
    error::{KafkaError, RDKafkaErrorCode},
};
use std::collections::HashSet;

/// The end offset of every conversation's topic.
pub(super) fn ends(shared: &Shared, consumer: &Consumer) -> Result<Vec<(ConversationId, u64)>, KafkaError> {
    let topics = conversations(shared, consumer)?;
    let mut ends = Vec::with_capacity(topics.len());
    for batch in topics.chunks(limits::ENDS_BATCH_MAX) {
        if shared.is_closed() {
            break;
        }
        ends_of(shared, consumer, batch, &mut ends)?;
    }
    for (conversation, end) in &ends {
        shared.saw_topic(*conversation, if *end > 0 { Topic::Used } else { Topic::There });
    }
    Ok(ends)
}

/// All conversations that have a topic. It also teaches the consumer who leads which partition, without which asking for
/// offsets fails.
fn conversations(shared: &Shared, consumer: &Consumer) -> Result<Vec<ConversationId>, KafkaError> {
    // What was known before is missing only if the answer is newer than the knowledge.
    let used = shared.used_topics();
    let metadata = consumer.fetch_metadata(None, limits::REQUEST_TIMEOUT)?;
    let there = metadata.topics().iter().filter(|topic| topic.error().is_none());
    let found: Vec<_> = there.filter_map(|topic| shared.names.as_conversation(topic.name())).collect();
    if !used.is_empty() {
        let found: HashSet<_> = found.iter().copied().collect();
        // A topic in trouble is not a topic that is missing.
        let troubled = metadata.topics().iter().filter(|topic| topic.error().is_some());
        let troubled: HashSet<_> =
            troubled.filter_map(|topic| shared.names.as_conversation(topic.name())).collect();
        for conversation in used.iter().filter(|id| !found.contains(id) && !troubled.contains(id)) {
            shared.missed_topic(*conversation);
        }
    }
    Ok(found)
}

fn ends_of(
    shared: &Shared,
    consumer: &Consumer,
    batch: &[ConversationId],
    ends: &mut Vec<(ConversationId, u64)>,
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
            ends.push((conversation, end));
        }
    }
    Ok(())
}

/// Where one topic begins and ends; `(0, 0)` where there is no such topic.
pub(super) fn bounds(consumer: &Consumer, topic: &str) -> Result<(u64, u64), KafkaError> {
    match consumer.fetch_watermarks(topic, 0, limits::REQUEST_TIMEOUT) {
        Ok((low, high)) => Ok((u64::try_from(low).unwrap_or(0), u64::try_from(high).unwrap_or(0))),
        Err(error) => match error.rdkafka_error_code() {
            Some(
                RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::UnknownTopic
                | RDKafkaErrorCode::UnknownPartition,
            ) => Ok((0, 0)),
            _ => Err(error),
        },
    }
}
