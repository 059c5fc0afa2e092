//! Setting up the topics that all appends need: creating those that never were, and refusing what would lose records.

use super::{
    client::Admin,
    error::Wrong,
    level, limits, manifest,
    produce::TopicReports,
    shard::Shard,
    shared::Shared,
    topics::{
        self, Made, fill,
        settings::{self, COMPACT, DELETE, Settings},
    },
};
use crate::{
    Ledger, Level,
    manifest::{Fact, Manifest},
};
use rdkafka::metadata::MetadataTopic;
use std::{collections::HashSet, sync::Arc};
use uuid::Uuid;

/// Creates the manifest, the feed and the ledgers that never were. Returns the leaders of the feed's partitions.
pub(super) async fn set_up(
    shared: &Arc<Shared>,
    admin: &Admin,
    producer: &Shard<TopicReports>,
) -> Result<Vec<i32>, Wrong> {
    let (names, ledgers) = (&shared.names, &shared.options.ledgers);
    let there = there(shared, admin)?;
    let has = |topic: &str| there.contains(topic);
    let recorded = if has(&names.manifest) { manifest::read(shared)?.0 } else { Manifest::default() };
    level::learn(shared, &recorded)?;
    let is_missing = |ledger: &Ledger| !has(names.ledger(*ledger));
    let beside = if !recorded.is_complete() && ledgers.iter().any(is_missing) {
        topic_with_records(shared, admin, &there)?
    } else {
        None
    };
    // A manifest that is not complete is of a new log whose first start was broken off, or of a log of before.
    let created = match &beside {
        Some(_) => Manifest::assumed(&Ledger::BEFORE_MANIFEST),
        None if recorded.is_complete() => recorded.clone(),
        None => Manifest::default(),
    };
    let create = match created.ledgers_to_create(ledgers, |ledger| !is_missing(&ledger)) {
        Ok(create) => create,
        Err(lost) => {
            let wrong = gone(names.ledger(lost), beside.as_deref(), &names.manifest);
            return Err(fill::unfinished(shared, admin).await.unwrap_or(wrong));
        }
    };
    // A log of before the manifest has ledgers, or records of conversations, when its manifest is made.
    let had_nothing = beside.is_none() && ledgers.iter().all(is_missing);
    let is_born = create_missing(shared, admin, &there, &create).await? && had_nothing;
    check(shared, admin).await?;
    let mut facts = recorded.lacks(ledgers, Uuid::new_v4());
    if is_born && shared.options.level > Level(0) {
        // No node follows it yet that could know less: nobody needs to wait until all were heard.
        facts.insert(0, Fact::Level { level: shared.options.level.0 });
    }
    let recorded = if facts.is_empty() {
        recorded
    } else {
        manifest::add(shared, producer, facts).await?;
        // Another node may have recorded an identity before this one.
        manifest::read(shared)?.0
    };
    level::learn(shared, &recorded)?;
    let cluster = manifest::cluster_id(admin.inner())?;
    shared.identity.send_replace(manifest::identity(shared, &cluster, &recorded));
    topics::leaders(admin, &names.feed)
}

/// Which of the topics that all appends need are there. Asked before anything is created: a node may be allowed to read
/// and write its topics, and not to create any.
fn there(shared: &Shared, admin: &Admin) -> Result<HashSet<String>, Wrong> {
    let mut there = HashSet::new();
    for topic in needed(shared) {
        if !topics::partitions(admin, topic)?.is_empty() {
            there.insert(topic.to_owned());
        }
    }
    Ok(there)
}

fn needed(shared: &Shared) -> impl Iterator<Item = &str> {
    let names = &shared.names;
    let ledgers = shared.options.ledgers.iter().map(|ledger| names.ledger(*ledger));
    ledgers.chain([names.feed.as_str(), &names.manifest])
}

/// Returns whether this call created the manifest.
async fn create_missing(
    shared: &Shared,
    admin: &Admin,
    there: &HashSet<String>,
    ledgers: &[Ledger],
) -> Result<bool, Wrong> {
    let names = &shared.names;
    let ledgers = ledgers.iter().map(|ledger| names.ledger(*ledger));
    let mut missing: Vec<(String, i32, Settings)> =
        ledgers.map(|topic| (topic.to_owned(), 1, settings::compacted(shared))).collect();
    if !there.contains(&names.manifest) {
        missing.push((names.manifest.clone(), 1, settings::compacted(shared)));
    }
    if !there.contains(&names.feed) {
        missing.push((names.feed.clone(), shared.options.feed_partitions, settings::passing(shared)));
    }
    let mut created_manifest = false;
    if missing.is_empty() {
        return Ok(created_manifest);
    }
    for ((topic, partitions, settings), answer) in
        missing.iter().zip(topics::create(shared, admin, &missing).await?)
    {
        let made = answer.map_err(|why| {
            let policy = settings.iter().find(|(name, _)| *name == settings::CLEANUP_POLICY);
            let policy = policy.map_or(DELETE, |(_, policy)| policy);
            Wrong(format!(
                "{why}; grant Create on it, or create it with {partitions} partitions and cleanup.policy={policy}: \
                 {topic} holds {}",
                holds(shared, topic)
            ))
        })?;
        created_manifest |= *topic == names.manifest && made == Made::Now;
    }
    Ok(created_manifest)
}

/// What a topic is for, for an operator who has to create it.
fn holds(shared: &Shared, topic: &str) -> &'static str {
    match topic {
        topic if topic == shared.names.manifest => "what the log records about itself",
        topic if topic == shared.names.feed => "copies by which nodes hear of records",
        _ => "a ledger",
    }
}

async fn check(shared: &Shared, admin: &Admin) -> Result<(), Wrong> {
    let names = &shared.names;
    for topic in needed(shared).filter(|topic| *topic != names.feed) {
        let found = topics::leaders(admin, topic)?;
        if found.len() != 1 {
            return Err(Wrong(format!("the topic {topic} has {} partitions and must have 1", found.len())));
        }
        if let Err(wrong) = topics::check_policy(admin, topic, COMPACT).await {
            return Err(fill::unfinished(shared, admin).await.unwrap_or(wrong));
        }
    }
    topics::check_policy(admin, &names.feed, DELETE).await
}

/// A topic of this log that holds records, if one does: a log without a manifest that has any is one of before.
fn topic_with_records(
    shared: &Shared,
    admin: &Admin,
    there: &HashSet<String>,
) -> Result<Option<String>, Wrong> {
    let metadata = admin.inner().fetch_metadata(None, limits::REQUEST_TIMEOUT)?;
    let mut names = metadata.topics().iter().filter(|topic| topic.error().is_none()).map(MetadataTopic::name);
    if let Some(conversation) = names.find(|name| shared.names.as_conversation(name).is_some()) {
        return Ok(Some(conversation.to_owned()));
    }
    for ledger in Ledger::ALL {
        let topic = shared.names.ledger(ledger);
        if there.contains(topic) {
            let (_, end) = admin.inner().fetch_watermarks(topic, 0, limits::REQUEST_TIMEOUT)?;
            if end > 0 {
                return Ok(Some(topic.to_owned()));
            }
        }
    }
    Ok(None)
}

/// A ledger that is missing though it was created, or beside records of a log that has no manifest, was lost. An empty one
/// in its place would look whole, and lead every node to forget what it held.
fn gone(lost: &str, beside: Option<&str>, manifest: &str) -> Wrong {
    let by =
        beside.map_or_else(|| format!("{manifest} says that it was created"), |it| format!("{it} is there"));
    Wrong(format!(
        "the topic {lost} is gone, and {by}: if the move of a log to this topic prefix was broken off, run `kafkatalk \
         migrate` again; else restore it; if it never held anything, create it with one partition and \
         cleanup.policy=compact"
    ))
}

/// What is missing of the topics that all appends need, if anything is. Returns the leaders of the feed's partitions.
pub(super) fn look_for(shared: &Shared, admin: &Admin) -> Result<Vec<i32>, Wrong> {
    let mut feed = Vec::new();
    for topic in needed(shared) {
        let found = topics::partitions(admin, topic)?;
        if found.is_empty() {
            return Err(Wrong(format!("the topic {topic} is not there")));
        }
        if topic == shared.names.feed {
            feed = found;
        }
    }
    Ok(feed)
}
