//! The manifest: what a log records about itself, beside its streams.
//!
//! It is a handful of [`Fact`]s under keys of their own: a table in the embedded log, a compacted topic on Kafka. Facts are
//! only ever added. Each has its own key, so that two nodes that add facts at once lose none, and compaction drops none.

use crate::{Ledger, Level};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use uuid::Uuid;

/// One fact, as JSON: `{"fact": "ledger", "name": "users"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "lowercase")]
pub(crate) enum Fact {
    /// The id that the log got when it was created. The first one counts. It is recorded last of what a new log records:
    /// a manifest without it is not complete.
    Identity { id: Uuid },
    /// A ledger of that name was created. By name, so that a program reads what a newer one recorded.
    Ledger { name: Box<str> },
    /// This feature level is finalised, and all below it. The highest counts.
    Level { level: u32 },
}

impl Fact {
    /// The key under which it is recorded.
    pub(crate) fn key(&self) -> String {
        match self {
            Self::Identity { id } => format!("identity/{id}"),
            Self::Ledger { name } => format!("ledger/{name}"),
            Self::Level { level } => format!("level/{level}"),
        }
    }

    fn of(ledger: Ledger) -> Self {
        Self::Ledger { name: ledger.as_str().into() }
    }
}

/// All that is recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Manifest {
    identity: Option<Uuid>,
    ledgers: BTreeSet<Box<str>>,
    level: Level,
}

impl Manifest {
    /// Of a log from before there were manifests: it has these ledgers.
    pub(crate) fn assumed(ledgers: &[Ledger]) -> Self {
        Self { ledgers: ledgers.iter().map(|ledger| ledger.as_str().into()).collect(), ..Self::default() }
    }

    /// Adds a fact, in the order in which they were recorded.
    pub(crate) fn learn(&mut self, fact: Fact) {
        match fact {
            Fact::Identity { id } => {
                self.identity.get_or_insert(id);
            }
            Fact::Ledger { name } => {
                self.ledgers.insert(name);
            }
            Fact::Level { level } => self.level = self.level.max(Level(level)),
        }
    }

    /// Adds a fact as it is recorded. Skips what a newer program may have recorded.
    pub(crate) fn learn_json(&mut self, json: &[u8]) {
        match serde_json::from_slice(json) {
            Ok(fact) => self.learn(fact),
            Err(error) => tracing::debug!(%error, "unknown fact in the manifest skipped"),
        }
    }

    /// The id that the log got when it was created.
    pub(crate) fn identity(&self) -> Option<Uuid> {
        self.identity
    }

    /// The finalised level.
    pub(crate) fn level(&self) -> Level {
        self.level
    }

    /// Whether a new log recorded all that it has to record, or an older one was taken over.
    pub(crate) fn is_complete(&self) -> bool {
        self.identity.is_some()
    }

    /// Which ledgers to create: those that never were. Fails with one that was and is gone: an empty one in its place
    /// would look whole, and lead every reader to forget what it held.
    pub(crate) fn ledgers_to_create(
        &self,
        wanted: &[Ledger],
        is_there: impl Fn(Ledger) -> bool,
    ) -> Result<Vec<Ledger>, Ledger> {
        let missing = wanted.iter().copied().filter(|ledger| !is_there(*ledger));
        missing
            .map(|ledger| if self.ledgers.contains(ledger.as_str()) { Err(ledger) } else { Ok(ledger) })
            .collect()
    }

    /// What is to be recorded once these ledgers are there, in this order. `id` is for a log that has none.
    pub(crate) fn lacks(&self, ledgers: &[Ledger], id: Uuid) -> Vec<Fact> {
        // A log of before records its ledgers too: what was only assumed counts as not recorded.
        let is_recorded = |ledger: &Ledger| self.is_complete() && self.ledgers.contains(ledger.as_str());
        let unrecorded = ledgers.iter().filter(|ledger| !is_recorded(ledger));
        let mut lacks: Vec<_> = unrecorded.map(|ledger| Fact::of(*ledger)).collect();
        if self.identity.is_none() {
            lacks.push(Fact::Identity { id });
        }
        lacks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: Uuid = Uuid::from_u128(5);

    /// A log that was created with these ledgers.
    fn created(ledgers: &[Ledger]) -> Manifest {
        let mut manifest = Manifest::default();
        for fact in manifest.lacks(ledgers, ID) {
            manifest.learn(fact);
        }
        manifest
    }

    #[test]
    fn a_new_log_creates_all_its_ledgers() {
        let create = Manifest::default().ledgers_to_create(&Ledger::ALL, |_| false);
        assert_eq!(create, Ok(Ledger::ALL.to_vec()));
    }

    #[test]
    fn a_ledger_that_never_was_is_created_and_one_that_was_is_missed() {
        let manifest = created(&[Ledger::Users, Ledger::Sessions]);
        let wanted = [Ledger::Users, Ledger::Sessions, Ledger::Receipts];
        let there = |ledger| ledger != Ledger::Receipts;
        assert_eq!(manifest.ledgers_to_create(&wanted, there), Ok(vec![Ledger::Receipts]));
        assert_eq!(manifest.ledgers_to_create(&wanted, |_| false), Err(Ledger::Users));
    }

    #[test]
    fn a_log_of_before_has_its_ledgers_and_creates_new_ones() {
        let before = Manifest::assumed(&[Ledger::Users, Ledger::Sessions]);
        let there = |ledger| ledger != Ledger::Receipts;
        assert_eq!(before.ledgers_to_create(&Ledger::ALL, there), Ok(vec![Ledger::Receipts]));
        let there = |ledger| ledger != Ledger::Sessions;
        assert_eq!(before.ledgers_to_create(&Ledger::ALL, there), Err(Ledger::Sessions));
    }

    #[test]
    fn the_identity_is_recorded_last_and_once() {
        let before = Manifest::assumed(&Ledger::ALL);
        let facts = before.lacks(&Ledger::ALL, ID);
        assert_eq!(facts.len(), Ledger::ALL.len() + 1);
        assert_eq!(facts.last(), Some(&Fact::Identity { id: ID }));
        assert!(created(&Ledger::ALL).lacks(&Ledger::ALL, Uuid::from_u128(6)).is_empty());
    }

    #[test]
    fn of_several_levels_the_highest_counts() {
        let mut manifest = created(&[]);
        for level in [2, 3, 1] {
            manifest.learn(Fact::Level { level });
        }
        assert_eq!(manifest.level(), Level(3));
    }

    #[test]
    fn of_two_identities_the_first_counts() {
        let mut manifest = created(&[]);
        manifest.learn(Fact::Identity { id: Uuid::from_u128(6) });
        assert_eq!(manifest.identity, Some(ID));
    }

    #[test]
    fn facts_are_written_as_json_and_unknown_ones_skipped() {
        let fact = Fact::of(Ledger::Users);
        assert_eq!(fact.key(), "ledger/users");
        assert_eq!(serde_json::to_string(&fact).unwrap(), r#"{"fact":"ledger","name":"users"}"#);
        let mut manifest = Manifest::default();
        for json in [r#"{"fact":"weather"}"#, "{", "", r#"{"fact":"ledger","name":"x","more":1}"#] {
            manifest.learn_json(json.as_bytes());
        }
        assert_eq!(manifest.ledgers.into_iter().collect::<Vec<_>>(), ["x".into()]);
    }
}
