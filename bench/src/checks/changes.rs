//! Whether edits and deletions are in effect: each that was acknowledged, once, for everybody, the latest last. What is
//! expected comes from what was asked for and acknowledged alone.

use super::{Check, Mismatch};
use crate::evidence::{Line, Says};
use crate::number::count;
use kafkatalk_protocol::{MessageId, Offset, UserId};
use std::collections::{BTreeMap, BTreeSet};

impl Check<'_> {
    /// Whether a message says what was sent under its id, or what a change of it was to make of it.
    pub(super) fn is_as_asked(&self, line: &Line) -> bool {
        match line.says {
            Says::Posted => line.revision == line.offset,
            Says::Edited(change) => self.is_change_of(change, line, false),
            Says::Deleted => self.deletion_of(line).is_some(),
            Says::Notice => self.evidence.notices.get(&line.offset) == Some(&line.sender),
            Says::Other => false,
        }
    }

    fn is_change_of(&self, change: MessageId, line: &Line, deletes: bool) -> bool {
        let asked = self.evidence.changes.get(&change);
        asked.is_some_and(|asked| asked.message == line.id && asked.deletes == deletes)
    }

    fn deletion_of(&self, line: &Line) -> Option<MessageId> {
        self.evidence.changes.keys().copied().find(|change| self.is_change_of(*change, line, true))
    }

    /// The change that made a message what it is.
    fn in_effect(&self, line: &Line) -> Option<MessageId> {
        match line.says {
            Says::Edited(change) => Some(change),
            Says::Deleted => self.deletion_of(line),
            Says::Posted | Says::Notice | Says::Other => None,
        }
    }

    /// What was acknowledged is in effect, unless a later change has overtaken it.
    pub(super) fn changes(&mut self, history: &[Line]) {
        let evidence = self.evidence;
        let mut acknowledged: BTreeMap<MessageId, Offset> = BTreeMap::new();
        let mut twice: BTreeSet<MessageId> = BTreeSet::new();
        for (id, offset) in &evidence.change_acks {
            // Acknowledged as two records: it counted twice.
            if *acknowledged.entry(*id).or_insert(*offset) != *offset && twice.insert(*id) {
                self.note_message(Mismatch::ChangedTwice, *id, Some(*offset));
            }
        }
        self.findings.changed += count(acknowledged.len());
        let mut latest: BTreeMap<MessageId, Offset> = BTreeMap::new();
        for (id, offset) in &acknowledged {
            if let Some(change) = evidence.changes.get(id) {
                let held = latest.entry(change.message).or_insert(*offset);
                *held = (*held).max(*offset);
            }
        }
        let mut in_effect = BTreeSet::new();
        for line in history {
            let change = self.in_effect(line);
            in_effect.extend(change);
            let record = change.and_then(|change| acknowledged.get(&change)).copied();
            if latest.get(&line.id).is_some_and(|latest| *latest > line.revision) {
                self.note(Mismatch::LostChange, None, Some(line));
            } else if record.is_some_and(|record| record != line.revision)
                && change.is_some_and(|change| !twice.contains(&change))
            {
                self.note(Mismatch::ChangedTwice, None, Some(line));
            }
        }
        let unresolved = |id: &&MessageId| {
            let answered = acknowledged.contains_key(id) || evidence.turned_away.contains(id);
            !answered && !in_effect.contains(id)
        };
        for id in evidence.changes.keys().filter(unresolved) {
            self.note_message(Mismatch::Unresolved, *id, None);
        }
    }

    /// What a member was shown in the end is the state that history has.
    pub(super) fn state(&mut self, member: Option<UserId>, shown: &Line, history: &Line) {
        let same = shown.says == history.says;
        if shown.revision > history.revision {
            self.note(Mismatch::ChangedTwice, member, Some(shown));
        } else if shown.revision < history.revision || (!same && shown.says != Says::Other) {
            self.note(Mismatch::LostChange, member, Some(shown));
        } else if !same {
            self.note(Mismatch::Ghost, member, Some(shown));
        }
    }
}
