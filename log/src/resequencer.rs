//! Puts the records of conversations in order, whatever order they arrive in.
//!
//! Records come from three sides that know nothing of each other: this node's own acknowledgements, the feed, and direct
//! reads of a conversation's topic. Any of them may be late, doubled or silent. The resequencer emits each conversation
//! in offset order without repeats; what is missing it asks for, after a moment in which it may still come by itself.
//! Only a direct read, or the node that wrote a message without a value, proves that an offset is a hole (erased or compacted
//! for good), and holes are stepped over.
//!
//! It does no I/O and has no clock: the time is an argument. The worst that a lost, late, doubled or reordered record can
//! do is cost a direct read.
//!
//! Memory is bounded: a position for each conversation, and no more records held back than [`Limits`] says. Past that a
//! record is let go, and remembered only as "there is more up to here", to be read again when its turn comes.

use crate::{Entry, Record, Stream, failpoints};
use kafkatalk_protocol::{ConversationId, Offset};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};
use tokio::time::Instant;

#[cfg(test)]
mod tests;

/// What bounds the resequencer.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Records held back for one conversation.
    pub held_per_conversation: usize,
    /// Records held back for all conversations together.
    pub held_in_total: usize,
    /// Bytes of all records held back.
    pub held_bytes: usize,
    /// How long a missing record may still come by itself before it is asked for.
    pub grace: Duration,
    /// How long after a direct read that brought nothing new the next one is asked for.
    pub retry: Duration,
    /// How many direct reads in a row must find the log shorter than what was heard before the rest counts as never
    /// written. More than one, because a broker that has just taken over may show an older end for a moment.
    pub fruitless_reads: u32,
}

/// A direct read to be made: everything from `from` up to, not including, `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Want {
    /// Whose records.
    pub conversation: ConversationId,
    /// The first missing offset.
    pub from: u64,
    /// Where what is held, or what was heard of, begins.
    pub to: u64,
}

/// What a direct read found between two offsets.
#[derive(Clone, Debug)]
pub struct Stretch {
    /// Whose.
    pub conversation: ConversationId,
    /// The read's position before.
    pub from: u64,
    /// And after: everything in between but `record` is a hole.
    pub to: u64,
    /// The record at `to - 1`, if there is one that can be read.
    pub record: Option<Arc<Record>>,
}

/// See the module.
#[derive(Debug)]
pub struct Resequencer {
    limits: Limits,
    /// The next offset to emit; absent means 0.
    next: HashMap<ConversationId, u64>,
    /// Conversations of which more is known than was emitted.
    gaps: HashMap<ConversationId, Gap>,
    /// When to ask for what, for gaps that are not being read.
    due: BTreeSet<(Instant, ConversationId)>,
    held: usize,
    held_bytes: usize,
    lag: u64,
    moved: HashSet<ConversationId>,
}

#[derive(Debug)]
struct Gap {
    /// One past the highest offset heard of.
    end: u64,
    /// What stands at offsets that are not next yet: nothing, for a hole.
    held: BTreeMap<u64, Option<Arc<Record>>>,
    /// None while a direct read is on its way.
    due: Option<Instant>,
    /// Whether the direct read that is on its way has brought something new.
    progressed: bool,
    fruitless: u32,
}

impl Resequencer {
    /// Starts from the positions of a checkpoint.
    pub fn new(limits: Limits, next: HashMap<ConversationId, u64>) -> Self {
        let (gaps, due, moved) = (HashMap::new(), BTreeSet::new(), HashSet::new());
        Self { limits, next, gaps, due, held: 0, held_bytes: 0, lag: 0, moved }
    }

    /// The next offset of a conversation to be emitted.
    pub fn next(&self, conversation: ConversationId) -> u64 {
        self.next.get(&conversation).copied().unwrap_or(0)
    }

    /// Records known of and not emitted yet, holes included.
    pub fn lag(&self) -> u64 {
        self.lag
    }

    /// Records held back.
    pub fn held(&self) -> usize {
        self.held
    }

    /// Bytes of the records held back.
    pub fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    /// Whether everything below an offset was emitted.
    pub fn has_passed(&self, conversation: ConversationId, offset: u64) -> bool {
        self.next(conversation) >= offset
    }

    /// Takes a record that came by itself.
    pub fn offer(
        &mut self,
        conversation: ConversationId,
        offset: u64,
        record: Arc<Record>,
        now: Instant,
        out: &mut Vec<Entry>,
    ) {
        let out_of_order = failpoints::is_on(failpoints::broken::RESEQUENCER);
        self.place(conversation, offset, Some(record), now, out_of_order, out);
    }

    /// Takes note that there is a hole at an offset, from the node that wrote it.
    pub fn offer_hole(
        &mut self,
        conversation: ConversationId,
        offset: u64,
        now: Instant,
        out: &mut Vec<Entry>,
    ) {
        self.place(conversation, offset, None, now, false, out);
    }

    fn place(
        &mut self,
        conversation: ConversationId,
        offset: u64,
        record: Option<Arc<Record>>,
        now: Instant,
        out_of_order: bool,
        out: &mut Vec<Entry>,
    ) {
        let next = self.next(conversation);
        // The largest number has no successor; no log is that long.
        if offset < next || offset == u64::MAX {
            return;
        }
        if offset == next || out_of_order {
            self.pass(conversation, offset, record, out);
            self.settle(conversation, next, out);
            return;
        }
        self.hear_of(conversation, offset + 1, now + self.limits.grace);
        let Some(gap) = self.gaps.get_mut(&conversation) else { return };
        let room = gap.held.len() < self.limits.held_per_conversation
            && self.held < self.limits.held_in_total
            && self.held_bytes < self.limits.held_bytes;
        if room && !gap.held.contains_key(&offset) {
            self.held += 1;
            self.held_bytes += bytes_of(record.as_ref());
            gap.held.insert(offset, record);
        }
    }

    /// Takes note that the log reaches up to `end`, and that what is missing by then is to be read from `due` on.
    pub fn hear_of(&mut self, conversation: ConversationId, end: u64, due: Instant) {
        let next = self.next(conversation);
        if end <= next {
            return;
        }
        let gap = self.gaps.entry(conversation).or_insert_with(|| {
            self.due.insert((due, conversation));
            Gap { end: next, held: BTreeMap::new(), due: Some(due), progressed: false, fruitless: 0 }
        });
        if end > gap.end {
            self.lag += end - gap.end;
            gap.end = end;
        }
        if let Some(at) = gap.due.filter(|at| *at > due) {
            self.due.remove(&(at, conversation));
            self.due.insert((due, conversation));
            gap.due = Some(due);
        }
    }

    /// The direct reads that are due, at most `max`. Each is to be answered by [`Self::finished`].
    pub fn wanted(&mut self, now: Instant, max: usize) -> Vec<Want> {
        let mut wants = Vec::new();
        while wants.len() < max && self.due.first().is_some_and(|(at, _)| *at <= now) {
            let Some((_, conversation)) = self.due.pop_first() else { break };
            let from = self.next(conversation);
            if let Some(gap) = self.gaps.get_mut(&conversation) {
                gap.due = None;
                gap.progressed = false;
                let to = gap.held.first_key_value().map_or(gap.end, |(first, _)| *first);
                wants.push(Want { conversation, from, to });
            }
        }
        wants
    }

    /// When the next direct read becomes due.
    pub fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Takes what a direct read found.
    pub fn read(&mut self, stretch: Stretch, now: Instant, out: &mut Vec<Entry>) {
        let Stretch { conversation, from, to, record } = stretch;
        let next = self.next(conversation);
        if to <= next {
            return;
        }
        if from > next {
            // It proves nothing about what comes next; its record is as good as one from the feed.
            if let Some(record) = record {
                self.offer(conversation, to - 1, record, now, out);
            }
            return;
        }
        if let Some(gap) = self.gaps.get_mut(&conversation) {
            gap.progressed = true;
        }
        self.pass(conversation, to - 1, record, out);
        self.settle(conversation, next, out);
    }

    /// Takes note that a direct read is over, and where it found the log to end, if it found out. Returns how many
    /// records it gave up on: heard of, and not in the log.
    pub fn finished(&mut self, conversation: ConversationId, end: Option<u64>, now: Instant) -> u64 {
        let next = self.next(conversation);
        let Some(gap) = self.gaps.get_mut(&conversation) else { return 0 };
        if gap.due.is_some() {
            return 0;
        }
        if gap.progressed {
            gap.fruitless = 0;
            self.ask_again(conversation, now);
            return 0;
        }
        gap.fruitless += 1;
        if let Some(end) = end.filter(|end| *end < gap.end && gap.fruitless >= self.limits.fruitless_reads) {
            let end = end.max(next);
            let never_written = gap.end - end;
            let let_go = gap.held.split_off(&end);
            self.held -= let_go.len();
            self.held_bytes -= let_go.values().map(|record| bytes_of(record.as_ref())).sum::<usize>();
            self.lag -= never_written;
            gap.end = end;
            gap.fruitless = 0;
            if end == next {
                self.gaps.remove(&conversation);
                return never_written;
            }
            self.ask_again(conversation, now);
            return never_written;
        }
        self.ask_again(conversation, now + self.limits.retry);
        0
    }

    /// Takes note that a direct read was not even begun.
    pub fn not_read(&mut self, conversation: ConversationId, now: Instant) {
        if self.gaps.get(&conversation).is_some_and(|gap| gap.due.is_none()) {
            self.ask_again(conversation, now + self.limits.retry);
        }
    }

    /// The conversations that moved since the last call, and their next offsets.
    pub fn take_moved(&mut self) -> Vec<(ConversationId, u64)> {
        let moved = std::mem::take(&mut self.moved);
        moved.into_iter().map(|conversation| (conversation, self.next(conversation))).collect()
    }

    fn ask_again(&mut self, conversation: ConversationId, at: Instant) {
        if let Some(gap) = self.gaps.get_mut(&conversation) {
            gap.due = Some(at);
            self.due.insert((at, conversation));
        }
    }

    /// Emits what stands at an offset, if anything does, and goes on behind it.
    fn pass(
        &mut self,
        conversation: ConversationId,
        offset: u64,
        record: Option<Arc<Record>>,
        out: &mut Vec<Entry>,
    ) {
        if let Some(record) = record {
            out.push(Entry { stream: Stream::Conversation(conversation), offset: Offset(offset), record });
        }
        self.next.insert(conversation, offset + 1);
        self.moved.insert(conversation);
    }

    /// Emits what is held and has become next, and closes the gap when nothing is missing any more.
    fn settle(&mut self, conversation: ConversationId, before: u64, out: &mut Vec<Entry>) {
        let Some(mut gap) = self.gaps.remove(&conversation) else { return };
        let held = gap.held.len();
        let mut next = self.next(conversation);
        while let Some(first) = gap.held.first_entry() {
            if *first.key() > next {
                break;
            }
            let (offset, record) = first.remove_entry();
            self.held_bytes -= bytes_of(record.as_ref());
            // Below `next` it was read directly in the meantime.
            if offset == next {
                self.pass(conversation, offset, record, out);
                next += 1;
            }
        }
        self.held -= held - gap.held.len();
        self.lag -= next.min(gap.end) - before.min(gap.end);
        if gap.end > next {
            self.gaps.insert(conversation, gap);
        } else if let Some(at) = gap.due {
            self.due.remove(&(at, conversation));
        }
    }
}

fn bytes_of(record: Option<&Arc<Record>>) -> usize {
    record.map_or(0, |record| record.bytes())
}
