//! What a topic says of itself, before anything is written.

use super::{common::Part, error::ImportError};
use crate::{
    Stream,
    kafka::inventory::{Kind, TopicFacts},
};
use std::collections::HashMap;

type Ends = HashMap<(String, i32), u64>;

/// Takes note of how far a topic goes, and refuses what cannot be a beginning of this log.
pub(super) fn at(
    topic: &TopicFacts,
    replication_factor: i32,
    ends: &Ends,
    parts: &mut HashMap<Stream, &mut Part>,
) -> Result<(), ImportError> {
    let name = &topic.name;
    let Some(stream) = topic.kind.stream() else {
        return if topic.kind == Kind::Feed { at_feed(topic, ends) } else { Ok(()) };
    };
    let Some(part) = parts.remove(&stream) else {
        return Err(ImportError::Stranger { topic: name.clone() });
    };
    if let Some(trouble) = &topic.trouble {
        return Err(ImportError::Brokers(format!("the topic {name}: {trouble}")));
    }
    if topic.partitions.len() != 1 {
        let count = topic.partitions.len();
        return Err(ImportError::Topic(format!("the topic {name} has {count} partitions and must have 1")));
    }
    let replicas = topic.partitions[0].replicas;
    if usize::try_from(replication_factor).ok() != Some(replicas) {
        return Err(ImportError::Topic(format!(
            "the topic {name} has {replicas} copies, and the replication factor asked for is {replication_factor}: \
             give --replication-factor {replicas}, or change the copies with kafka-reassign-partitions.sh"
        )));
    }
    let Some(end) = ends.get(&(name.clone(), 0)) else {
        return Err(ImportError::Brokers(format!("no broker says where the topic {name} ends")));
    };
    if *end > part.end {
        return Err(ImportError::Longer { topic: name.clone(), offset: part.end });
    }
    if *end < part.compared {
        let why = "it became shorter";
        return Err(ImportError::Differs { topic: name.clone(), offset: *end, why });
    }
    part.there = *end;
    Ok(())
}

/// A feed holds records where nodes have been; one that nobody leads may.
fn at_feed(feed: &TopicFacts, ends: &Ends) -> Result<(), ImportError> {
    let name = &feed.name;
    let ends: Vec<_> = feed.partitions.iter().map(|at| ends.get(&(name.clone(), at.id)).copied()).collect();
    if ends.iter().flatten().any(|end| *end > 0) {
        return Err(ImportError::Served { feed: name.clone() });
    }
    if ends.is_empty() || ends.contains(&None) {
        let why = format!("no broker says where the topic {name} ends, so nodes may be at work");
        return Err(ImportError::Brokers(why));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::inventory::Partition;

    fn look(known: &[(i32, u64)]) -> Result<(), ImportError> {
        let partition = |id| Partition {
            id,
            led: known.iter().any(|at| at.0 == id),
            replicas: 1,
            in_sync: 1,
            offsets: None,
        };
        let feed = TopicFacts {
            kind: Kind::Feed,
            name: "k.feed".into(),
            trouble: None,
            partitions: vec![partition(0), partition(1)],
            settings: [].into(),
        };
        let ends = known.iter().map(|(id, end)| (("k.feed".to_owned(), *id), *end)).collect();
        at(&feed, 1, &ends, &mut HashMap::new())
    }

    #[test]
    fn a_feed_counts_as_unused_only_where_its_ends_are_known() {
        assert!(look(&[(0, 0), (1, 0)]).is_ok());
        assert!(matches!(look(&[(0, 0)]), Err(ImportError::Brokers(_))));
        assert!(matches!(look(&[]), Err(ImportError::Brokers(_))));
        assert!(matches!(look(&[(0, 1)]), Err(ImportError::Served { .. })));
    }
}
