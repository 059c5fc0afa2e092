//! Hearing from outside which nodes are there: by their heartbeats alone, without being one of them.

use super::presence::{Heartbeat, NodeState};
use crate::{
    Level,
    kafka::{
        client,
        error::{Wrong, is_denied},
        limits,
        purpose::Purpose,
        shared::Shared,
        sweep,
    },
};
use rdkafka::{Message, Offset as KafkaOffset, TopicPartitionList, consumer::Consumer as _};
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

/// Longer than a live node is ever silent, by the time that a consumer needs to begin.
const LISTEN: Duration = limits::HEARTBEAT_SILENCE_MAX.saturating_add(Duration::from_secs(2));

/// The nodes that are heard, by name, and which level each knows. None where their topic is missing. Blocks for seconds.
pub(in crate::kafka) fn listen(shared: &Arc<Shared>) -> Result<Option<Vec<(String, Level)>>, Wrong> {
    let consumer = client::consumer(shared, Purpose::Fetch)?;
    let topic = &shared.names.nodes;
    let Some((_, end)) = sweep::bounds_within(&consumer, topic, limits::REQUEST_TIMEOUT)? else {
        return Ok(None);
    };
    let mut list = TopicPartitionList::with_capacity(1);
    let from = i64::try_from(end).map_or(KafkaOffset::End, KafkaOffset::Offset);
    list.add_partition_offset(topic, 0, from)?;
    consumer.assign(&list)?;
    let (mut nodes, begun) = (BTreeMap::new(), Instant::now());
    while begun.elapsed() < LISTEN && !shared.is_closed() {
        match consumer.poll(limits::POLL_WAIT) {
            Some(Ok(message)) => {
                let Ok(beat) = serde_json::from_slice(message.payload().unwrap_or_default()) else {
                    continue;
                };
                let Heartbeat { node, instance, state, level } = beat;
                match state {
                    NodeState::Here => drop(nodes.insert(instance, (node, Level(level)))),
                    NodeState::Leaving => drop(nodes.remove(&instance)),
                }
            }
            Some(Err(error)) if is_denied(&error) => return Err(error.into()),
            Some(Err(error)) => tracing::debug!(%topic, "listening: {error}"),
            None => {}
        }
    }
    let mut nodes: Vec<_> = nodes.into_values().collect();
    nodes.sort_unstable();
    Ok(Some(nodes))
}
