//! Which topics are to be rolled, until they are.
//!
//! A record that erases is in the log for good, and the views forget that it was wanted. So whoever writes one makes a
//! reservation here first, and a topic with a reservation is rolled, whatever becomes of the caller: a round that fails
//! is followed by another, later and later. The queue does not outlive the process: [`crate::kafka::unrolled`] and
//! [`super::leftovers`] find what a killed node had in it.

use crate::kafka::limits;
use crate::{AppendError, Stream};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Notify, oneshot},
    time::{Instant, sleep_until},
};

pub(in crate::kafka) type Rolled = Result<(), AppendError>;

/// See the module.
#[derive(Default)]
pub(in crate::kafka) struct RollQueue {
    pending: Mutex<BTreeMap<Stream, PendingRoll>>,
    changed: Notify,
    /// Wakes who looks for settings that rolls have left.
    pub(super) leftovers: Notify,
}

#[derive(Default)]
struct PendingRoll {
    /// Reservations that are held.
    reservations: usize,
    /// Since when, or from when on, the topic is to be rolled. None while it is, or where nobody needs it yet.
    due: Option<Instant>,
    /// Rounds in a row that failed.
    failed: u32,
    waiters: Vec<oneshot::Sender<Rolled>>,
}

/// Held by one who may write records that erase. When it is dropped, the topic is due, if that is needed.
pub(in crate::kafka) struct Reservation {
    rolls: Arc<RollQueue>,
    stream: Stream,
    needed: bool,
}

/// A topic of the round in hand, and who waits for it.
pub(super) struct Due {
    pub(super) stream: Stream,
    waiters: Vec<oneshot::Sender<Rolled>>,
}

impl RollQueue {
    /// None when too many topics wait already.
    pub(in crate::kafka) fn reserve(self: &Arc<Self>, stream: Stream) -> Option<Reservation> {
        let mut pending = self.pending();
        if pending.len() >= limits::ROLLS_PENDING_MAX && !pending.contains_key(&stream) {
            return None;
        }
        pending.entry(stream).or_default().reservations += 1;
        Some(Reservation { rolls: Arc::clone(self), stream, needed: false })
    }

    /// A topic is to be rolled, though nobody writes to it now. Returns false when too many wait already. A topic that
    /// waits, or is being rolled, is not rolled twice.
    pub(in crate::kafka) fn request(self: &Arc<Self>, stream: Stream) -> bool {
        if self.pending().contains_key(&stream) {
            return true;
        }
        let Some(mut reservation) = self.reserve(stream) else { return false };
        reservation.is_needed();
        true
    }

    /// A node may have been killed while it rolled topics: their settings are to be looked at.
    pub(in crate::kafka) fn look_for_leftovers(&self) {
        self.leftovers.notify_one();
    }

    /// Waits for topics that are due, and makes them the round in hand: at most so many, those before that failed least
    /// often. For one task. Cancel safe.
    pub(super) async fn due(&self, max: usize) -> Vec<Due> {
        loop {
            let next = {
                let (mut pending, now) = (self.pending(), Instant::now());
                let is_due = |pending: &PendingRoll| pending.due.filter(|due| *due <= now);
                let due = pending
                    .iter()
                    .filter_map(|(stream, pending)| Some((pending.failed, is_due(pending)?, *stream)));
                let mut due: Vec<_> = due.collect();
                due.sort_unstable();
                due.truncate(max);
                if !due.is_empty() {
                    let take = |(_, _, stream)| {
                        let pending = pending.get_mut(&stream)?;
                        pending.due = None;
                        Some(Due { stream, waiters: std::mem::take(&mut pending.waiters) })
                    };
                    return due.into_iter().filter_map(take).collect();
                }
                pending.values().filter_map(|pending| pending.due).min()
            };
            let later = async {
                match next {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = later => {}
                () = self.changed.notified() => {}
            }
        }
    }

    /// What came of a topic of the round in hand. Returns after what time it is rolled again, if it did not succeed.
    pub(super) fn done(&self, due: Due, rolled: &Rolled) -> Option<Duration> {
        let again = {
            let mut all = self.pending();
            let pending = all.entry(due.stream).or_default();
            if rolled.is_ok() {
                pending.failed = 0;
                if pending.reservations == 0 && pending.due.is_none() {
                    all.remove(&due.stream);
                }
                None
            } else {
                let wait = wait_after(pending.failed);
                pending.failed = pending.failed.saturating_add(1);
                pending.due.get_or_insert(Instant::now() + wait);
                Some(wait)
            }
        };
        for waiter in due.waiters {
            // Whoever no longer waits gets no answer.
            waiter.send(rolled.clone()).ok();
        }
        again
    }

    /// A topic that is gone holds nothing to be let go.
    pub(super) fn forget(&self, due: Due) {
        self.done(due, &Ok(()));
    }

    fn pending(&self) -> MutexGuard<'_, BTreeMap<Stream, PendingRoll>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(in crate::kafka) fn streams(&self) -> Vec<Stream> {
        self.pending().keys().copied().collect()
    }
}

fn wait_after(failed: u32) -> Duration {
    let wait = limits::ROLL_AGAIN_AFTER.saturating_mul(2_u32.saturating_pow(failed));
    wait.min(limits::ROLL_AGAIN_AFTER_MAX)
}

impl Reservation {
    /// A record that erases is about to be written.
    pub(in crate::kafka) fn is_needed(&mut self) {
        self.needed = true;
    }

    /// All is written. Answers when the topic was rolled once, or could not be for now.
    pub(in crate::kafka) fn written(self) -> oneshot::Receiver<Rolled> {
        let (waiter, answer) = oneshot::channel();
        self.rolls.pending().entry(self.stream).or_default().waiters.push(waiter);
        answer
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut all = self.rolls.pending();
        let pending = all.entry(self.stream).or_default();
        pending.reservations = pending.reservations.saturating_sub(1);
        if self.needed {
            let now = Instant::now();
            pending.due = Some(pending.due.map_or(now, |due| due.min(now)));
        } else if pending.reservations == 0
            && pending.due.is_none()
            && pending.failed == 0
            && pending.waiters.is_empty()
        {
            // A round in hand makes the entry anew where it fails.
            all.remove(&self.stream);
        }
        drop(all);
        self.rolls.changed.notify_one();
    }
}
