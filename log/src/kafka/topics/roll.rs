//! The setting under which a topic begins a segment with its next record.

use super::{described_all, options, settings::SEGMENT_MS};
use crate::kafka::{client::Admin, error::Wrong};
use rdkafka::admin::{AlterConfig, ConfigEntry, ConfigResource, ConfigSource, ResourceSpecifier};

/// The age in milliseconds at which a segment is closed while a record is being erased.
const ROLL_AT_ONCE_MS: &str = "1";

/// Lets the next record of each topic begin a new segment, or takes that back. Leaves their other settings as they are: the
/// request replaces all that a topic has of its own. An answer for each, in order.
pub(in crate::kafka) async fn roll_at_once(
    admin: &Admin,
    topics: &[String],
    at_once: bool,
) -> Vec<Result<(), Wrong>> {
    let asked: Vec<_> = topics.iter().map(String::as_str).collect();
    let found = match described_all(admin, &asked).await {
        Ok(found) => found,
        Err(Wrong(why)) => return topics.iter().map(|_| Err(Wrong(why.clone()))).collect(),
    };
    let settings = |topic, found: &ConfigResource| {
        let own = found.entries.iter().filter(|entry| {
            entry.source == ConfigSource::DynamicTopic && !entry.is_read_only && entry.name != SEGMENT_MS
        });
        let mut settings: Vec<_> =
            own.filter_map(|entry| Some((entry.name.clone(), entry.value.clone()?))).collect();
        if at_once {
            settings.push((SEGMENT_MS.into(), ROLL_AT_ONCE_MS.into()));
        }
        (topic, settings)
    };
    let (mut wanted, mut answers) = (Vec::new(), Vec::with_capacity(topics.len()));
    for (topic, found) in asked.into_iter().zip(found) {
        answers.push(found.map(|found| wanted.push(settings(topic, &found))));
    }
    let configs: Vec<_> = wanted
        .iter()
        .map(|(topic, settings)| {
            let config = AlterConfig::new(ResourceSpecifier::Topic(topic));
            settings.iter().fold(config, |config, (key, value)| config.set(key, value))
        })
        .collect();
    if configs.is_empty() {
        return answers;
    }
    let altered = admin.alter_configs(&configs, &options()).await;
    let mut altered = altered.map(Vec::into_iter);
    for answer in answers.iter_mut().filter(|answer| answer.is_ok()) {
        *answer = match &mut altered {
            Ok(altered) => altered.next().map_or(Ok(()), |one| {
                one.map(drop).map_err(|(_, code)| Wrong(format!("its settings cannot be changed: {code}")))
            }),
            Err(error) => Err(Wrong(error.to_string())),
        };
    }
    answers
}

/// Whether [`roll_at_once`] holds, for each topic in order; another node may have taken it back. Not for topics whose
/// settings may not be seen.
pub(in crate::kafka) async fn roll_now(admin: &Admin, topics: &[&str]) -> Result<Vec<bool>, Wrong> {
    let holds = |entry: &ConfigEntry| {
        entry.source == ConfigSource::DynamicTopic && entry.value.as_deref() == Some(ROLL_AT_ONCE_MS)
    };
    let rolls = |found: Result<ConfigResource, Wrong>| {
        found.is_ok_and(|found| found.get(SEGMENT_MS).is_some_and(holds))
    };
    Ok(described_all(admin, topics).await?.into_iter().map(rolls).collect())
}
