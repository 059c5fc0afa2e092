//! Whether what clients saw keeps the promises: pure, so that tests can show it histories that break each of them.

use crate::evidence::{Evidence, Line, Previous, Says, Witness};
use crate::limits::MISMATCHES_SHOWN;
use crate::number::count;
use kafkatalk_protocol::{ConversationId, MessageId, Offset, UserId};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

mod changes;
pub(crate) mod groups;
#[cfg(test)]
mod tests;

/// A promise that was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mismatch {
    /// Acknowledged, and not in history.
    Lost,
    /// In history at another offset than the one that was acknowledged, or acknowledged at two.
    Moved,
    /// Twice in history under one id.
    Doubled,
    /// In history, but nobody sent it, or it says something else than what was sent.
    Foreign,
    /// History's offsets do not go up.
    HistoryDisordered,
    /// `previous` in history does not name the message before.
    HistoryChainBroken,
    /// Two members read two histories.
    HistoriesDiffer,
    /// In history, and never shown to a member.
    Undelivered,
    /// Shown to a member more than once.
    ShownTwice,
    /// Shown to a member after one with a higher offset.
    ShownDisordered,
    /// Shown right after a message that it does not name as `previous`.
    ShownChainBroken,
    /// Shown to a member, and not in history at that offset, or in no state that history has.
    Ghost,
    /// A change was acknowledged and is not in effect: in history, or for a member.
    LostChange,
    /// A change was applied again after it was acknowledged, or an older state came over a newer one.
    ChangedTwice,
    /// The text of a deleted message is still found.
    TextLeft,
    /// Still in the sender's outbox at the end: never acknowledged nor refused.
    Unresolved,
    /// A member's read position was told after a later one, or is earlier at the end than it was told.
    ReadWentBack,
    /// Something of a conversation was shown to somebody who is not in it.
    Leaked,
    /// A message of a group was shown to somebody who was not in it at that time, or could not see that far back.
    Forbidden,
    /// A device shows other members, roles or another name than the group's log has.
    OtherMembers,
}

impl Mismatch {
    /// Every mismatch, in the order in which reports name them.
    pub(crate) const ALL: [Self; 20] = [
        Self::Lost,
        Self::Moved,
        Self::Doubled,
        Self::Foreign,
        Self::HistoryDisordered,
        Self::HistoryChainBroken,
        Self::HistoriesDiffer,
        Self::Undelivered,
        Self::ShownTwice,
        Self::ShownDisordered,
        Self::ShownChainBroken,
        Self::Ghost,
        Self::LostChange,
        Self::ChangedTwice,
        Self::TextLeft,
        Self::Unresolved,
        Self::ReadWentBack,
        Self::Leaked,
        Self::Forbidden,
        Self::OtherMembers,
    ];

    /// In words.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Lost => "acknowledged, not in history",
            Self::Moved => "not at its acknowledged offset",
            Self::Doubled => "twice in history",
            Self::Foreign => "in history, never sent like that",
            Self::HistoryDisordered => "out of order in history",
            Self::HistoryChainBroken => "`previous` broken in history",
            Self::HistoriesDiffer => "members read different histories",
            Self::Undelivered => "never shown to a member",
            Self::ShownTwice => "shown twice",
            Self::ShownDisordered => "shown out of order",
            Self::ShownChainBroken => "`previous` broken as shown",
            Self::Ghost => "shown, not in history",
            Self::LostChange => "change acknowledged, not in effect",
            Self::ChangedTwice => "change applied twice, or an older state over a newer one",
            Self::TextLeft => "text of a deleted message still found",
            Self::Unresolved => "never acknowledged",
            Self::ReadWentBack => "a read position went back",
            Self::Leaked => "shown to a stranger",
            Self::Forbidden => "shown to those who may not",
            Self::OtherMembers => "members, roles or name not as in the log",
        }
    }
}

/// A mismatch and where it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// What.
    pub(crate) mismatch: Mismatch,
    /// Where.
    pub(crate) conversation: ConversationId,
    /// Whose view, where it is about one member's.
    pub(crate) member: Option<UserId>,
    /// Which message.
    pub(crate) message: Option<MessageId>,
    /// At which offset.
    pub(crate) offset: Option<Offset>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: conversation {}", self.mismatch.as_str(), self.conversation)?;
        if let Some(member) = self.member {
            write!(f, ", member {member}")?;
        }
        if let Some(message) = self.message {
            write!(f, ", message {message}")?;
        }
        self.offset.map_or(Ok(()), |offset| write!(f, ", offset {offset}"))
    }
}

/// What the checks found in all conversations together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Findings {
    /// Messages that were sent.
    pub(crate) said: u64,
    /// Messages that were acknowledged.
    pub(crate) acknowledged: u64,
    /// Edits and deletions that were acknowledged.
    pub(crate) changed: u64,
    /// Messages that stand in history.
    pub(crate) in_history: u64,
    /// Messages that were shown to the other member.
    pub(crate) delivered: u64,
    /// Messages whose sender sent another one first that stands after it. No promise: told for interest.
    pub(crate) overtaken: u64,
    found: BTreeMap<Mismatch, u64>,
    examples: Vec<Finding>,
}

impl Findings {
    /// How often a mismatch was found.
    pub(crate) fn count(&self, mismatch: Mismatch) -> u64 {
        self.found.get(&mismatch).copied().unwrap_or(0)
    }

    /// How many mismatches were found.
    pub(crate) fn total(&self) -> u64 {
        self.found.values().sum()
    }

    /// Adds mismatches that were counted elsewhere.
    pub(crate) fn add(&mut self, mismatch: Mismatch, times: u64) {
        if times > 0 {
            *self.found.entry(mismatch).or_default() += times;
        }
    }

    /// The first mismatches, spelt out.
    pub(crate) fn examples(&self) -> &[Finding] {
        &self.examples
    }

    fn note(&mut self, finding: Finding) {
        *self.found.entry(finding.mismatch).or_default() += 1;
        if self.examples.len() < MISMATCHES_SHOWN {
            self.examples.push(finding);
        }
    }
}

/// Looks at every conversation.
pub(crate) fn judge<'a>(all: impl IntoIterator<Item = &'a Evidence>) -> Findings {
    let mut findings = Findings::default();
    for evidence in all {
        Check { evidence, findings: &mut findings }.run();
    }
    findings
}

struct Check<'a> {
    evidence: &'a Evidence,
    findings: &'a mut Findings,
}

impl Check<'_> {
    fn run(&mut self) {
        let (reader, history) = match self.evidence.histories.first() {
            Some((reader, history)) => (Some(*reader), history.as_slice()),
            // Nobody can read it: whatever was shown of it is a ghost.
            None => (None, [].as_slice()),
        };
        self.findings.said += count(self.evidence.said.len());
        self.findings.in_history += count(history.len());
        self.history(reader, history);
        for (other, theirs) in self.evidence.histories.iter().skip(1) {
            if theirs != history {
                self.note(Mismatch::HistoriesDiffer, Some(*other), None);
            }
        }
        self.acks(history);
        self.changes(history);
        for witness in &self.evidence.witnesses {
            self.witness(witness, history);
        }
    }

    fn note(&mut self, mismatch: Mismatch, member: Option<UserId>, line: Option<&Line>) {
        self.findings.note(Finding {
            mismatch,
            conversation: self.evidence.conversation,
            member,
            message: line.map(|line| line.id),
            offset: line.map(|line| line.offset),
        });
    }

    /// One line after another, each once, chained, and as it was sent.
    fn history(&mut self, reader: Option<UserId>, history: &[Line]) {
        let mut ids = BTreeSet::new();
        let mut before: Option<&Line> = None;
        let mut latest_of: BTreeMap<UserId, MessageId> = BTreeMap::new();
        for line in history {
            if before.is_some_and(|before| line.offset <= before.offset) {
                self.note(Mismatch::HistoryDisordered, reader, Some(line));
            } else if line.previous != Previous::Told(before.map(|before| before.offset)) {
                self.note(Mismatch::HistoryChainBroken, reader, Some(line));
            }
            if !ids.insert(line.id) {
                self.note(Mismatch::Doubled, reader, Some(line));
            }
            let notice = line.says == Says::Notice;
            let said = notice || self.evidence.said.get(&line.id) == Some(&line.sender);
            if !self.is_as_asked(line) || !said {
                self.note(Mismatch::Foreign, reader, Some(line));
            }
            if notice {
                before = Some(line);
                continue;
            }
            // Ids are numbered in the order of sending.
            let latest = latest_of.entry(line.sender).or_insert(line.id);
            self.findings.overtaken += u64::from(line.id < *latest);
            *latest = line.id.max(*latest);
            before = Some(line);
        }
    }

    /// What was acknowledged is where the ack said.
    fn acks(&mut self, history: &[Line]) {
        let place: BTreeMap<MessageId, Offset> =
            history.iter().rev().map(|line| (line.id, line.offset)).collect();
        let mut acknowledged: BTreeMap<MessageId, Offset> = BTreeMap::new();
        for (id, offset) in &self.evidence.acks {
            if acknowledged.insert(*id, *offset).is_some_and(|before| before != *offset) {
                self.note_message(Mismatch::Moved, *id, Some(*offset));
            }
        }
        self.findings.acknowledged += count(acknowledged.len());
        for (id, offset) in &acknowledged {
            match place.get(id) {
                None => self.note_message(Mismatch::Lost, *id, Some(*offset)),
                Some(found) if found != offset => self.note_message(Mismatch::Moved, *id, Some(*offset)),
                Some(_) => {}
            }
        }
        let answered = |id: &MessageId| {
            let turned_away = self.evidence.turned_away.contains(id);
            turned_away || acknowledged.contains_key(id) || place.contains_key(id)
        };
        let unresolved = self.evidence.said.keys().filter(|id| !answered(id));
        for id in unresolved.copied().collect::<Vec<_>>() {
            self.note_message(Mismatch::Unresolved, id, None);
        }
    }

    fn note_message(&mut self, mismatch: Mismatch, message: MessageId, offset: Option<Offset>) {
        let conversation = self.evidence.conversation;
        self.findings.note(Finding { mismatch, conversation, member: None, message: Some(message), offset });
    }

    /// What a member was shown is history: all of it, in order, each once.
    fn witness(&mut self, witness: &Witness, history: &[Line]) {
        let member = Some(witness.member);
        let places: BTreeMap<Offset, &Line> = history.iter().map(|line| (line.offset, line)).collect();
        let mut shown: BTreeSet<Offset> = BTreeSet::new();
        let mut before: Option<&Line> = None;
        for line in &witness.shown {
            let place = places.get(&line.offset).copied().filter(|place| place.id == line.id);
            let chain = if witness.own_shown {
                Some(Previous::Told(before.map(|before| before.offset)))
            } else {
                place.map(|place| place.previous)
            };
            if !shown.insert(line.offset) {
                self.note(Mismatch::ShownTwice, member, Some(line));
            } else if before.is_some_and(|before| line.offset < before.offset) {
                self.note(Mismatch::ShownDisordered, member, Some(line));
            } else if line.previous != Previous::Untold && chain.is_some_and(|chain| chain != line.previous) {
                self.note(Mismatch::ShownChainBroken, member, Some(line));
            }
            match place {
                None => self.note(Mismatch::Ghost, member, Some(line)),
                Some(place) if witness.own_shown => self.state(member, line, place),
                Some(_) => {}
            }
            before = before.filter(|before| before.offset > line.offset).or(Some(line));
        }
        for line in history {
            let owed = witness.own_shown || line.sender != witness.member;
            if owed && !shown.contains(&line.offset) {
                self.note(Mismatch::Undelivered, member, Some(line));
            }
            let to_the_other = line.sender != witness.member && shown.contains(&line.offset);
            self.findings.delivered += u64::from(to_the_other);
        }
    }
}
