//! What happens to nodes and readers, as the dice say, and what the threads beside the tails do.

use super::{
    super::super::{Ask, CatchUpEvent, limits},
    Fault, Trouble,
    sides::{FeedTrouble, ReadFate, Suspect},
    world::{Event, SETTLE_WAIT, Side, World, any_ledger, name},
};
use crate::{Stream, resequencer::Want};
use std::{ops::RangeInclusive, time::Duration};
use tokio::time::Instant;

impl World {
    /// One more thing happens.
    pub(super) fn step(&mut self) {
        self.steps -= 1;
        let next = if self.steps > 0 { Event::Step } else { Event::Calm };
        self.after_ms(1..=300, next);
        let fate = if self.trouble == Trouble::All { self.rng.u8(0..30) } else { u8::MAX };
        let reader = self.rng.usize(0..self.readers.len());
        let node = self.rng.usize(0..self.nodes.len());
        match fate {
            0 => self.pause(reader),
            1 => {
                let until = Instant::now() + Duration::from_millis(self.rng.u64(1..=5_000));
                self.readers[reader].deaf_until = until;
                self.readers[reader].wake_up();
                self.note(|| format!("reader {reader} looks for nothing for a while"));
                self.at(until, Event::Awake(reader));
            }
            2 => self.kill(node),
            3 => {
                self.note(|| format!("reader {reader} drops its tail"));
                self.readers[reader].open = None;
                let batches_ago = self.rng.usize(0..10);
                self.after_ms(1..=2_000, Event::Reopen { reader, batches_ago });
            }
            4 if self.nodes[node].alive => self.remake_producer(node),
            5 | 8 if self.nodes[node].alive => self.erase(node),
            6 => {
                let stream = Stream::Conversation(self.conversation());
                let until = Instant::now() + Duration::from_millis(self.rng.u64(1..=1_500));
                self.note(|| format!("a broker that was deposed tells the end of {}", name(stream)));
                self.cluster.depose(stream, until);
            }
            7 if !self.writers.is_empty() => {
                let number = self.rng.usize(0..self.writers.len());
                if let Some(writer) = self.writers.keys().nth(number).copied() {
                    self.note(|| format!("nobody waits for append {writer} any more"));
                    self.writers.remove(&writer);
                }
            }
            9 => {
                // A hole at the very end.
                let stream = any_ledger(&mut self.rng);
                if let Some(last) = self.cluster.places(stream).len().checked_sub(1) {
                    self.after_ms(0..=1, Event::Forget(stream, last));
                }
            }
            _ => self.somebody_writes(),
        }
    }

    fn somebody_writes(&mut self) {
        let most = if self.one_in(8) { 12 } else { 3 };
        for _ in 0..self.rng.usize(1..=most) {
            let node = self.rng.usize(0..self.nodes.len());
            let ledger = self.rng.u8(0..5) == 0;
            let stream =
                if ledger { any_ledger(&mut self.rng) } else { Stream::Conversation(self.conversation()) };
            let message = self.number();
            if self.nodes[node].alive {
                self.write(node, stream, message);
            }
        }
    }

    fn pause(&mut self, reader: usize) {
        let until = Instant::now() + Duration::from_millis(self.rng.u64(100..=8_000));
        self.note(|| format!("reader {reader} pauses"));
        self.readers[reader].paused_until = until;
        self.readers[reader].wake_up();
        self.at(until, Event::Awake(reader));
    }

    /// The process ends here and now.
    fn kill(&mut self, node: usize) {
        if !self.nodes[node].alive {
            return;
        }
        let cut_off = self.rng.bool();
        self.note(|| format!("node {node} is killed; what it sent arrives: {}", !cut_off));
        if cut_off {
            self.cut_off.insert(self.nodes[node].run);
        }
        self.nodes[node].alive = false;
        for reader in self.readers.iter_mut().filter(|reader| reader.node == node) {
            reader.open = None;
        }
        self.writers.retain(|_, writer| writer.node != node);
        self.drop_flights(node);
        self.after_ms(100..=5_000, Event::Restart(node));
    }

    pub(super) fn restart(&mut self, node: usize) {
        if self.nodes[node].alive {
            return;
        }
        self.nodes[node] = self.node();
        self.note(|| format!("node {node} starts"));
        self.look_after_debts(node);
        for reader in 0..self.readers.len() {
            if self.readers[reader].node == node {
                let batches_ago = if self.rng.bool() { 0 } else { self.rng.usize(0..10) };
                self.open_reader(reader, batches_ago);
            }
        }
    }

    /// A record is forgotten: another stands for that, and a message that stands for nothing.
    fn erase(&mut self, node: usize) {
        let conversation = self.conversation();
        let ledger = self.rng.u8(0..4) == 0;
        let stream = if ledger { any_ledger(&mut self.rng) } else { Stream::Conversation(conversation) };
        let end = self.cluster.places(stream).len();
        if end == 0 {
            return;
        }
        let offset = self.rng.usize(0..end);
        let message = self.number();
        self.erasing.insert(message);
        self.write(node, stream, message);
        self.after_ms(1..=4_000, Event::Forget(stream, offset));
    }

    /// From now on nothing fails.
    pub(super) fn calm_down(&mut self) {
        self.note(|| "all is calm".into());
        self.calm = true;
        let now = Instant::now();
        for reader in &mut self.readers {
            reader.paused_until = reader.paused_until.min(now);
            reader.deaf_until = reader.deaf_until.min(now);
            reader.wake_up();
        }
        for node in 0..self.nodes.len() {
            self.restart(node);
        }
        for reader in 0..self.readers.len() {
            if self.readers[reader].open.is_none() {
                self.open_reader(reader, 0);
            }
        }
        self.at(now + self.sweep_interval + SETTLE_WAIT, Event::Over);
    }

    pub(super) fn look_after_debts(&mut self, node: usize) {
        let run = self.nodes[node].run;
        self.at(Instant::now() + limits::PROBE_INTERVAL, Event::Debts { node, run });
    }

    pub(super) fn soon(&mut self, reader: usize, ms: RangeInclusive<u64>, side: Side) {
        let opened = self.readers[reader].opened;
        self.after_ms(ms, Event::Side { reader, opened, side });
    }

    /// A tail asks for something.
    pub(super) fn take_ask(&mut self, reader: usize, ask: Ask) {
        match ask {
            Ask::Sweep => self.soon(reader, 1..=100, Side::Sweep),
            Ask::End(conversation) => self.soon(reader, 1..=100, Side::End(conversation)),
            Ask::Check(suspects) => {
                let Some(open) = &mut self.readers[reader].open else { return };
                let idle = open.seeker.suspects.is_empty();
                for (conversation, position) in suspects {
                    let new = Suspect { position, looks: 0 };
                    open.seeker.suspects.entry(conversation).or_insert(new);
                }
                if idle {
                    self.soon(reader, 1..=50, Side::Check);
                }
            }
            Ask::Read(wants) => {
                for want in wants {
                    self.note(|| format!("reader {reader} reads {}", wanted(want)));
                    self.direct_reads += 1;
                    let fate = self.read_fate();
                    self.soon(reader, 1..=200, Side::Read(want, fate));
                }
            }
        }
    }

    fn read_fate(&mut self) -> ReadFate {
        let most = self.rng.usize(0..=3);
        if self.one_in(6) {
            ReadFate::Fails
        } else if self.one_in(5) {
            ReadFate::BreaksOff(most)
        } else if self.one_in(3) {
            ReadFate::InPieces(most.max(1))
        } else {
            ReadFate::Whole
        }
    }

    /// A thread beside a tail does something.
    pub(super) fn side(&mut self, reader: usize, side: Side) {
        match side {
            Side::Begin => self.begin(reader),
            Side::Follow => self.follow(reader),
            Side::Sweep => self.sweep(reader),
            Side::End(conversation) => {
                if self.one_in(4) {
                    return self.sweep_at(reader, limits::PROBE_RETRY);
                }
                let end = self.end_as_told(reader, conversation);
                self.soon(reader, 0..=200, Side::CatchUpEvent(CatchUpEvent::End(conversation, end)));
            }
            Side::Check => {
                let ends: Vec<_> = self.cluster.conversations();
                let ends: std::collections::BTreeMap<_, _> =
                    ends.into_iter().map(|id| (id, self.end_as_told(reader, id))).collect();
                let Some(open) = &mut self.readers[reader].open else { return };
                if open.seeker.check(|id| ends.get(&id).copied().unwrap_or(0)) {
                    self.soon(reader, 1_000..=1_000, Side::Check);
                }
            }
            Side::Read(want, fate) => self.read(reader, want, fate),
            Side::CatchUpEvent(found) => {
                if let Some(open) = &mut self.readers[reader].open {
                    open.seeker.outbox.push_back(found);
                }
            }
            Side::HandOver => {
                if let Some(open) = &mut self.readers[reader].open {
                    open.seeker.waits = false;
                }
            }
        }
        self.hand_over(reader);
    }

    /// Hands over what was found. Where there is no room, the thread waits.
    fn hand_over(&mut self, reader: usize) {
        let Some(open) = &mut self.readers[reader].open else { return };
        open.seeker.hand_over(&open.found);
        let waits = !open.seeker.outbox.is_empty();
        if waits && !std::mem::replace(&mut open.seeker.waits, true) {
            self.soon(reader, 100..=100, Side::HandOver);
        }
    }

    fn begin(&mut self, reader: usize) {
        let Some(open) = &mut self.readers[reader].open else { return };
        let ends = open.follower.begin(&self.cluster);
        drop(open.live.try_send(vec![ends]));
        self.follower_looks(reader);
    }

    fn follow(&mut self, reader: usize) {
        let run = self.nodes[self.readers[reader].node].run;
        let mut trouble = FeedTrouble { messages_max: usize::MAX, ..FeedTrouble::default() };
        if self.trouble == Trouble::All && !self.calm {
            trouble.messages_max = self.rng.usize(1..=6);
            (trouble.lost_percent, trouble.again_percent) = (3, 5);
        }
        let Some(open) = &mut self.readers[reader].open else { return };
        open.follower.looks = false;
        let mut taken = Vec::new();
        if open.live.capacity() > 0 {
            taken = open.follower.look(&self.cluster, run, trouble, &mut self.rng);
        }
        let behind = open.follower.is_behind(&self.cluster);
        if self.fault == Fault::ReaderWithoutOrder {
            self.hand_out_as_it_comes(reader, &taken);
        } else if !taken.is_empty() {
            drop(open.live.try_send(taken));
        }
        if behind {
            self.follower_looks(reader);
        }
    }

    fn sweep_at(&mut self, reader: usize, wait: Duration) {
        let wait = u64::try_from(wait.as_millis()).unwrap();
        self.soon(reader, wait..=wait + 100, Side::Sweep);
    }

    fn sweep(&mut self, reader: usize) {
        let Some(open) = &mut self.readers[reader].open else { return };
        if self.fault == Fault::NoLaterSweeps && open.seeker.swept_completely {
            return;
        }
        // Of the sweeps that were meant to come, only one comes.
        let now = Instant::now();
        if self.one_in(4) {
            self.note(|| format!("reader {reader}: the sweep is put off"));
            return self.sweep_at(reader, limits::PROBE_RETRY);
        }
        let conversations = self.cluster.conversations();
        let there = conversations.len();
        let mut ends = Vec::with_capacity(there);
        for conversation in conversations {
            if !self.one_in(6) {
                ends.push((conversation, self.end_as_told(reader, conversation)));
            }
        }
        let complete = ends.len() == there || self.fault == Fault::PartsCalledWhole;
        self.note(|| {
            let ends: Vec<_> = ends.iter().map(|(id, end)| (id.0.as_u128(), end)).collect();
            format!("reader {reader} sweeps: {ends:?}, complete: {complete}")
        });
        self.soon(reader, 1..=400, Side::CatchUpEvent(CatchUpEvent::Swept { ends, complete }));
        let interval = self.sweep_interval;
        let Some(open) = &mut self.readers[reader].open else { return };
        open.seeker.swept_completely |= complete;
        let pause = if open.seeker.swept_completely { interval } else { limits::PROBE_RETRY };
        let planned = open.seeker.next_sweep.is_some_and(|at| at > now);
        if !planned {
            open.seeker.next_sweep = Some(now + pause);
            self.sweep_at(reader, pause);
        }
    }

    fn read(&mut self, reader: usize, want: Want, fate: ReadFate) {
        let end = self.end_as_told(reader, want.conversation);
        let Some(open) = &mut self.readers[reader].open else { return };
        let rest = open.seeker.read(&self.cluster, want, end, fate);
        if self.fault == Fault::ReadsCallRecordsHoles
            && self.rng.u8(0..10) == 0
            && let Some(CatchUpEvent::Stretches(stretches)) =
                open.seeker.outbox.iter_mut().rev().find(|it| matches!(it, CatchUpEvent::Stretches(_)))
        {
            for stretch in stretches.iter_mut() {
                stretch.record = None;
            }
        }
        if let Some(rest) = rest {
            self.soon(reader, 1..=200, Side::Read(rest, fate));
        }
    }

    /// What a tail is there to prevent.
    fn hand_out_as_it_comes(&mut self, reader: usize, taken: &[super::super::super::Live]) {
        use super::super::super::Live;
        use crate::{Batch, Entry};
        use kafkatalk_protocol::Offset;
        for live in taken {
            let Live::Copied { conversation, offset, record } = live else { continue };
            let stream = Stream::Conversation(*conversation);
            let record = std::sync::Arc::clone(record);
            let batch = Batch {
                entries: vec![Entry { stream, offset: Offset(*offset), record }],
                progress: vec![(stream.to_string(), offset + 1)],
                ..Batch::default()
            };
            if let Err(why) = self.readers[reader].take(&batch, &self.cluster) {
                return self.fail(why);
            }
        }
    }
}

fn wanted(want: Want) -> String {
    let Want { conversation, from, to } = want;
    format!("{} from {from} to {to}", name(Stream::Conversation(conversation)))
}
