//! From sockets to nodes, and from nodes to the sockets of those who may know.

use super::{
    PresenceTimes,
    note::Note,
    roster::{Moment, Roster},
};
use crate::{
    kernel::{
        live::lane::{Noted, OutgoingSignal, SignalKey},
        signals::{Part, Signals},
        views::ViewsError,
    },
    limits::{PRESENCE_RETRY, PRESENCE_TICKS},
};
use futures_util::future::BoxFuture;
use kafkatalk_log::Signal;
use kafkatalk_protocol::{ServerFrame, UserId};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const KIND: &str = "presence";

/// What becomes of presence signals, and of sockets that open and close.
pub(super) struct PresencePart {
    times: PresenceTimes,
    roster: Mutex<Roster>,
    /// People who came or went, of whom others are to be told.
    changed: Noted,
}

impl PresencePart {
    pub(super) fn new(times: PresenceTimes) -> Self {
        let roster = Mutex::new(Roster::new(Uuid::new_v4(), times));
        Self { times, roster, changed: Noted::default() }
    }

    fn roster(&self) -> MutexGuard<'_, Roster> {
        self.roster.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something to the roster, and what follows from it.
    fn update(&self, signals: &Signals, update: impl FnOnce(&mut Roster, Moment)) {
        let at = Moment { now: Instant::now(), wall: signals.kernel.clock().now() };
        let mut roster = self.roster();
        update(&mut roster, at);
        let (notes, changed) = (roster.take_notes(), roster.take_changed());
        drop(roster);
        for note in notes {
            publish(signals, &note);
        }
        for user in changed {
            self.changed.note(user);
        }
    }

    /// Keeps the roster. Never waits for the views, or this node would seem to be gone.
    async fn keep(&self, signals: &Signals) {
        let every = |period| {
            let mut every = interval(period);
            every.set_missed_tick_behavior(MissedTickBehavior::Delay);
            every
        };
        let mut beacon = every(self.times.beacon_every);
        let mut tick = every(self.times.linger.min(self.times.beacon_every) / PRESENCE_TICKS);
        loop {
            tokio::select! {
                people = signals.hub.attendance.next() => self.update(signals, |roster, at| {
                    for user in people {
                        roster.attended(user, signals.hub.is_here(user), at);
                    }
                }),
                _ = tick.tick() => self.update(signals, Roster::tick),
                _ = beacon.tick() => self.update(signals, |roster, _| roster.beacon()),
            }
        }
    }

    /// Tells of people who came or went, one after the other: however many they are, there is one read at a time.
    async fn tell(&self, signals: &Signals) {
        loop {
            for user in self.changed.next().await {
                let Ok(contacts) = contacts(signals, user).await else {
                    self.changed.note(user);
                    tokio::time::sleep(PRESENCE_RETRY).await;
                    continue;
                };
                // What was put into lanes and what is true agree as long as nobody changes the roster.
                let roster = self.roster();
                let key = SignalKey { kind: KIND, conversation: None, user: Some(user) };
                let frame = ServerFrame::Presence(roster.presence(user));
                signals.send(contacts, &OutgoingSignal::of(key, &frame));
            }
        }
    }
}

async fn contacts(signals: &Signals, user: UserId) -> Result<Vec<UserId>, ViewsError> {
    signals.kernel.views.read(move |views| views.contacts(user)).await
}

fn publish(signals: &Signals, note: &Note) {
    // It is about several people, or none.
    signals.publish(KIND, None, UserId(Uuid::nil()), note);
}

impl Part for PresencePart {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn heard<'a>(&'a self, signals: &'a Signals, signal: &'a Signal) -> BoxFuture<'a, ()> {
        if let Ok(note) = serde_json::from_str::<Note>(signal.payload.get()) {
            self.update(signals, |roster, at| roster.heard(&note, signal.at, at));
        }
        Box::pin(std::future::ready(()))
    }

    fn greet<'a>(&'a self, signals: &'a Signals, user: UserId) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let Ok(contacts) = contacts(signals, user).await else {
                // The views are busy: again in a moment, and without keeping the others waiting.
                let greetings = Arc::clone(&signals.hub.greetings);
                tokio::spawn(async move {
                    tokio::time::sleep(PRESENCE_RETRY).await;
                    greetings.note(user);
                });
                return;
            };
            let roster = self.roster();
            let key = SignalKey { kind: "presences", conversation: None, user: None };
            let frame = ServerFrame::Presences { people: roster.known(&contacts) };
            signals.send([user], &OutgoingSignal::of(key, &frame));
        })
    }

    fn run(self: Arc<Self>, signals: Signals, shutdown: CancellationToken) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let work = async { tokio::join!(self.keep(&signals), self.tell(&signals)) };
            shutdown.run_until_cancelled(work).await;
            publish(&signals, &self.roster().farewell());
        })
    }
}
