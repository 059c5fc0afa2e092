//! What a tail makes of what it hears: from its node's own appends, the feed and the ledgers, and direct reads.

use super::KafkaTail;
use crate::{
    Entry, Ledger, Record, Stream,
    kafka::{
        catchup::CatchUpEvent, inbox::Ack, known_topics::Topic, limits, live::Live, names::position,
        recent::Seen,
    },
};
use kafkatalk_protocol::{ConversationId, Offset};
use std::{collections::HashMap, sync::Arc};
use tokio::time::Instant;

impl KafkaTail {
    pub(super) fn take_ack(&mut self, ack: Ack) {
        self.inbox.took(&ack);
        match ack {
            Ack::Record { conversation, offset, record } => {
                let next = self.resequencer.next(conversation);
                if offset < next {
                    return self.take_late(conversation, offset, next, &record);
                }
                if offset > next {
                    let end = self.acknowledged.entry(conversation).or_default();
                    *end = offset.saturating_add(1).max(*end);
                }
                self.resequencer.offer(conversation, offset, record, Instant::now(), &mut self.entries);
            }
            Ack::Hole { conversation, offset } => {
                self.resequencer.offer_hole(conversation, offset, Instant::now(), &mut self.entries);
            }
            Ack::Unsure { conversation } => {
                if self.look_up.len() < limits::PENDING_ANNOUNCEMENTS_MAX {
                    self.look_up.insert(conversation);
                } else {
                    self.sweep_wanted = true;
                }
            }
        }
    }

    /// An own record whose offset was handed out already. A direct read may have been first; if what it brought was
    /// another record, the brokers have lost that one.
    fn take_late(&mut self, conversation: ConversationId, offset: u64, next: u64, record: &Record) {
        self.note();
        match self.recent.compare(Stream::Conversation(conversation), offset, record.id) {
            Seen::Same => {}
            Seen::Unknown => drop(self.suspects.insert(conversation, next)),
            Seen::Other => self.conversation_lost(conversation, offset, next),
        }
    }

    fn conversation_lost(&mut self, conversation: ConversationId, end: u64, position: u64) {
        self.shared.topics.damaged(conversation);
        self.lost(&self.shared.names.conversation(conversation), end, position);
    }

    fn lost(&mut self, topic: &str, end: u64, position: u64) {
        let why = format!(
            "the topic {topic} went on at {end} and was read up to {position} before: it was cut short or made anew; \
             restore it, or begin anew with what it holds"
        );
        tracing::error!("{why}");
        self.damaged.get_or_insert(why);
    }

    pub(super) fn take_live(&mut self, chunk: Vec<Live>) {
        let now = Instant::now();
        for item in chunk {
            match item {
                Live::Copied { conversation, offset, record } => {
                    self.resequencer.offer(conversation, offset, record, now, &mut self.entries);
                    self.shared.topics.saw(conversation, Topic::Used);
                }
                Live::Hole { conversation, offset } => {
                    self.resequencer.offer_hole(conversation, offset, now, &mut self.entries);
                    self.shared.topics.saw(conversation, Topic::Used);
                }
                Live::Announced { conversation, end } => {
                    self.resequencer.hear_of(conversation, end, now + limits::RESEQUENCER.grace);
                }
                Live::Ledger { ledger, offset, record } => {
                    self.take_ledger(ledger, offset, record);
                }
                Live::LedgerHole { ledger, to } => {
                    let next = &mut self.ledgers[position(ledger)];
                    if to > *next {
                        *next = to;
                        self.ledgers_moved = true;
                    }
                }
                Live::Shorter { topic, end, position } => self.lost(&topic, end, position),
                // It may have died between a record and the copy that tells of it, or before it rolled a topic.
                Live::NodeGone => {
                    self.sweep_wanted = true;
                    self.look_after_rolls();
                }
                Live::LedgerEnds(ends) => {
                    self.ledger_ends = Some(ends);
                    self.sweep_wanted = true;
                }
            }
        }
    }

    fn take_ledger(&mut self, ledger: Ledger, offset: u64, record: Option<Arc<Record>>) {
        let (stream, next) = (Stream::Ledger(ledger), self.ledgers[position(ledger)]);
        if offset < next {
            self.note();
            // Read again, because a broker did not know how far it was read. See `live`.
            if record.is_some_and(|record| self.recent.compare(stream, offset, record.id) == Seen::Other) {
                let topic = self.shared.names.ledger(ledger).to_owned();
                self.lost(&topic, offset, next);
            }
            return;
        }
        self.ledgers[position(ledger)] = offset + 1;
        self.ledgers_moved = true;
        if let Some(record) = record {
            self.entries.push(Entry { stream, offset: Offset(offset), record });
        }
    }

    pub(super) fn take_found(&mut self, found: CatchUpEvent) {
        let now = Instant::now();
        match found {
            CatchUpEvent::Stretches(stretches) => {
                for stretch in stretches {
                    self.resequencer.read(stretch, now, &mut self.entries);
                }
            }
            CatchUpEvent::Finished(finished) => {
                self.reading = self.reading.saturating_sub(finished.len());
                for (conversation, end) in finished {
                    let lost = self.resequencer.finished(conversation, end, now);
                    if lost > 0 {
                        let end = self.resequencer.next(conversation).max(end.unwrap_or(0));
                        let acknowledged = self.acknowledged.get(&conversation).copied();
                        if let Some(position) = acknowledged.filter(|position| *position > end) {
                            self.conversation_lost(conversation, end, position);
                        }
                        tracing::warn!(%conversation, lost, "records were announced that its topic does not hold");
                        self.give_up_waiting(conversation);
                    }
                }
            }
            CatchUpEvent::End(conversation, end) => {
                self.resequencer.hear_of(conversation, end, now + limits::RESEQUENCER.grace);
            }
            CatchUpEvent::Swept { ends, complete } => self.take_ends(ends, complete, now),
            CatchUpEvent::Shorter { conversation, end, position } => {
                self.conversation_lost(conversation, end, position);
            }
        }
    }

    fn take_ends(&mut self, ends: Vec<(ConversationId, u64)>, complete: bool, now: Instant) {
        // Only a sweep that was asked for after the ledgers' ends were known, and that knows all ends, says how much
        // there was when the tail was opened. Until the ledgers' ends are known, no sweep is asked for.
        let first = self.ledger_ends.is_some() && self.behind.is_none();
        let mut behind = HashMap::new();
        // What the first sweep finds, nobody is about to tell.
        let due = if first { now } else { now + limits::RESEQUENCER.grace };
        for (conversation, end) in ends {
            let next = self.resequencer.next(conversation);
            if next < end {
                self.resequencer.hear_of(conversation, end, due);
                behind.insert(conversation, end);
            } else if next > end {
                // It may have grown while the sweep was on its way. Asked for now, its end must be there.
                self.suspects.insert(conversation, next);
            }
        }
        if first && complete {
            self.behind = Some(behind);
        }
    }

    fn give_up_waiting(&mut self, conversation: ConversationId) {
        if let Some(behind) = &mut self.behind {
            behind.remove(&conversation);
        }
    }
}
