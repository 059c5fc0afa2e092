//! The tail: own acknowledgements, the feed, the ledgers and direct reads, put in order.
//!
//! There is no task behind it: the reader's own call of `next` does the work, so that a record is one wake-up away from
//! its reader. Two threads stand beside it, one that waits for the feed and the ledgers ([`live`]), one that reads what
//! is missing ([`catchup`]).

use super::{
    catchup::{self, Ask, CatchUpEvent},
    erase::queue::RollQueue,
    inbox::{Ack, Inbox},
    known_topics::Topic,
    limits,
    live::{self, Live},
    names::position,
    recent::Recent,
    shared::Shared,
    unrolled::Unrolled,
};
use crate::{Batch, Checkpoint, Entry, Ledger, ReadError, Stream, Tail, resequencer::Resequencer};
use async_trait::async_trait;
use kafkatalk_protocol::ConversationId;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{
        Arc,
        atomic::Ordering,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep_until},
};

mod take;
#[cfg(test)]
mod tests;

pub(super) struct KafkaTail {
    shared: Arc<Shared>,
    closed: watch::Receiver<bool>,
    inbox: Inbox,
    acks: mpsc::Receiver<Ack>,
    live: mpsc::Receiver<Vec<Live>>,
    found: mpsc::Receiver<CatchUpEvent>,
    reads: SyncSender<Ask>,
    resequencer: Resequencer,
    ledgers: [u64; Ledger::ALL.len()],
    ledger_ends: Option<[u64; Ledger::ALL.len()]>,
    ledgers_moved: bool,
    /// Conversations that the first sweep found behind, and where they ended. None before it.
    behind: Option<HashMap<ConversationId, u64>>,
    /// Wanted, and not asked for yet because the thread has enough to do.
    sweep_wanted: bool,
    look_up: BTreeSet<ConversationId>,
    /// Conversations that seem to end before what was handed out of them.
    suspects: BTreeMap<ConversationId, u64>,
    /// Own records that wait for earlier ones of their conversations: up to where these surely go.
    acknowledged: HashMap<ConversationId, u64>,
    /// Why nothing more can be handed out.
    damaged: Option<String>,
    caught_up: CaughtUp,
    reading: usize,
    entries: Vec<Entry>,
    entries_bytes: usize,
    /// How many of the entries were added up and noted.
    noted: usize,
    recent: Recent,
    unrolled: Unrolled,
    rolls: Arc<RollQueue>,
}

/// What the threads beside a tail begin with, are asked, and tell.
struct Sides {
    start: live::Start,
    asks: Receiver<Ask>,
    live: mpsc::Sender<Vec<Live>>,
    found: mpsc::Sender<CatchUpEvent>,
}

/// Whether all that was there when the tail was opened is handed out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CaughtUp {
    NotYet,
    /// It is, and the reader is to hear of it.
    ToSay,
    Said,
}

/// What a checkpoint means here.
fn positions(from: &Checkpoint) -> ([u64; Ledger::ALL.len()], HashMap<ConversationId, u64>) {
    let (mut ledgers, mut conversations) = ([0; Ledger::ALL.len()], HashMap::new());
    for (name, next) in from {
        match name.parse() {
            Ok(Stream::Ledger(ledger)) => ledgers[position(ledger)] = *next,
            Ok(Stream::Conversation(id)) => drop(conversations.insert(id, *next)),
            Err(_) if Unrolled::is_name(name) => {}
            Err(_) => tracing::debug!(name, "the checkpoint names something that this log does not know"),
        }
    }
    (ledgers, conversations)
}

impl KafkaTail {
    pub(super) fn open(
        shared: &Arc<Shared>,
        rolls: &Arc<RollQueue>,
        from: &Checkpoint,
    ) -> Result<Self, ReadError> {
        let (tail, Sides { start, live, asks, found }) = Self::new(shared, rolls, from)?;
        let (of_live, of_catch_up) = (Arc::clone(shared), Arc::clone(shared));
        spawn("kafka-follow", move || live::follow(&of_live, &start, &live))?;
        spawn("kafka-catch-up", move || catchup::run(&of_catch_up, &asks, &found))?;
        Ok(tail)
    }

    /// A tail, and what its threads are to have.
    fn new(
        shared: &Arc<Shared>,
        rolls: &Arc<RollQueue>,
        from: &Checkpoint,
    ) -> Result<(Self, Sides), ReadError> {
        let too_many = || ReadError::Unavailable(format!("{} tails are open already", limits::TAILS_MAX));
        let (ledgers, conversations) = positions(from);
        for (conversation, _) in conversations.iter().filter(|(_, next)| **next > 0) {
            shared.topics.saw(*conversation, Topic::Used);
        }
        let position = |stream| match stream {
            Stream::Ledger(ledger) => ledgers[position(ledger)],
            Stream::Conversation(id) => conversations.get(&id).copied().unwrap_or(0),
        };
        let unrolled = Unrolled::new(from, position, shared.unrolled_grace(), Instant::now());
        let (inbox, acks) = shared.open_inbox().ok_or_else(too_many)?;
        let (live_in, live) = mpsc::channel(limits::CHUNKS_MAX);
        let (found_in, found) = mpsc::channel(limits::CHUNKS_MAX);
        let (reads, asked) = sync_channel(limits::ASKS_MAX);
        let tail = Self {
            shared: Arc::clone(shared),
            closed: shared.closed.subscribe(),
            inbox,
            acks,
            live,
            found,
            reads,
            resequencer: Resequencer::new(limits::RESEQUENCER, conversations),
            ledgers,
            ledger_ends: None,
            ledgers_moved: false,
            behind: None,
            sweep_wanted: false,
            look_up: BTreeSet::new(),
            suspects: BTreeMap::new(),
            acknowledged: HashMap::new(),
            damaged: None,
            caught_up: CaughtUp::NotYet,
            reading: 0,
            entries: Vec::new(),
            entries_bytes: 0,
            noted: 0,
            recent: Recent::default(),
            unrolled,
            rolls: Arc::clone(rolls),
        };
        let start = live::Start { ledgers };
        Ok((tail, Sides { start, live: live_in, asks: asked, found: found_in }))
    }

    /// Takes all that is there, up to a batch.
    fn take_waiting(&mut self) {
        while self.entries.len() < limits::BATCH_ENTRIES_MAX && self.entries_bytes < limits::BATCH_BYTES_MAX {
            let before = self.entries.len();
            let mut more = false;
            if let Ok(ack) = self.acks.try_recv() {
                self.take_ack(ack);
                more = true;
            }
            if let Ok(chunk) = self.live.try_recv() {
                self.take_live(chunk);
                more = true;
            }
            if let Ok(found) = self.found.try_recv() {
                self.take_found(found);
                more = true;
            }
            self.note();
            if !more && before == self.entries.len() {
                break;
            }
        }
        if self.inbox.overflowed.load(Ordering::Relaxed) && self.acks.is_empty() {
            self.inbox.overflowed.store(false, Ordering::Release);
            self.sweep_wanted = true;
        }
    }

    /// Adds up and remembers what came since the last time.
    fn note(&mut self) {
        let new = &self.entries[self.noted..];
        self.entries_bytes += new.iter().map(|entry| entry.record.bytes()).sum::<usize>();
        self.recent.note(new);
        self.unrolled.note(new, Instant::now());
        self.noted = self.entries.len();
    }

    /// A node that rolled topics may have been killed: this one before it was started again, or another one.
    fn look_after_rolls(&mut self) {
        self.unrolled.due_by(Instant::now() + self.shared.takeover_delay());
        self.rolls.look_for_leftovers();
    }

    /// Has topics rolled that nobody else seems to roll. Before all that was there is handed out, nobody knows.
    fn roll(&mut self) {
        if self.caught_up != CaughtUp::Said {
            return;
        }
        for stream in self.unrolled.due(Instant::now()) {
            tracing::info!(%stream, "rolling a topic after an erasure that was left to do");
            // Where too many wait, it is due again later.
            self.rolls.request(stream);
        }
    }

    /// Asks for what is missing, as far as the thread can take it.
    fn ask(&mut self) {
        if self.sweep_wanted && self.reads.try_send(Ask::Sweep).is_ok() {
            self.sweep_wanted = false;
        }
        while let Some(conversation) = self.look_up.first().copied() {
            if self.reads.try_send(Ask::End(conversation)).is_err() {
                break;
            }
            self.look_up.remove(&conversation);
        }
        if !self.suspects.is_empty() {
            let suspects = self.suspects.iter().map(|(id, position)| (*id, *position)).collect();
            if self.reads.try_send(Ask::Check(suspects)).is_ok() {
                self.suspects.clear();
            }
        }
        if !self.may_ask() {
            return;
        }
        let (now, room) = (Instant::now(), limits::CATCH_UP_TOPICS_MAX - self.reading);
        let wants = self.resequencer.wanted(now, room);
        if wants.is_empty() {
            return;
        }
        let conversations: Vec<_> = wants.iter().map(|want| want.conversation).collect();
        if self.reads.try_send(Ask::Read(wants)).is_ok() {
            self.reading += conversations.len();
        } else {
            for conversation in conversations {
                self.resequencer.not_read(conversation, now);
            }
        }
    }

    /// A new group only when half of the last is through: assigning costs, however few.
    fn may_ask(&self) -> bool {
        self.reading <= limits::CATCH_UP_TOPICS_MAX / 2
    }

    /// Whether all is handed out that was there when the tail was opened.
    fn look_whether_caught_up(&mut self) {
        let (Some(ends), Some(behind)) = (&self.ledger_ends, &mut self.behind) else { return };
        behind.retain(|conversation, end| !self.resequencer.has_passed(*conversation, *end));
        let ledgers = ends.iter().zip(&self.ledgers).all(|(end, next)| next >= end);
        if ledgers && behind.is_empty() {
            self.caught_up = CaughtUp::ToSay;
        }
    }

    fn batch(&mut self) -> Option<Batch> {
        self.note();
        let moved = self.resequencer.take_moved();
        for (conversation, next) in &moved {
            self.unrolled.moved(Stream::Conversation(*conversation), *next);
        }
        for (ledger, next) in Ledger::ALL.iter().zip(&self.ledgers).filter(|_| self.ledgers_moved) {
            self.unrolled.moved(Stream::Ledger(*ledger), *next);
        }
        if !self.acknowledged.is_empty() {
            self.acknowledged.retain(|conversation, end| !self.resequencer.has_passed(*conversation, *end));
        }
        if self.caught_up == CaughtUp::NotYet {
            self.look_whether_caught_up();
        }
        let announce = self.caught_up == CaughtUp::ToSay;
        if self.entries.is_empty() && moved.is_empty() && !self.ledgers_moved && !announce {
            return None;
        }
        let mut progress: Vec<_> =
            moved.into_iter().map(|(id, next)| (Stream::Conversation(id).to_string(), next)).collect();
        if self.ledgers_moved || announce {
            let ledgers = Ledger::ALL.iter().zip(&self.ledgers);
            progress.extend(ledgers.map(|(ledger, next)| (ledger.as_str().to_owned(), *next)));
        }
        progress.extend(self.unrolled.take_progress());
        self.ledgers_moved = false;
        if announce {
            self.caught_up = CaughtUp::Said;
            self.look_after_rolls();
        }
        let ledger_lag: u64 = self.ledger_ends.map_or(0, |ends| {
            ends.iter().zip(&self.ledgers).map(|(end, next)| end.saturating_sub(*next)).sum()
        });
        (self.entries_bytes, self.noted) = (0, 0);
        Some(Batch {
            entries: std::mem::take(&mut self.entries),
            progress,
            caught_up: self.caught_up == CaughtUp::Said,
            lag: self.resequencer.lag() + ledger_lag,
        })
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), ReadError> {
    let spawned = thread::Builder::new().name(name.into()).spawn(run);
    spawned.map(drop).map_err(|error| ReadError::Unavailable(format!("no thread for the tail: {error}")))
}

#[async_trait]
impl Tail for KafkaTail {
    async fn next(&mut self) -> Result<Option<Batch>, ReadError> {
        loop {
            self.take_waiting();
            self.ask();
            self.roll();
            if let Some(why) = &self.damaged {
                return Err(ReadError::Damaged(why.clone()));
            }
            if let Some(batch) = self.batch() {
                return Ok(Some(batch));
            }
            if *self.closed.borrow_and_update() {
                return Ok(None);
            }
            let due = self.resequencer.next_due().filter(|_| self.may_ask());
            let roll_due = self.unrolled.next_due().filter(|_| self.caught_up == CaughtUp::Said);
            let due_at = due.into_iter().chain(roll_due).min();
            let due_at = due_at.unwrap_or_else(|| Instant::now() + limits::PROBE_INTERVAL);
            // Everything received is kept in `self` before the next wait, so that a call that is dropped loses nothing.
            tokio::select! {
                biased;
                _ = self.closed.changed() => {}
                Some(ack) = self.acks.recv() => self.take_ack(ack),
                chunk = self.live.recv() => match chunk {
                    Some(chunk) => self.take_live(chunk),
                    None => return self.ended(),
                },
                found = self.found.recv() => match found {
                    Some(found) => self.take_found(found),
                    None => return self.ended(),
                },
                () = sleep_until(due_at) => {}
            }
        }
    }
}

impl KafkaTail {
    /// A thread ended: because the log is closed, or because it could not go on.
    fn ended(&self) -> Result<Option<Batch>, ReadError> {
        if self.shared.is_closed() {
            return Ok(None);
        }
        Err(ReadError::Unavailable("a thread of the tail ended: open it again".into()))
    }
}

impl Drop for KafkaTail {
    fn drop(&mut self) {
        self.shared.close_inbox(self.inbox.id);
    }
}
