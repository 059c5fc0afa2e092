//! The conversations of the list.

use super::summary::Summary;
use kafkatalk_protocol::{Conversation, ConversationId, UserId};
use std::collections::{BTreeMap, BTreeSet};

/// What is known of each conversation, and about which the server may have to be asked.
#[derive(Clone, Debug, Default)]
pub(super) struct Conversations {
    summaries: BTreeMap<ConversationId, Summary>,
    /// Those that something happened to, until it is certain that nothing is missing in them.
    doubts: BTreeSet<ConversationId>,
    /// What the list shows may have changed.
    pub(super) changed: bool,
}

impl Conversations {
    /// One conversation.
    pub(super) fn get(&self, id: ConversationId) -> Option<&Summary> {
        self.summaries.get(&id)
    }

    /// One conversation, to which something happens.
    pub(super) fn get_mut(&mut self, id: ConversationId) -> Option<&mut Summary> {
        let summary = self.summaries.get_mut(&id)?;
        self.doubts.insert(id);
        Some(summary)
    }

    /// All of them, by id.
    pub(super) fn iter(&self) -> impl Iterator<Item = (ConversationId, &Summary)> {
        self.summaries.iter().map(|(id, summary)| (*id, summary))
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.summaries.len()
    }

    /// Takes what the server told of one.
    pub(super) fn merge(&mut self, told: &Conversation, viewer: UserId) {
        self.doubts.insert(told.id);
        self.summaries
            .entry(told.id)
            .and_modify(|summary| summary.merge(told, viewer))
            .or_insert_with(|| Summary::new(told, viewer));
    }

    /// Forgets one.
    pub(super) fn remove(&mut self, id: ConversationId) {
        self.summaries.remove(&id);
        self.doubts.remove(&id);
    }

    /// Those about which the server must be asked: their number of unread messages is not certain, or, unless `refreshing`
    /// brings it, something happened that is not taken account of.
    pub(super) fn doubtful(&mut self, refreshing: bool) -> Vec<ConversationId> {
        let summaries = &self.summaries;
        let lags = |id: &ConversationId| summaries.get(id).is_some_and(Summary::lags);
        self.doubts.retain(lags);
        let ask = |id: &&ConversationId| !refreshing || summaries.get(id).is_some_and(Summary::unsure);
        self.doubts.iter().filter(ask).copied().collect()
    }
}
