//! Which features, in which versions, have seen which records: what is to be read again when a node with other features
//! opens the file.
//!
//! A *build* is a set of features with their versions. Every conversation and every ledger refers to the build that last
//! applied a record there. Before a node applies anything it completes what the builds before it lacked, so a build says
//! which features have seen **all** records of a stream. An older version on the same file thus leaves a mark on just
//! those streams of which a newer feature has missed records.

use super::{
    ViewsError,
    schema::{blob, uuid},
};
use crate::kernel::projector::{FeatureVersion, Registry};
use kafkatalk_protocol::ConversationId;
use rusqlite::{Connection, OptionalExtension as _};
use std::collections::{BTreeMap, BTreeSet};

/// Features and their versions.
type Build = BTreeMap<String, u32>;

/// Something to be read again from the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadAgain {
    /// The ledgers of these features.
    Ledgers(BTreeSet<&'static str>),
    /// A conversation.
    Conversation {
        /// Its id.
        id: ConversationId,
        /// Features that have missed records of it.
        missed: BTreeSet<&'static str>,
    },
}

fn build_of(registry: &Registry) -> Build {
    registry.features.iter().map(|feature| (feature.name.to_owned(), feature.version)).collect()
}

fn to_json(build: &Build) -> Result<String, ViewsError> {
    serde_json::to_string(build).map_err(|error| ViewsError::Storage(error.to_string()))
}

/// All builds of the file by number.
fn builds(rows: &Connection) -> Result<Vec<(i64, Build)>, ViewsError> {
    let mut find = rows.prepare("SELECT build, features FROM builds ORDER BY build")?;
    let found = find.query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))?;
    let mut builds = Vec::new();
    for one in found {
        let (build, features) = one?;
        let features = serde_json::from_str(&features)
            .map_err(|error| ViewsError::Damaged(format!("a build: {error}")))?;
        builds.push((build, features));
    }
    Ok(builds)
}

fn set_build(rows: &Connection, number: i64, build: &Build) -> Result<(), ViewsError> {
    rows.execute("UPDATE builds SET features = ?2 WHERE build = ?1", (number, to_json(build)?))?;
    Ok(())
}

/// The number of the build that these features are.
pub(super) fn current(rows: &Connection, registry: &Registry) -> Result<i64, ViewsError> {
    let features = to_json(&build_of(registry))?;
    let mut find = rows.prepare("SELECT min(build) FROM builds WHERE features = ?1")?;
    if let Some(build) = find.query_row([&features], |row| row.get(0))? {
        return Ok(build);
    }
    Ok(rows.prepare("INSERT INTO builds (features) VALUES (?1)")?.insert([&features])?)
}

/// Creates the tables of all features in a new file.
pub(super) fn begin(rows: &Connection, registry: &Registry) -> Result<(), ViewsError> {
    registry.features.iter().try_for_each(|feature| create(rows, feature))?;
    current(rows, registry)?;
    Ok(())
}

fn create(rows: &Connection, feature: &FeatureVersion) -> Result<(), ViewsError> {
    rows.execute_batch(feature.tables)?;
    let tables = table_names(feature.tables).collect::<Vec<_>>().join(",");
    rows.execute(
        "INSERT INTO features (name, version, tables) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET version = excluded.version, tables = excluded.tables",
        (feature.name, feature.version, tables),
    )?;
    Ok(())
}

/// The names of the tables that these statements create.
fn table_names(sql: &str) -> impl Iterator<Item = &str> {
    sql.split("CREATE TABLE ").skip(1).filter_map(|rest| rest.split([' ', '(']).next())
}

/// Makes the file one of these features: tables of those with another version, or none, are created anew. False, with a
/// line in the node's log, if the file is rather begun anew.
pub(super) fn adapt(
    connection: &mut Connection,
    registry: &Registry,
    read_again_max: usize,
) -> Result<bool, ViewsError> {
    let adapting = connection.transaction()?;
    let changed = changed(&adapting, registry)?;
    if let Some(base) = changed.iter().find(|name| registry.is_base(name)) {
        tracing::warn!(feature = base, reason = "most rows rest on this feature", "views_begun_anew");
        return Ok(false);
    }
    let concerned = registry.with_dependents(&changed);
    for feature in registry.features.iter().filter(|feature| concerned.contains(feature.name)) {
        drop_tables(&adapting, feature.name)?;
        create(&adapting, feature)?;
        tracing::info!(feature = feature.name, version = feature.version, "view_begun_anew");
    }
    for (number, mut build) in builds(&adapting)? {
        build.retain(|name, _| !concerned.contains(name.as_str()));
        set_build(&adapting, number, &build)?;
    }
    current(&adapting, registry)?;
    let again = to_read_again(&adapting, registry)?;
    let needs_base = |part: &ReadAgain| match part {
        ReadAgain::Ledgers(features) => features.iter().any(|name| registry.is_base(name)),
        ReadAgain::Conversation { .. } => false,
    };
    let reason = if again.iter().any(needs_base) {
        Some("a feature on which most rows rest has missed records of ledgers")
    } else if again.len() > read_again_max {
        Some("too many streams to read again")
    } else {
        None
    };
    if let Some(reason) = reason {
        tracing::warn!(streams = again.len(), reason, "views_begun_anew");
        return Ok(false);
    }
    adapting.commit()?;
    Ok(true)
}

/// Features whose tables are not in the file, or in another version.
fn changed(rows: &Connection, registry: &Registry) -> Result<BTreeSet<&'static str>, ViewsError> {
    let mut find = rows.prepare("SELECT version FROM features WHERE name = ?1")?;
    let mut changed = BTreeSet::new();
    for feature in &registry.features {
        let held: Option<u32> = find.query_row([feature.name], |row| row.get(0)).optional()?;
        if held != Some(feature.version) {
            changed.insert(feature.name);
        }
    }
    Ok(changed)
}

fn drop_tables(rows: &Connection, feature: &str) -> Result<(), ViewsError> {
    let mut find = rows.prepare("SELECT tables FROM features WHERE name = ?1")?;
    let tables: Option<String> = find.query_row([feature], |row| row.get(0)).optional()?;
    for table in tables.iter().flat_map(|tables| tables.split(',')).filter(|table| !table.is_empty()) {
        rows.execute_batch(&format!("DROP TABLE IF EXISTS \"{table}\""))?;
    }
    Ok(())
}

/// Whether all features of this node are in the file and have seen all its records.
pub(super) fn is_complete(rows: &Connection, registry: &Registry) -> Result<bool, ViewsError> {
    Ok(changed(rows, registry)?.is_empty() && to_read_again(rows, registry)?.is_empty())
}

/// What is to be read again: streams of which features of this node have missed records that concern them.
pub(super) fn to_read_again(rows: &Connection, registry: &Registry) -> Result<Vec<ReadAgain>, ViewsError> {
    let (mut of_ledgers, mut conversations) = (BTreeSet::new(), Vec::new());
    for (number, build) in builds(rows)? {
        let lacks = |feature: &&FeatureVersion| build.get(feature.name) != Some(&feature.version);
        let lacking: Vec<_> = registry.features.iter().filter(lacks).collect();
        if lacking.is_empty() {
            continue;
        }
        let mut find = rows.prepare("SELECT name FROM ledgers WHERE build = ?1")?;
        let ledgers = find.query_map([number], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
        let in_ledger = |feature: &&&FeatureVersion| {
            feature.ledgers.iter().any(|ledger| ledgers.iter().any(|name| name == ledger.as_str()))
        };
        of_ledgers.extend(lacking.iter().filter(in_ledger).map(|feature| feature.name));
        conversations.extend(missed_in_conversations(rows, number, &lacking)?);
    }
    // Last: a handler of a ledger may touch a conversation, which would pass for complete then.
    conversations.extend((!of_ledgers.is_empty()).then_some(ReadAgain::Ledgers(of_ledgers)));
    Ok(conversations)
}

/// Conversations of a build that lacked these features, if they hold records that concern one.
fn missed_in_conversations(
    rows: &Connection,
    build: i64,
    lacking: &[&FeatureVersion],
) -> Result<Vec<ReadAgain>, ViewsError> {
    let mut find = rows.prepare(
        "SELECT id, kind FROM conversations JOIN kinds ON conversation = row
         WHERE build = ?1 AND waiting = 0 AND applied IS NOT NULL ORDER BY row",
    )?;
    let mut found = find.query([build])?;
    let mut conversations: Vec<ReadAgain> = Vec::new();
    while let Some(row) = found.next()? {
        let (this, kind) = (ConversationId(uuid(row, 0)?), row.get::<_, String>(1)?);
        let concerned = lacking.iter().filter(|feature| feature.kinds().any(|known| known == kind));
        for feature in concerned.map(|feature| feature.name) {
            match conversations.last_mut() {
                Some(ReadAgain::Conversation { id, missed }) if *id == this => drop(missed.insert(feature)),
                _ => {
                    let missed = [feature].into();
                    conversations.push(ReadAgain::Conversation { id: this, missed });
                }
            }
        }
    }
    Ok(conversations)
}

/// Notes that nothing is left to be read again: what builds before this one lacked makes no difference to their streams.
pub(super) fn settle(rows: &Connection, registry: &Registry) -> Result<(), ViewsError> {
    let here = build_of(registry);
    for (number, mut build) in builds(rows)? {
        let before = build.clone();
        build.extend(here.clone());
        if build != before {
            set_build(rows, number, &build)?;
        }
    }
    Ok(())
}

/// Notes that features have seen all records of a conversation now.
pub(super) fn completed_conversation(
    rows: &Connection,
    conversation: ConversationId,
    build: i64,
) -> Result<(), ViewsError> {
    rows.execute("UPDATE conversations SET build = ?2 WHERE id = ?1", (blob(&conversation.0), build))?;
    Ok(())
}
