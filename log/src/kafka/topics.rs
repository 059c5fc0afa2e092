//! Making topics, and checking those that are there.

mod refused;

use super::{client::Admin, error::Wrong, limits, shared::Shared};
use kafkatalk_protocol::ConversationId;
use rdkafka::{
    admin::{AdminOptions, ConfigResource, NewTopic, ResourceSpecifier, TopicReplication},
    error::RDKafkaErrorCode,
};
use settings::{
    CLEANUP_POLICY, COMPACT, RETENTION_MS, Settings, UNCLEAN_ELECTIONS, compacted, fleeting, passing,
};
use std::{
    cell::LazyCell,
    collections::{BTreeMap, HashMap},
    sync::atomic::Ordering,
};

pub(super) mod fill;
pub(super) mod roll;
pub(super) mod settings;

/// Settings that say what is kept how long.
const KEEPING: [&str; 5] =
    [CLEANUP_POLICY, RETENTION_MS, "retention.bytes", "max.compaction.lag.ms", "min.insync.replicas"];

pub(super) fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(limits::REQUEST_TIMEOUT))
}

/// Whether a topic was made, or was there before.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Made {
    Now,
    Before,
}

/// Creates topics in one request; one that exists is fine. An answer for each, in order. Where a policy of the brokers
/// refuses one, it is created without the setting that they have by default, and so are all others from then on.
pub(super) async fn create(
    shared: &Shared,
    admin: &Admin,
    topics: &[(String, i32, Settings)],
) -> Result<Vec<Result<Made, String>>, Wrong> {
    let lesser: Vec<_>;
    let topics = if shared.elections_are_theirs.load(Ordering::Relaxed) {
        lesser = topics
            .iter()
            .map(|(name, partitions, settings)| {
                let less = refused::without_unclean_elections(settings);
                (name.clone(), *partitions, less.unwrap_or_else(|| settings.clone()))
            })
            .collect();
        &lesser
    } else {
        topics
    };
    let mut answers = create_as(shared, admin, topics).await?;
    let mut again = Vec::new();
    for (at, ((name, partitions, settings), answer)) in topics.iter().zip(&answers).enumerate() {
        if answer.as_ref().is_err_and(|code| *code == Some(RDKafkaErrorCode::PolicyViolation))
            && let Some(settings) = refused::without_unclean_elections(settings)
        {
            again.push((at, (name.clone(), *partitions, settings)));
        }
    }
    if !again.is_empty() {
        let (places, less): (Vec<_>, Vec<_>) = again.into_iter().unzip();
        for (at, answer) in places.into_iter().zip(create_as(shared, admin, &less).await?) {
            // From now on it is left out from the first, and an operator has been told.
            if answer.is_ok() && !shared.elections_are_theirs.swap(true, Ordering::Relaxed) {
                let (topic, setting) = (&topics[at].0, UNCLEAN_ELECTIONS);
                tracing::warn!(
                    topic,
                    "a policy of the brokers forbids {setting}, so topics are created without it: see that it is false there"
                );
            }
            answers[at] = answer;
        }
    }
    let names = LazyCell::new(|| refused::names(admin));
    let explained = topics.iter().zip(answers).map(|((name, _, settings), answer)| {
        answer.map_err(|code| match code {
            Some(code) => refused::why(|| &names, name, settings, code),
            None => format!("the brokers did not say whether they created the topic {name}"),
        })
    });
    Ok(explained.collect())
}

/// Creates topics in one request. For each that was refused, the code; none where the brokers did not say.
async fn create_as(
    shared: &Shared,
    admin: &Admin,
    topics: &[(String, i32, Settings)],
) -> Result<Vec<Result<Made, Option<RDKafkaErrorCode>>>, Wrong> {
    let new: Vec<NewTopic<'_>> = topics
        .iter()
        .map(|(name, partitions, settings)| {
            let replicas = TopicReplication::Fixed(shared.options.replication_factor);
            let topic = NewTopic::new(name, *partitions, replicas);
            settings.iter().fold(topic, |topic, (key, value)| topic.set(key, value))
        })
        .collect();
    let answers = admin.create_topics(&new, &options()).await?;
    let mut by_name: HashMap<_, _> = answers
        .into_iter()
        .map(|answer| match answer {
            Ok(name) => (name, Ok(Made::Now)),
            Err((name, RDKafkaErrorCode::TopicAlreadyExists)) => (name, Ok(Made::Before)),
            Err((name, code)) => (name, Err(Some(code))),
        })
        .collect();
    Ok(topics.iter().map(|(name, ..)| by_name.remove(name).unwrap_or(Err(None))).collect())
}

/// Creates the topics of conversations. One that is there already may be another node's, or have been made by somebody
/// with settings under which it loses records.
pub(super) async fn create_conversations(
    shared: &Shared,
    admin: &Admin,
    conversations: &[ConversationId],
) -> Result<Vec<Result<(), String>>, Wrong> {
    let topics: Vec<_> =
        conversations.iter().map(|id| (shared.names.conversation(*id), 1, compacted(shared))).collect();
    let made = create(shared, admin, &topics).await?;
    let before = made.iter().zip(&topics).filter(|(made, _)| **made == Ok(Made::Before));
    let before: Vec<_> = before.map(|(_, topic)| topic.0.as_str()).collect();
    let policies = policies(admin, &before).await?;
    let answer = |(made, topic): (Result<Made, String>, &(String, i32, Settings))| {
        made.and_then(|_| {
            policies
                .get(&topic.0)
                // The broker that was asked may not have heard of the settings yet.
                .filter(|found| !found.is_empty())
                .map_or(Ok(()), |found| must_be(&topic.0, found, COMPACT))
        })
    };
    Ok(made.into_iter().zip(&topics).map(answer).collect())
}

/// A topic that the log can do without: it holds nothing that anybody would miss.
#[derive(Clone, Copy, Debug)]
pub(super) enum Extra {
    /// Heartbeats.
    Nodes,
    Signals,
}

impl Extra {
    fn name(self, shared: &Shared) -> &str {
        match self {
            Self::Nodes => &shared.names.nodes,
            Self::Signals => &shared.names.signals,
        }
    }

    pub(super) fn is_there(self, shared: &Shared, admin: &Admin) -> Result<bool, Wrong> {
        Ok(!partitions(admin, self.name(shared))?.is_empty())
    }

    /// Creates it. The inner error is a refusal.
    pub(super) async fn create(self, shared: &Shared, admin: &Admin) -> Result<Result<(), Wrong>, Wrong> {
        let settings = match self {
            Self::Nodes => passing(shared),
            Self::Signals => fleeting(),
        };
        let answers = create(shared, admin, &[(self.name(shared).to_owned(), 1, settings)]).await?;
        Ok(answers.into_iter().try_for_each(|answer| answer.map(drop).map_err(Wrong)))
    }
}

/// The leader of each partition, -1 where there is none; empty where there is no such topic.
pub(super) fn partitions(admin: &Admin, topic: &str) -> Result<Vec<i32>, Wrong> {
    let ask = || admin.inner().fetch_metadata(Some(topic), limits::PROBE_TIMEOUT / 2);
    // The first may have gone to a broker that hangs, and is not asked again then.
    let metadata = ask().or_else(|_| ask())?;
    let Some(found) = metadata.topics().iter().find(|found| found.name() == topic) else {
        return Ok(Vec::new());
    };
    if let Some(error) = found.error() {
        let code = RDKafkaErrorCode::from(error);
        return match code {
            RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::LeaderNotAvailable => {
                Ok(Vec::new())
            }
            RDKafkaErrorCode::TopicAuthorizationFailed => Err(Wrong(format!(
                "this node may not see the topic {topic}: grant Describe, Read, Write and Create on it"
            ))),
            _ => Err(Wrong(format!("the topic {topic}: {code}"))),
        };
    }
    let mut partitions: Vec<_> = found.partitions().iter().map(|at| (at.id(), at.leader())).collect();
    partitions.sort_unstable();
    Ok(partitions.into_iter().map(|(_, leader)| leader).collect())
}

pub(super) fn leaders(admin: &Admin, topic: &str) -> Result<Vec<i32>, Wrong> {
    let leaders = partitions(admin, topic)?;
    if leaders.is_empty() || leaders.contains(&-1) {
        return Err(Wrong(format!("the topic {topic} has no leader yet")));
    }
    Ok(leaders)
}

/// The settings of a topic, with where they come from.
async fn described(admin: &Admin, topic: &str) -> Result<ConfigResource, Wrong> {
    let answer = described_all(admin, &[topic]).await?.into_iter().next();
    answer.unwrap_or_else(|| Err(Wrong(format!("no settings of the topic {topic}"))))
}

/// The settings of topics: for each in order.
async fn described_all(admin: &Admin, topics: &[&str]) -> Result<Vec<Result<ConfigResource, Wrong>>, Wrong> {
    if topics.is_empty() {
        return Ok(Vec::new());
    }
    let asked: Vec<_> = topics.iter().map(|topic| ResourceSpecifier::Topic(topic)).collect();
    let answers = admin.describe_configs(&asked, &options()).await?;
    let answers = topics.iter().zip(answers);
    let why = |topic, code| Wrong(format!("the settings of the topic {topic}: {code}"));
    Ok(answers.map(|(topic, answer)| answer.map_err(|code| why(topic, code))).collect())
}

/// The `cleanup.policy` of topics; nothing for those whose settings may not be seen, for not everyone who may use a topic
/// may look at its settings.
async fn policies(admin: &Admin, topics: &[&str]) -> Result<HashMap<String, String>, Wrong> {
    if topics.is_empty() {
        return Ok(HashMap::new());
    }
    let asked: Vec<_> = topics.iter().map(|topic| ResourceSpecifier::Topic(topic)).collect();
    let answers = admin.describe_configs(&asked, &options()).await?;
    let mut found = HashMap::new();
    for (topic, answer) in topics.iter().zip(answers) {
        match answer {
            Ok(resource) => {
                let policy = resource.get(CLEANUP_POLICY).and_then(|entry| entry.value.clone());
                found.insert((*topic).to_owned(), policy.unwrap_or_default());
            }
            Err(
                RDKafkaErrorCode::TopicAuthorizationFailed | RDKafkaErrorCode::ClusterAuthorizationFailed,
            ) => {}
            Err(code) => return Err(Wrong(format!("the settings of the topic {topic}: {code}"))),
        }
    }
    Ok(found)
}

/// Settings that say what topics keep and how long; nothing for topics whose settings may not be seen.
pub(super) async fn kept_how(
    admin: &Admin,
    topics: &[String],
) -> Result<HashMap<String, BTreeMap<String, String>>, Wrong> {
    let mut found = HashMap::with_capacity(topics.len());
    for batch in topics.chunks(limits::DESCRIBE_BATCH_MAX) {
        let asked: Vec<_> = batch.iter().map(|topic| ResourceSpecifier::Topic(topic)).collect();
        let answers = admin.describe_configs(&asked, &options()).await?;
        for (topic, answer) in batch.iter().zip(answers) {
            let Ok(resource) = answer else { continue };
            let kept = resource.entries.into_iter().filter(|entry| KEEPING.contains(&entry.name.as_str()));
            let kept = kept.filter_map(|entry| Some((entry.name, entry.value?)));
            found.insert(topic.clone(), kept.collect());
        }
    }
    Ok(found)
}

fn must_be(topic: &str, found: &str, policy: &str) -> Result<(), String> {
    if found == policy {
        return Ok(());
    }
    Err(format!("the topic {topic} has cleanup.policy={found} and must have {policy}: set it"))
}

pub(super) async fn check_policy(admin: &Admin, topic: &str, policy: &str) -> Result<(), Wrong> {
    let found = policies(admin, &[topic]).await?;
    found.get(topic).map_or(Ok(()), |found| must_be(topic, found, policy)).map_err(Wrong)
}
