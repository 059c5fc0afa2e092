//! What stands in for the threads beside a tail: one follows the feed and the ledgers, one looks for what is missing.

use super::{
    super::super::{CatchUpEvent, Live, limits, position},
    cluster::Cluster,
};
use crate::{
    Ledger, Stream,
    resequencer::{Stretch, Want},
};
use kafkatalk_protocol::ConversationId;
use std::collections::{BTreeMap, VecDeque};
use tokio::time::Instant;

type Ends = [u64; Ledger::ALL.len()];

/// Follows the feed and the ledgers, as `live` does.
pub(super) struct Follower {
    /// Where it is in each partition. None before it has begun.
    feed: Option<Vec<usize>>,
    /// The next message of each ledger.
    ledgers: Ends,
    /// How far the tail knows of them: less where the last messages are holes.
    told: Ends,
    ends: Ends,
    /// Whether it is about to look.
    pub(super) looks: bool,
}

/// What may go wrong while the feed is followed.
#[derive(Clone, Copy, Default)]
pub(super) struct FeedTrouble {
    /// Messages taken at once.
    pub(super) messages_max: usize,
    /// Of a hundred messages, so many are lost to this follower.
    pub(super) lost_percent: u8,
    /// Of a hundred looks, in so many a ledger is read again from an earlier place.
    pub(super) again_percent: u8,
}

fn percent(rng: &mut fastrand::Rng, of_hundred: u8) -> bool {
    of_hundred > 0 && rng.u8(0..100) < of_hundred
}

impl Follower {
    pub(super) fn new(ledgers: Ends) -> Self {
        Self { feed: None, ledgers, told: ledgers, ends: [0; Ledger::ALL.len()], looks: false }
    }

    pub(super) fn has_begun(&self) -> bool {
        self.feed.is_some()
    }

    /// Fixes where it begins.
    pub(super) fn begin(&mut self, cluster: &Cluster) -> Live {
        self.ends = Ledger::ALL.map(|ledger| cluster.end(Stream::Ledger(ledger)));
        self.feed = Some(cluster.feed.iter().map(Vec::len).collect());
        Live::LedgerEnds(self.ends)
    }

    /// What came since it looked last, in chunks as the tail is to get them.
    pub(super) fn look(
        &mut self,
        cluster: &Cluster,
        run: u64,
        trouble: FeedTrouble,
        rng: &mut fastrand::Rng,
    ) -> Vec<Live> {
        let mut chunk = Vec::new();
        let Some(positions) = &mut self.feed else { return chunk };
        for (at, partition) in positions.iter_mut().zip(&cluster.feed) {
            for told in partition.iter().skip(*at).take(trouble.messages_max) {
                *at += 1;
                if told.run == run || percent(rng, trouble.lost_percent) {
                    continue;
                }
                let (conversation, offset) = (told.conversation, told.offset);
                chunk.push(match told.record.clone() {
                    Some(record) => Live::Copied { conversation, offset, record },
                    None if told.is_hole => Live::Hole { conversation, offset },
                    None => Live::Announced { conversation, end: offset + 1 },
                });
            }
        }
        for ledger in Ledger::ALL {
            let number = position(ledger);
            if percent(rng, trouble.again_percent) {
                let back = rng.u64(0..3);
                self.ledgers[number] = self.ledgers[number].saturating_sub(back);
            }
            self.follow_ledger(cluster, ledger, trouble.messages_max, &mut chunk);
        }
        chunk
    }

    fn follow_ledger(&mut self, cluster: &Cluster, ledger: Ledger, max: usize, chunk: &mut Vec<Live>) {
        let number = position(ledger);
        for _ in 0..max {
            let offset = self.ledgers[number];
            let Some(place) = cluster.place(Stream::Ledger(ledger), offset) else { break };
            self.ledgers[number] += 1;
            // A message that stands for nothing comes as well; one that was compacted away does not.
            if !place.forgotten {
                chunk.push(Live::Ledger { ledger, offset, record: place.readable() });
                self.told[number] = self.told[number].max(offset + 1);
            }
        }
        if self.told[number] < self.ends[number] && self.ledgers[number] >= self.ends[number] {
            self.told[number] = self.ends[number];
            chunk.push(Live::LedgerHole { ledger, to: self.ends[number] });
        }
    }

    /// Whether there is more to look at.
    pub(super) fn is_behind(&self, cluster: &Cluster) -> bool {
        let feed = self.feed.as_ref().is_some_and(|positions| {
            positions.iter().zip(&cluster.feed).any(|(at, partition)| *at < partition.len())
        });
        let ends = Ledger::ALL.map(|ledger| cluster.end(Stream::Ledger(ledger)));
        feed || self.feed.is_some() && self.ledgers.iter().zip(ends).any(|(next, end)| *next < end)
    }
}

/// A topic that seems to end before what was handed out of it.
pub(super) struct Suspect {
    pub(super) position: u64,
    pub(super) looks: u32,
}

/// Looks for what is missing, as `catchup` does.
#[derive(Default)]
pub(super) struct Seeker {
    /// Found, and waiting for room in the tail's queue.
    pub(super) outbox: VecDeque<CatchUpEvent>,
    /// Whether it is about to try that again.
    pub(super) waits: bool,
    pub(super) suspects: BTreeMap<ConversationId, Suspect>,
    pub(super) next_sweep: Option<Instant>,
    pub(super) swept_completely: bool,
}

/// How a direct read goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReadFate {
    /// As far as was asked for, or as the topic goes.
    Whole,
    /// Some messages, and the rest a moment later.
    InPieces(usize),
    /// Some messages, and then it fails.
    BreaksOff(usize),
    /// It is not even begun.
    Fails,
}

impl Seeker {
    /// Hands over as much as there is room for.
    pub(super) fn hand_over(&mut self, found: &tokio::sync::mpsc::Sender<CatchUpEvent>) {
        while found.capacity() > 0
            && let Some(one) = self.outbox.pop_front()
        {
            drop(found.try_send(one));
        }
    }

    /// Reads directly. Returns what is still to be read a moment later.
    pub(super) fn read(&mut self, cluster: &Cluster, want: Want, end: u64, fate: ReadFate) -> Option<Want> {
        let Want { conversation, from: begin, to } = want;
        let mut from = begin;
        let most = match fate {
            ReadFate::Fails => {
                self.outbox.push_back(CatchUpEvent::Finished(vec![(conversation, None)]));
                return None;
            }
            ReadFate::Whole => usize::MAX,
            ReadFate::InPieces(most) | ReadFate::BreaksOff(most) => most,
        };
        let places = cluster.places(Stream::Conversation(conversation)).iter().enumerate();
        let there = places.map(|(offset, place)| (offset as u64, place.readable()));
        let wanted = there.filter(|(offset, record)| *offset >= begin && *offset < end && record.is_some());
        let mut stretches = Vec::new();
        for (offset, record) in wanted.take(most) {
            if from >= to {
                break;
            }
            stretches.push(Stretch { conversation, from, to: offset + 1, record });
            from = offset + 1;
        }
        let broken_off = stretches.len() >= most && from < to;
        // Nothing came up to the end: looked at alone, it is certain that there are only holes.
        let alone = !broken_off && from < to;
        if alone && from < to.min(end) {
            stretches.push(Stretch { conversation, from, to: to.min(end), record: None });
        }
        if !stretches.is_empty() {
            self.outbox.push_back(CatchUpEvent::Stretches(stretches));
        }
        if broken_off && matches!(fate, ReadFate::InPieces(_)) {
            return Some(Want { conversation, from, to });
        }
        self.outbox.push_back(CatchUpEvent::Finished(vec![(conversation, alone.then_some(end))]));
        None
    }

    /// Looks again where suspects end. Whether there is more to look at.
    pub(super) fn check(&mut self, end: impl Fn(ConversationId) -> u64) -> bool {
        let (mut over, outbox) = (Vec::new(), &mut self.outbox);
        for (conversation, suspect) in &mut self.suspects {
            suspect.looks += 1;
            let end = end(*conversation);
            if end >= suspect.position {
                over.push(*conversation);
            } else if suspect.looks >= limits::SHORTER_LOOKS {
                over.push(*conversation);
                let position = suspect.position;
                outbox.push_back(CatchUpEvent::Shorter { conversation: *conversation, end, position });
            }
        }
        self.suspects.retain(|conversation, _| !over.contains(conversation));
        !self.suspects.is_empty()
    }
}
