//! Erasing records whose topic was not seen to be rolled since.
//!
//! Which topics are still to be rolled, a node keeps in memory. When it is killed between an erasing record and the roll,
//! the stream itself shows it: a roll leaves a message without a value, which is a gap between the offsets of records.
//! Compaction leaves gaps too, but only in segments that are closed. So an erasing record with nothing but records behind it
//! lies in the segment that is being written, together with what it erases.
//!
//! Every tail therefore notes each erasing record that it hands out, until the stream goes on behind a gap. The notes are
//! positions of the reader's checkpoint and outlive the node as its rows do. What stays noted for long is rolled by whoever
//! follows the log: this node after a restart, or another one.
//!
//! Pure: what was handed out, and the time, are arguments.

use crate::{Checkpoint, Entry, Record, Stream};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// What the names of these notes in a checkpoint begin with; the stream's name follows. The position is the offset after
/// the erasing record, or 0 where the topic was rolled.
const NAME: &str = "unrolled/";

/// See the module.
pub(super) struct Unrolled {
    /// How long the others have for what is noted.
    grace: Duration,
    streams: BTreeMap<Stream, Noted>,
    /// Positions that the checkpoint does not have yet.
    changed: BTreeMap<Stream, u64>,
}

struct Noted {
    /// The offset after the last record, if there is no gap.
    next: u64,
    /// When to roll the topic.
    due: Instant,
    /// Whether a checkpoint may have it.
    stored: bool,
}

impl Unrolled {
    /// What a checkpoint has noted. `position` is how far it has read a stream, and `grace` how long after that a topic is
    /// due.
    pub(super) fn new(
        from: &Checkpoint,
        position: impl Fn(Stream) -> u64,
        grace: Duration,
        now: Instant,
    ) -> Self {
        let noted = from.iter().filter_map(|(name, after)| {
            let stream = name.strip_prefix(NAME)?.parse().ok()?;
            let next = position(stream);
            // A stream that is read again from an earlier place is noted again.
            let is_noted = *after > 0 && next >= *after;
            is_noted.then_some((stream, Noted { next, due: now + grace, stored: true }))
        });
        Self { grace, streams: noted.collect(), changed: BTreeMap::new() }
    }

    /// Whether that is the name of a note in a checkpoint.
    pub(super) fn is_name(name: &str) -> bool {
        name.starts_with(NAME)
    }

    /// These records come next in their streams.
    pub(super) fn note(&mut self, entries: &[Entry], now: Instant) {
        for Entry { stream, offset, record } in entries {
            self.moved(*stream, offset.0);
            let next = offset.0.saturating_add(1);
            if *record.kind == *Record::ERASED {
                let due = now + self.grace;
                // A note that is over is still in the checkpoint until the next one goes over it.
                let stored = self.changed.contains_key(stream);
                self.streams.entry(*stream).or_insert(Noted { next, due, stored }).next = next;
                self.changed.insert(*stream, next);
            } else if let Some(noted) = self.streams.get_mut(stream) {
                noted.next = next;
            }
        }
    }

    /// A stream goes on at that offset: all records before it were noted.
    pub(super) fn moved(&mut self, stream: Stream, next: u64) {
        if self.streams.get(&stream).is_none_or(|noted| next <= noted.next) {
            return;
        }
        if self.streams.remove(&stream).is_some_and(|noted| noted.stored) {
            self.changed.insert(stream, 0);
        } else {
            self.changed.remove(&stream);
        }
    }

    /// Positions to write over the checkpoint.
    pub(super) fn take_progress(&mut self) -> impl Iterator<Item = (String, u64)> {
        for stream in self.changed.keys() {
            if let Some(noted) = self.streams.get_mut(stream) {
                noted.stored = true;
            }
        }
        let changed = std::mem::take(&mut self.changed);
        changed.into_iter().map(|(stream, position)| (format!("{NAME}{stream}"), position))
    }

    /// Nobody else may be about to roll what is noted: it is due by then.
    pub(super) fn due_by(&mut self, by: Instant) {
        for noted in self.streams.values_mut() {
            noted.due = noted.due.min(by);
        }
    }

    /// When the next topic is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.streams.values().map(|noted| noted.due).min()
    }

    /// Topics that are to be rolled now. They are due again later, until they are seen to be.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Stream> {
        let grace = self.grace;
        let due = self.streams.iter_mut().filter(|(_, noted)| noted.due <= now);
        due.map(|(stream, noted)| {
            noted.due = now + grace;
            *stream
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{super::limits, *};
    use kafkatalk_protocol::{ConversationId, Offset, Timestamp};
    use std::sync::Arc;
    use uuid::Uuid;

    fn stream(number: u128) -> Stream {
        Stream::Conversation(ConversationId(Uuid::from_u128(number)))
    }

    fn erasing(offset: u64) -> Entry {
        let record = Record::erasing(Uuid::now_v7(), Uuid::nil(), None, Timestamp::default());
        Entry { stream: stream(1), offset: Offset(offset), record: Arc::new(record) }
    }

    fn message(offset: u64) -> Entry {
        let record = Record { kind: "message.posted".into(), ..(*erasing(offset).record).clone() };
        Entry { record: Arc::new(record), ..erasing(offset) }
    }

    /// What is due after the grace, and what the checkpoint would have.
    fn outcome(unrolled: &mut Unrolled) -> (Vec<Stream>, Vec<u64>) {
        let positions = unrolled.take_progress().map(|(_, position)| position).collect();
        (unrolled.due(Instant::now() + limits::UNROLLED_GRACE * 2), positions)
    }

    fn noted(entries: &[Entry]) -> Unrolled {
        let mut unrolled =
            Unrolled::new(&Checkpoint::default(), |_| 0, limits::UNROLLED_GRACE, Instant::now());
        unrolled.note(entries, Instant::now());
        unrolled
    }

    #[test]
    fn an_erasure_without_a_gap_behind_it_is_not_rolled() {
        let mut unrolled = noted(&[message(0), erasing(1), message(2), erasing(3), message(4)]);
        unrolled.moved(stream(1), 5);
        assert_eq!(outcome(&mut unrolled), (vec![stream(1)], vec![4]));
    }

    #[test]
    fn a_gap_behind_an_erasure_says_that_its_topic_was_rolled() {
        let mut between_records = noted(&[erasing(1), message(3)]);
        assert_eq!(outcome(&mut between_records), (vec![], vec![]));
        let mut at_the_end = noted(&[erasing(1), message(2)]);
        at_the_end.moved(stream(1), 4);
        assert_eq!(outcome(&mut at_the_end), (vec![], vec![]));
    }

    #[test]
    fn a_gap_before_an_erasure_says_nothing_about_it() {
        let mut unrolled = noted(&[erasing(1), erasing(3)]);
        assert_eq!(outcome(&mut unrolled), (vec![stream(1)], vec![4]));
    }

    #[test]
    fn a_checkpoint_keeps_what_is_noted_and_hears_when_it_is_over() {
        let mut before = noted(&[erasing(1)]);
        let mut checkpoint: Checkpoint = before.take_progress().collect();
        assert!(checkpoint.keys().all(|name| Unrolled::is_name(name)));
        // Records came behind it meanwhile.
        let mut after = Unrolled::new(&checkpoint, |_| 5, limits::UNROLLED_GRACE, Instant::now());
        assert_eq!(outcome(&mut after), (vec![stream(1)], vec![]));
        after.moved(stream(1), 6);
        checkpoint.extend(after.take_progress());
        assert_eq!(checkpoint.values().copied().collect::<Vec<_>>(), [0]);
        assert_eq!(
            outcome(&mut Unrolled::new(&checkpoint, |_| 6, limits::UNROLLED_GRACE, Instant::now())).0,
            []
        );
    }

    #[test]
    fn a_note_that_is_over_leaves_the_checkpoint_whatever_came_behind_it() {
        let mut checkpoint: Checkpoint = noted(&[erasing(1)]).take_progress().collect();
        let mut unrolled = Unrolled::new(&checkpoint, |_| 2, limits::UNROLLED_GRACE, Instant::now());
        unrolled.note(&[erasing(3), message(5)], Instant::now());
        checkpoint.extend(unrolled.take_progress());
        assert_eq!(checkpoint.values().copied().collect::<Vec<_>>(), [0]);
    }

    #[test]
    fn a_stream_that_is_read_again_is_noted_again() {
        let checkpoint = noted(&[erasing(1)]).take_progress().collect();
        let mut again = Unrolled::new(&checkpoint, |_| 0, limits::UNROLLED_GRACE, Instant::now());
        again.note(&[message(0), message(2)], Instant::now());
        assert_eq!(outcome(&mut again).0, []);
    }

    #[test]
    fn each_node_leaves_what_is_noted_to_the_others_for_a_time_of_its_own() {
        let (now, grace) = (Instant::now(), limits::UNROLLED_GRACE + limits::TAKEOVER_WITHIN / 2);
        let mut unrolled = Unrolled::new(&Checkpoint::default(), |_| 0, grace, now);
        unrolled.note(&[erasing(1)], now);
        assert_eq!(unrolled.due(now + limits::UNROLLED_GRACE), []);
        assert_eq!(unrolled.due(now + grace), [stream(1)]);
        // So are the further times, and what a checkpoint brings.
        assert_eq!(unrolled.next_due(), Some(now + grace * 2));
        let checkpoint = unrolled.take_progress().collect();
        assert_eq!(Unrolled::new(&checkpoint, |_| 2, grace, now).next_due(), Some(now + grace));
    }

    #[test]
    fn what_is_due_is_due_again_later_until_it_is_rolled() {
        let mut unrolled = noted(&[erasing(1)]);
        let now = Instant::now();
        assert_eq!(unrolled.due(now), []);
        unrolled.due_by(now);
        assert_eq!(unrolled.due(now), [stream(1)]);
        assert_eq!(unrolled.due(now), []);
        assert_eq!(unrolled.next_due(), Some(now + limits::UNROLLED_GRACE));
    }
}
