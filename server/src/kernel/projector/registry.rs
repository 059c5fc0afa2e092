//! What all features know together.

use super::{
    AfterReset, InConversation, Projector, Seen,
    feature::{Complete, Forget, InLedger, InStream, IsThere, Opens, Posts, Reset, ResetLedgers},
};
use crate::kernel::views::ViewsError;
use kafkatalk_log::{Ledger, Record};
use kafkatalk_protocol::{
    Message,
    event::{Event as _, MessagePosted},
};
use rusqlite::Connection;
use std::{
    collections::{BTreeSet, HashMap},
    fmt,
};

/// A feature as the views know it: its version, its tables, and what they are made from.
#[derive(Clone, Debug)]
pub(in crate::kernel) struct FeatureVersion {
    pub(in crate::kernel) name: &'static str,
    pub(in crate::kernel) version: u32,
    /// SQL that creates its tables.
    pub(in crate::kernel) tables: &'static str,
    rests_on: &'static [&'static str],
    /// Kinds of conversations' records that it handles.
    handles: Vec<&'static str>,
    /// The ledgers whose records it handles.
    pub(in crate::kernel) ledgers: BTreeSet<Ledger>,
    posts: Option<Posts>,
    resets: Option<Reset>,
    resets_ledgers: Option<ResetLedgers>,
}

impl FeatureVersion {
    /// Kinds of conversations' records that leave something in its rows.
    pub(in crate::kernel) fn kinds(&self) -> impl Iterator<Item = &'static str> {
        self.handles.iter().copied().chain(self.posts.map(|_| MessagePosted::KIND))
    }

    #[cfg(test)]
    pub(in crate::kernel) fn rests_on(&self) -> &'static [&'static str] {
        self.rests_on
    }

    fn handles_records(&self) -> bool {
        !self.handles.is_empty() || !self.ledgers.is_empty()
    }
}

/// How much of a conversation is built again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::kernel) enum Scope {
    /// The rows of all features: handlers depend on what earlier records did, whoever handled them.
    Whole,
    /// The rows of these features, which only keep something of posted messages.
    Features(BTreeSet<&'static str>),
}

/// What all features know: their tables, and the kinds of records that they handle.
#[derive(Default)]
pub struct Registry {
    ledgers: HashMap<Ledger, HashMap<&'static str, (&'static str, InLedger)>>,
    conversations: HashMap<&'static str, InStream>,
    complete: Vec<Complete>,
    forgets: Vec<Forget>,
    pub(in crate::kernel) opens: Vec<Opens>,
    is_there: Option<IsThere>,
    pub(in crate::kernel) features: Vec<FeatureVersion>,
    pub(in crate::kernel) dump: Vec<(&'static str, &'static str)>,
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.conversations.keys()).finish()
    }
}

impl Registry {
    /// That of these projectors. Each kind belongs to one of them.
    pub fn of(projectors: Vec<Projector>) -> Self {
        let mut registry = Self::default();
        for projector in projectors {
            registry.features.push(FeatureVersion {
                name: projector.name,
                version: projector.version,
                tables: projector.tables,
                rests_on: projector.rests_on,
                handles: projector.conversations.iter().map(|(kind, _)| *kind).collect(),
                ledgers: projector.ledgers.iter().map(|(ledger, _, _)| *ledger).collect(),
                posts: projector.posts,
                resets: projector.resets,
                resets_ledgers: projector.resets_ledgers,
            });
            for (ledger, kind, apply) in projector.ledgers {
                registry.ledgers.entry(ledger).or_default().insert(kind, (projector.name, apply));
            }
            registry.conversations.extend(projector.conversations);
            registry.complete.extend(projector.complete);
            registry.opens.extend(projector.opens);
            registry.forgets.extend(projector.forgets);
            registry.is_there = registry.is_there.or(projector.is_there);
            registry.dump.extend(projector.dump);
        }
        registry
    }

    /// The handler of a kind in a ledger, and the feature that has it.
    pub(in crate::kernel) fn in_ledger(
        &self,
        ledger: Ledger,
        kind: &str,
    ) -> Option<&(&'static str, InLedger)> {
        self.ledgers.get(&ledger)?.get(kind)
    }

    pub(in crate::kernel) fn in_conversation(&self, kind: &str) -> Option<&InStream> {
        self.conversations.get(kind)
    }

    pub(in crate::kernel) fn feature(&self, name: &str) -> Option<&FeatureVersion> {
        self.features.iter().find(|feature| feature.name == name)
    }

    /// All features keep what they need of a posted message.
    pub(crate) fn posted(&self, at: &InConversation<'_>, event: &MessagePosted) -> Result<(), ViewsError> {
        self.features.iter().filter_map(|feature| feature.posts).try_for_each(|posts| posts(at, event))
    }

    /// Deletes what all features keep about the message at a place, whose content is gone.
    pub(crate) fn forget(&self, rows: &Connection, place: i64) -> Result<(), ViewsError> {
        self.forgets.iter().try_for_each(|forget| forget(rows, place))
    }

    /// Adds to messages what all features keep about them.
    pub(crate) fn complete(
        &self,
        rows: &Connection,
        seen: &Seen<'_>,
        messages: &mut [Message],
    ) -> Result<(), ViewsError> {
        self.complete.iter().try_for_each(|complete| complete(rows, seen, messages))
    }

    /// These features and those that rest on them, on whatever way.
    pub(in crate::kernel) fn with_dependents(&self, of: &BTreeSet<&'static str>) -> BTreeSet<&'static str> {
        let mut all = of.clone();
        loop {
            let more = self.features.iter().filter(|feature| !all.contains(feature.name));
            let more = more.filter(|feature| feature.rests_on.iter().any(|on| all.contains(on)));
            let more: Vec<_> = more.map(|feature| feature.name).collect();
            if more.is_empty() {
                return all;
            }
            all.extend(more);
        }
    }

    /// Whether features that handle records rest on this one. Then nearly all rows depend on it, and it cannot be built
    /// again by itself.
    pub(in crate::kernel) fn is_base(&self, name: &'static str) -> bool {
        let mut dependents = self.with_dependents(&[name].into());
        dependents.remove(name);
        dependents.into_iter().filter_map(|name| self.feature(name)).any(FeatureVersion::handles_records)
    }

    /// What to build again of a conversation in which these features have missed something.
    pub(in crate::kernel) fn scope(&self, missed: &BTreeSet<&'static str>) -> Scope {
        let all = self.with_dependents(missed);
        let handle = |name: &&str| self.feature(name).is_some_and(|feature| !feature.handles.is_empty());
        if all.iter().any(handle) { Scope::Whole } else { Scope::Features(all) }
    }

    /// Deletes what these features have made of the stream of a conversation.
    pub(in crate::kernel) fn reset(
        &self,
        rows: &Connection,
        conversation: i64,
        scope: &Scope,
    ) -> Result<Vec<AfterReset>, ViewsError> {
        let concerned = self.features.iter().filter(|feature| scope.concerns(feature.name));
        let after = concerned.filter_map(|feature| feature.resets).map(|reset| reset(rows, conversation));
        Ok(after.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }

    /// Deletes what a feature has made of its ledgers.
    pub(in crate::kernel) fn reset_ledgers(
        &self,
        rows: &Connection,
        feature: &str,
    ) -> Result<(), ViewsError> {
        self.feature(feature).and_then(|feature| feature.resets_ledgers).map_or(Ok(()), |reset| reset(rows))
    }

    /// These features keep what they need of a message that was posted before, if it is still there.
    pub(in crate::kernel) fn posted_before(
        &self,
        at: &InConversation<'_>,
        place: i64,
        record: &Record,
        features: &BTreeSet<&'static str>,
    ) -> Result<(), ViewsError> {
        let Some(Ok(event)) = record.event::<MessagePosted>() else { return Ok(()) };
        if !self.is_there.map_or(Ok(true), |is_there| is_there(at.rows, place, record))? {
            return Ok(());
        }
        let concerned = self.features.iter().filter(|feature| features.contains(feature.name));
        concerned.filter_map(|feature| feature.posts).try_for_each(|posts| posts(at, &event))
    }
}

impl Scope {
    fn concerns(&self, feature: &str) -> bool {
        match self {
            Self::Whole => true,
            Self::Features(features) => features.contains(feature),
        }
    }
}
