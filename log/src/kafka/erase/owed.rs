//! Which topics are to be rolled, until they are.
//!
//! A record that erases is in the log for good, and the views forget that it was wanted. So whoever writes one takes a
//! place here first, and what has a place is rolled, whatever becomes of the caller: a round that fails is followed by
//! another, later and later. Of these notes nothing outlives the process: see [`crate::kafka::unrolled`] and [`super::leftovers`].

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
pub(in crate::kafka) struct Rolls {
    owed: Mutex<BTreeMap<Stream, Owed>>,
    changed: Notify,
    /// Wakes who looks for settings that rolls have left.
    pub(super) leftovers: Notify,
}

#[derive(Default)]
struct Owed {
    /// Places that are taken.
    places: usize,
    /// Since when, or from when on, the topic is to be rolled. None while it is, or where nobody needs it yet.
    due: Option<Instant>,
    /// Rounds in a row that failed.
    failed: u32,
    waiters: Vec<oneshot::Sender<Rolled>>,
}

/// Of one who may write records that erase. When it is dropped, the topic is due, if that is needed.
pub(in crate::kafka) struct Place {
    rolls: Arc<Rolls>,
    stream: Stream,
    needed: bool,
}

/// A topic of the round in hand, and who waits for it.
pub(super) struct Due {
    pub(super) stream: Stream,
    waiters: Vec<oneshot::Sender<Rolled>>,
}

impl Rolls {
    /// None when too many topics wait already.
    pub(in crate::kafka) fn take_place(self: &Arc<Self>, stream: Stream) -> Option<Place> {
        let mut owed = self.owed();
        if owed.len() >= limits::ROLLS_OWED_MAX && !owed.contains_key(&stream) {
            return None;
        }
        owed.entry(stream).or_default().places += 1;
        Some(Place { rolls: Arc::clone(self), stream, needed: false })
    }

    /// A topic is to be rolled, though nobody writes to it now. Returns false when too many wait already. A topic that
    /// waits, or is being rolled, is not rolled twice.
    pub(in crate::kafka) fn owe(self: &Arc<Self>, stream: Stream) -> bool {
        if self.owed().contains_key(&stream) {
            return true;
        }
        let Some(mut place) = self.take_place(stream) else { return false };
        place.is_needed();
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
                let (mut owed, now) = (self.owed(), Instant::now());
                let is_due = |owed: &Owed| owed.due.filter(|due| *due <= now);
                let due =
                    owed.iter().filter_map(|(stream, owed)| Some((owed.failed, is_due(owed)?, *stream)));
                let mut due: Vec<_> = due.collect();
                due.sort_unstable();
                due.truncate(max);
                if !due.is_empty() {
                    let take = |(_, _, stream)| {
                        let owed = owed.get_mut(&stream)?;
                        owed.due = None;
                        Some(Due { stream, waiters: std::mem::take(&mut owed.waiters) })
                    };
                    return due.into_iter().filter_map(take).collect();
                }
                owed.values().filter_map(|owed| owed.due).min()
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
            let mut all = self.owed();
            let owed = all.entry(due.stream).or_default();
            if rolled.is_ok() {
                owed.failed = 0;
                if owed.places == 0 && owed.due.is_none() {
                    all.remove(&due.stream);
                }
                None
            } else {
                let wait = wait_after(owed.failed);
                owed.failed = owed.failed.saturating_add(1);
                owed.due.get_or_insert(Instant::now() + wait);
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

    fn owed(&self) -> MutexGuard<'_, BTreeMap<Stream, Owed>> {
        self.owed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(in crate::kafka) fn streams(&self) -> Vec<Stream> {
        self.owed().keys().copied().collect()
    }
}

fn wait_after(failed: u32) -> Duration {
    let wait = limits::ROLL_AGAIN_AFTER.saturating_mul(2_u32.saturating_pow(failed));
    wait.min(limits::ROLL_AGAIN_AFTER_MAX)
}

impl Place {
    /// A record that erases is about to be written.
    pub(in crate::kafka) fn is_needed(&mut self) {
        self.needed = true;
    }

    /// All is written. Answers when the topic was rolled once, or could not be for now.
    pub(in crate::kafka) fn written(self) -> oneshot::Receiver<Rolled> {
        let (waiter, answer) = oneshot::channel();
        self.rolls.owed().entry(self.stream).or_default().waiters.push(waiter);
        answer
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut all = self.rolls.owed();
        let owed = all.entry(self.stream).or_default();
        owed.places = owed.places.saturating_sub(1);
        if self.needed {
            let now = Instant::now();
            owed.due = Some(owed.due.map_or(now, |due| due.min(now)));
        } else if owed.places == 0 && owed.due.is_none() && owed.failed == 0 && owed.waiters.is_empty() {
            // A round in hand makes the entry anew where it fails.
            all.remove(&self.stream);
        }
        drop(all);
        self.rolls.changed.notify_one();
    }
}
