//! Ledgers that are being filled from another log.

use super::{
    Made, create, described, options, policies,
    settings::{CLEANUP_POLICY, COMPACT, DELETE, RETENTION_MS, Settings, brokers_clock, compacted, in_sync},
};
use crate::{
    Ledger,
    kafka::{client::Admin, error::Wrong, shared::Shared},
};
use rdkafka::admin::{AlterConfig, ConfigResource, ResourceSpecifier};

/// The bound of what is kept without one.
const KEEP_ALL: &str = "-1";

/// Settings of a ledger that is being filled from another log: it keeps all, and nodes do not start on it, for it is not
/// compacted yet.
fn filling(shared: &Shared) -> Settings {
    let mut settings = vec![
        (CLEANUP_POLICY, DELETE.into()),
        (RETENTION_MS, KEEP_ALL.into()),
        ("retention.bytes", KEEP_ALL.into()),
        brokers_clock(),
    ];
    settings.extend(in_sync(shared));
    settings
}

fn is_filling(found: &ConfigResource) -> bool {
    let is = |name, value| found.get(name).is_some_and(|entry| entry.value.as_deref() == Some(value));
    is(CLEANUP_POLICY, DELETE) && is(RETENTION_MS, KEEP_ALL)
}

/// Whether a topic is a ledger that is being filled.
pub(in crate::kafka) async fn keeps_all(admin: &Admin, topic: &str) -> Result<bool, Wrong> {
    Ok(is_filling(&described(admin, topic).await?))
}

/// Creates a ledger that is to be filled, where it is missing. One that was there and is yet untouched keeps all from now
/// on. [`take_into_use`] ends that.
pub(in crate::kafka) async fn create_to_fill(
    shared: &Shared,
    admin: &Admin,
    ledger: Ledger,
    untouched: bool,
) -> Result<(), Wrong> {
    let name = shared.names.ledger(ledger);
    let topic = (name.to_owned(), 1, filling(shared));
    for made in create(shared, admin, &[topic]).await? {
        let before = made.map_err(Wrong)? == Made::Before;
        if before && untouched && !keeps_all(admin, name).await? {
            configure(admin, name, filling(shared)).await?;
        }
    }
    Ok(())
}

/// A move to this prefix that was begun and not finished, if there is one.
pub(in crate::kafka) async fn unfinished(shared: &Shared, admin: &Admin) -> Option<Wrong> {
    for ledger in Ledger::ALL {
        let topic = shared.names.ledger(ledger);
        if keeps_all(admin, topic).await.unwrap_or(false) {
            return Some(Wrong(format!(
                "the move of a log to this topic prefix is not finished, for the topic {topic} is still being filled: \
                 run `kafkatalk migrate` again"
            )));
        }
    }
    None
}

/// Gives a ledger that was filled the settings under which nodes use it.
pub(in crate::kafka) async fn take_into_use(
    shared: &Shared,
    admin: &Admin,
    ledger: Ledger,
) -> Result<(), Wrong> {
    let topic = shared.names.ledger(ledger);
    if policies(admin, &[topic]).await?.get(topic).is_some_and(|policy| policy == COMPACT) {
        return Ok(());
    }
    configure(admin, topic, compacted(shared)).await
}

/// Gives a topic these settings, and no others.
async fn configure(admin: &Admin, topic: &str, settings: Settings) -> Result<(), Wrong> {
    let config = AlterConfig::new(ResourceSpecifier::Topic(topic));
    let config = settings.iter().fold(config, |config, (key, value)| config.set(key, value));
    alter(admin, topic, config).await
}

async fn alter(admin: &Admin, topic: &str, config: AlterConfig<'_>) -> Result<(), Wrong> {
    let answers = admin.alter_configs(&[config], &options()).await?;
    match answers.into_iter().next() {
        Some(Err((_, code))) => {
            Err(Wrong(format!("cannot change the settings of the topic {topic}: {code}")))
        }
        _ => Ok(()),
    }
}
