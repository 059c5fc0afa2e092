//! Somebody who follows the log, keeps a checkpoint, and looks at everything that is handed out.

use super::{
    super::super::{Ask, CatchUpEvent, KafkaTail, Live, Shared, Sides},
    cluster::{Cluster, Place},
    sides::{Follower, Seeker},
    world::Turn,
};
use crate::{Batch, Checkpoint, RecordId, Stream, Tail as _};
use std::{
    collections::{BTreeMap, VecDeque},
    future::poll_fn,
    sync::{Arc, mpsc::Receiver},
    task::Poll,
};
use tokio::{
    sync::{
        mpsc::{self, UnboundedSender},
        watch,
    },
    time::Instant,
};

/// Checkpoints that a reader may be put back to.
const SAVED_MAX: usize = 8;

/// How far a reader has come: its checkpoint, read.
type Positions = BTreeMap<Stream, u64>;

/// A tail that is open, and what stands in for its threads.
pub(super) struct Open {
    _following: AbortOnDrop,
    held_up: watch::Sender<HeldUp>,
    pub(super) live: mpsc::Sender<Vec<Live>>,
    pub(super) found: mpsc::Sender<CatchUpEvent>,
    pub(super) follower: Follower,
    pub(super) seeker: Seeker,
    /// Where all streams ended when it was opened.
    at_opening: BTreeMap<Stream, u64>,
    pub(super) caught_up: bool,
}

pub(super) struct Reader {
    pub(super) node: usize,
    /// How often it was opened: what was meant for an earlier tail is not for this one.
    pub(super) opened: u64,
    pub(super) open: Option<Open>,
    pub(super) paused_until: Instant,
    /// Whether the thread that reads directly takes no asks for now.
    pub(super) deaf_until: Instant,
    positions: Positions,
    saved: VecDeque<Positions>,
    handed: BTreeMap<Stream, BTreeMap<u64, RecordId>>,
}

impl Reader {
    pub(super) fn new(node: usize) -> Self {
        let now = Instant::now();
        Self {
            node,
            opened: 0,
            open: None,
            paused_until: now,
            deaf_until: now,
            positions: Positions::new(),
            saved: VecDeque::new(),
            handed: BTreeMap::new(),
        }
    }

    /// Opens a tail where it was so many batches ago; where that is too long ago, from the beginning.
    pub(super) fn open(
        &mut self,
        number: usize,
        shared: &Arc<Shared>,
        cluster: &Cluster,
        batches_ago: usize,
        told: UnboundedSender<Turn>,
    ) {
        let saved = self.saved.iter().rev().nth(batches_ago);
        self.positions = saved.cloned().unwrap_or_default();
        let kept = self.saved.len().saturating_sub(batches_ago);
        self.saved.truncate(kept);
        for (stream, handed) in &mut self.handed {
            let position = self.positions.get(stream).copied().unwrap_or(0);
            handed.retain(|offset, _| *offset < position);
        }
        let checkpoint: Checkpoint =
            self.positions.iter().map(|(stream, next)| (stream.to_string(), *next)).collect();
        let (tail, sides) = KafkaTail::new(shared, &Arc::default(), &checkpoint).unwrap();
        let Sides { start, asks, live, found } = sides;
        self.opened += 1;
        let (held_up, hears) = watch::channel(self.held_up());
        let following = follow(tail, asks, hears, (number, self.opened), told);
        self.open = Some(Open {
            _following: AbortOnDrop::spawn(following),
            held_up,
            live,
            found,
            follower: Follower::new(start.ledgers),
            seeker: Seeker::default(),
            at_opening: cluster.topics().map(|(stream, places)| (stream, places.len() as u64)).collect(),
            caught_up: false,
        });
    }

    pub(super) fn is_open(&self, opened: u64) -> bool {
        self.open.is_some() && self.opened == opened
    }

    fn held_up(&self) -> HeldUp {
        let now = Instant::now();
        HeldUp { pauses: now < self.paused_until, is_deaf: now < self.deaf_until }
    }

    /// Goes on, where a pause is over; begins it, where it has begun.
    pub(super) fn wake_up(&self) {
        if let Some(open) = &self.open {
            open.held_up.send_replace(self.held_up());
        }
    }

    pub(super) fn position(&self, stream: Stream) -> u64 {
        self.positions.get(&stream).copied().unwrap_or(0)
    }

    /// Takes a batch in. Says what is wrong with it.
    pub(super) fn take(&mut self, batch: &Batch, cluster: &Cluster) -> Result<(), String> {
        let mut next: BTreeMap<Stream, u64> = BTreeMap::new();
        for entry in &batch.entries {
            let (stream, offset) = (entry.stream, entry.offset.0);
            let expected = next.get(&stream).copied().unwrap_or_else(|| self.position(stream));
            if offset < expected {
                return Err(format!("{stream} {offset} is handed out again: {expected} comes next"));
            }
            nothing_skipped(cluster, stream, expected, offset)?;
            let place = cluster.place(stream, offset);
            if place.and_then(Place::id) != Some(entry.record.id) {
                return Err(format!("{stream} {offset} is handed out and is not what the topic holds"));
            }
            self.handed.entry(stream).or_default().insert(offset, entry.record.id);
            next.insert(stream, offset + 1);
        }
        for (name, position) in &batch.progress {
            let stream: Stream = name.parse().map_err(|error| format!("{error}"))?;
            let expected = next.get(&stream).copied().unwrap_or_else(|| self.position(stream));
            if *position < expected {
                return Err(format!("{stream} goes back from {expected} to {position}"));
            }
            nothing_skipped(cluster, stream, expected, *position)?;
            next.insert(stream, *position);
            self.positions.insert(stream, *position);
        }
        if let Some((stream, next)) = next.iter().find(|(stream, next)| self.position(**stream) < **next) {
            return Err(format!("{stream} was handed out up to {next} and the checkpoint does not say so"));
        }
        self.saved.push_back(self.positions.clone());
        if self.saved.len() > SAVED_MAX {
            self.saved.pop_front();
        }
        self.hear_whether_caught_up(batch)
    }

    fn hear_whether_caught_up(&mut self, batch: &Batch) -> Result<(), String> {
        let Some(open) = &self.open else { return Ok(()) };
        if open.caught_up && !batch.caught_up {
            return Err("it was caught up, and no longer is".into());
        }
        if batch.caught_up && !open.caught_up {
            for (stream, end) in &open.at_opening {
                let position = self.position(*stream);
                if position < *end {
                    let why = format!("it is called caught up at {position} of {stream}, which had {end}");
                    return Err(why);
                }
            }
        }
        if let Some(open) = &mut self.open {
            open.caught_up = batch.caught_up;
        }
        Ok(())
    }

    pub(super) fn has_all(&self, cluster: &Cluster) -> bool {
        self.missing(cluster).is_none()
    }

    /// What it lacks of what the topics hold.
    pub(super) fn missing(&self, cluster: &Cluster) -> Option<String> {
        if !self.open.as_ref().is_some_and(|open| open.caught_up) {
            return Some("it was never told that it is caught up".into());
        }
        for (stream, places) in cluster.topics() {
            let position = self.position(stream);
            // Nobody tells of holes at a ledger's end, but to whoever begins.
            let rest = places.iter().skip(usize::try_from(position).unwrap());
            let only_holes = rest.clone().all(Place::is_hole) && matches!(stream, Stream::Ledger(_));
            if rest.len() > 0 && !only_holes {
                return Some(format!("it is at {position} of {stream}, which has {}", places.len()));
            }
            for (offset, place) in places.iter().enumerate().filter(|(_, place)| !place.is_hole()) {
                let handed = self.handed.get(&stream).and_then(|handed| handed.get(&(offset as u64)));
                if handed.copied() != place.id() {
                    return Some(format!("it was never handed {stream} {offset}"));
                }
            }
        }
        None
    }

    /// As a reader does that keeps its checkpoint and loses what came with it.
    pub(super) fn lose(&mut self, batch: &Batch) {
        for entry in &batch.entries {
            self.handed.entry(entry.stream).or_default().remove(&entry.offset.0);
        }
    }
}

/// What holds up a reader.
#[derive(Clone, Copy)]
struct HeldUp {
    /// It takes nothing from its tail.
    pauses: bool,
    /// The thread that reads directly takes no asks.
    is_deaf: bool,
}

/// A task that ends with its owner.
pub(super) struct AbortOnDrop(tokio::task::AbortHandle);

impl AbortOnDrop {
    pub(super) fn spawn(task: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(task).abort_handle())
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Passes on what a tail hands out and asks for.
async fn follow(
    mut tail: KafkaTail,
    mut asks: Receiver<Ask>,
    mut held_up: watch::Receiver<HeldUp>,
    (reader, opened): (usize, u64),
    told: UnboundedSender<Turn>,
) {
    loop {
        let HeldUp { pauses, is_deaf } = *held_up.borrow_and_update();
        let (asks, told_of) = (&mut asks, &told);
        let mut next = tail.next();
        let next = poll_fn(move |context| {
            let polled = if pauses { Poll::Pending } else { next.as_mut().poll(context) };
            while !is_deaf && let Ok(ask) = asks.try_recv() {
                told_of.send(Turn::Asked(reader, opened, ask)).ok();
            }
            polled
        });
        tokio::select! {
            biased;
            // Whatever the tail was about to do is dropped.
            changed = held_up.changed() => if changed.is_err() { return },
            batch = next => drop(told.send(Turn::Batch(reader, opened, batch))),
        }
    }
}

/// Only holes may be stepped over.
fn nothing_skipped(cluster: &Cluster, stream: Stream, from: u64, to: u64) -> Result<(), String> {
    for offset in from..to {
        match cluster.place(stream, offset) {
            None => return Err(format!("{stream} is passed at {offset}, where nothing is yet")),
            Some(place) if !place.is_hole() => return Err(format!("{stream} {offset} is skipped")),
            Some(_) => {}
        }
    }
    Ok(())
}
