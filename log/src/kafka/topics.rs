//! Making topics, and checking those that are there.

use super::{client::Client, limits, shared::Shared};
use crate::Ledger;
use kafkatalk_protocol::ConversationId;
use rdkafka::{
    admin::{AdminClient, AdminOptions, AlterConfig, NewTopic, ResourceSpecifier, TopicReplication},
    error::RDKafkaErrorCode,
};

pub(super) type Admin = AdminClient<Client>;

/// The age in milliseconds at which a segment is closed while a record is being erased.
const ROLL_AT_ONCE_MS: &str = "1";

type Settings = Vec<(&'static str, String)>;

/// What is wrong with the topics, for an operator.
#[derive(Debug)]
pub(super) struct Wrong(pub(super) String);

impl<E: std::error::Error> From<E> for Wrong {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

pub(super) fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(limits::REQUEST_TIMEOUT))
}

/// Settings of a topic that forgets a record when another of its key follows.
fn compacted(shared: &Shared) -> Settings {
    let mut settings = vec![
        ("cleanup.policy", "compact".into()),
        brokers_clock(),
        ("max.compaction.lag.ms", shared.options.forget_within.as_millis().max(1).to_string()),
    ];
    settings.extend(in_sync(shared));
    settings
}

/// Brokers refuse a record whose time is an hour ahead of theirs, and cut segments by the records' times: so that a node
/// whose clock is wrong disturbs neither, they put their own time. The node's time is in the envelope.
fn brokers_clock() -> (&'static str, String) {
    ("message.timestamp.type", "LogAppendTime".into())
}

fn in_sync(shared: &Shared) -> Option<(&'static str, String)> {
    (shared.options.replication_factor >= 3).then(|| ("min.insync.replicas", "2".into()))
}

fn feed(shared: &Shared) -> Settings {
    let mut settings = vec![
        ("cleanup.policy", "delete".into()),
        brokers_clock(),
        ("retention.ms", shared.options.feed_retention.as_millis().to_string()),
        // Several segments within the time, so that what is old can go.
        ("segment.ms", (shared.options.feed_retention.as_millis() / 4).max(1_000).to_string()),
    ];
    settings.extend(in_sync(shared));
    settings
}

/// Creates topics in one request; one that exists is fine. An answer for each, in order.
async fn create(
    shared: &Shared,
    admin: &Admin,
    topics: &[(String, i32, Settings)],
) -> Result<Vec<Result<(), String>>, Wrong> {
    let new: Vec<NewTopic<'_>> = topics
        .iter()
        .map(|(name, partitions, settings)| {
            let replicas = TopicReplication::Fixed(shared.options.replication_factor);
            let topic = NewTopic::new(name, *partitions, replicas);
            settings.iter().fold(topic, |topic, (key, value)| topic.set(key, value))
        })
        .collect();
    let answers = admin.create_topics(&new, &options()).await?;
    let mut by_name: std::collections::HashMap<_, _> = answers
        .into_iter()
        .map(|answer| match answer {
            Ok(name) | Err((name, RDKafkaErrorCode::TopicAlreadyExists)) => (name, Ok(())),
            Err((name, code)) => {
                let why = format!("cannot create the topic {name}: {code}");
                (name, Err(why))
            }
        })
        .collect();
    let missing =
        |name: &String| Err(format!("the brokers did not say whether they created the topic {name}"));
    Ok(topics.iter().map(|(name, ..)| by_name.remove(name).unwrap_or_else(|| missing(name))).collect())
}

/// Creates the topics of conversations.
pub(super) async fn create_conversations(
    shared: &Shared,
    admin: &Admin,
    conversations: &[ConversationId],
) -> Result<Vec<Result<(), String>>, Wrong> {
    let topics: Vec<_> =
        conversations.iter().map(|id| (shared.names.conversation(*id), 1, compacted(shared))).collect();
    create(shared, admin, &topics).await
}

/// Creates the feed and the ledgers where they are missing, and refuses what would lose records. Returns the leaders of
/// the feed's partitions.
pub(super) async fn set_up(shared: &Shared, admin: &Admin) -> Result<Vec<i32>, Wrong> {
    let mut topics: Vec<_> =
        Ledger::ALL.map(|ledger| (shared.names.ledger(ledger).to_owned(), 1, compacted(shared))).into();
    topics.push((shared.names.feed.clone(), shared.options.feed_partitions, feed(shared)));
    // Asking first: a node may be allowed to read and write its topics, and not to create any.
    let mut missing = Vec::new();
    for topic in &topics {
        let found = partitions(admin, &topic.0)?;
        if found.is_empty() {
            missing.push(topic.clone());
        }
    }
    if !missing.is_empty() {
        for answer in create(shared, admin, &missing).await? {
            answer.map_err(Wrong)?;
        }
    }
    for ledger in Ledger::ALL {
        let name = shared.names.ledger(ledger);
        let found = leaders(admin, name)?;
        if found.len() != 1 {
            return Err(Wrong(format!("the topic {name} has {} partitions and must have 1", found.len())));
        }
        check_policy(admin, name, "compact").await?;
    }
    check_policy(admin, &shared.names.feed, "delete").await?;
    leaders(admin, &shared.names.feed)
}

/// The leader of each partition, -1 where there is none; empty where there is no such topic.
fn partitions(admin: &Admin, topic: &str) -> Result<Vec<i32>, Wrong> {
    let metadata = admin.inner().fetch_metadata(Some(topic), limits::PROBE_TIMEOUT)?;
    let Some(found) = metadata.topics().iter().find(|found| found.name() == topic) else {
        return Ok(Vec::new());
    };
    if let Some(error) = found.error() {
        let code = RDKafkaErrorCode::from(error);
        return match code {
            RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::LeaderNotAvailable => {
                Ok(Vec::new())
            }
            _ => Err(Wrong(format!("the topic {topic}: {code}"))),
        };
    }
    let mut partitions: Vec<_> = found.partitions().iter().map(|at| (at.id(), at.leader())).collect();
    partitions.sort_unstable();
    Ok(partitions.into_iter().map(|(_, leader)| leader).collect())
}

fn leaders(admin: &Admin, topic: &str) -> Result<Vec<i32>, Wrong> {
    let leaders = partitions(admin, topic)?;
    if leaders.is_empty() || leaders.contains(&-1) {
        return Err(Wrong(format!("the topic {topic} has no leader yet")));
    }
    Ok(leaders)
}

async fn setting(admin: &Admin, topic: &str, name: &str) -> Result<Option<String>, Wrong> {
    let answers = admin.describe_configs(&[ResourceSpecifier::Topic(topic)], &options()).await?;
    let resource =
        answers.into_iter().next().ok_or_else(|| Wrong(format!("no settings of the topic {topic}")))?;
    let resource = resource.map_err(|code| Wrong(format!("the settings of the topic {topic}: {code}")))?;
    Ok(resource.get(name).and_then(|entry| entry.value.clone()))
}

async fn check_policy(admin: &Admin, topic: &str, policy: &str) -> Result<(), Wrong> {
    let found = match setting(admin, topic, "cleanup.policy").await {
        Ok(found) => found.unwrap_or_default(),
        // Not everyone who may use a topic may look at its settings.
        Err(Wrong(why)) if why.contains("authoriz") => return Ok(()),
        Err(wrong) => return Err(wrong),
    };
    if found != policy {
        return Err(Wrong(format!(
            "the topic {topic} has cleanup.policy={found} and must have {policy}: set it"
        )));
    }
    Ok(())
}

/// Lets the next record of a topic begin a new segment, or takes that back.
pub(super) async fn roll_at_once(
    shared: &Shared,
    admin: &Admin,
    conversation: &str,
    at_once: bool,
) -> Result<(), Wrong> {
    let settings = compacted(shared);
    let mut config = AlterConfig::new(ResourceSpecifier::Topic(conversation));
    for (key, value) in &settings {
        config = config.set(key, value);
    }
    if at_once {
        config = config.set("segment.ms", ROLL_AT_ONCE_MS);
    }
    let answers = admin.alter_configs(&[config], &options()).await?;
    match answers.into_iter().next() {
        Some(Err((_, code))) => {
            Err(Wrong(format!("cannot change the settings of the topic {conversation}: {code}")))
        }
        _ => Ok(()),
    }
}

/// Whether [`roll_at_once`] still holds; another node may have taken it back.
pub(super) async fn rolls_at_once(admin: &Admin, topic: &str) -> Result<bool, Wrong> {
    Ok(setting(admin, topic, "segment.ms").await?.as_deref() == Some(ROLL_AT_ONCE_MS))
}
