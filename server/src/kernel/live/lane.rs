//! The lossy lane of a socket: signals on their way to it, beside its ordered queue.
//!
//! It is small and never full: a newer signal takes the place of the one that it makes untrue, and otherwise of the oldest.
//! So it can neither delay the ordered queue nor have its socket closed as too slow. The socket takes from it only when
//! nothing ordered waits.

use super::outgoing::Outgoing;
use crate::limits::SOCKET_SIGNALS_MAX;
use kafkatalk_protocol::{ConversationId, ServerFrame, UserId};
use std::{
    collections::{HashSet, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::sync::Notify;

/// What a signal is about. On its way to a socket there is one of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignalKey {
    /// What it says.
    pub kind: &'static str,
    /// The conversation that it is about, if it is about one.
    pub conversation: Option<ConversationId>,
    /// The person that it is about, if it is about one.
    pub user: Option<UserId>,
}

/// A signal for sockets, written once for all who get it.
#[derive(Clone, Debug)]
pub struct OutgoingSignal {
    key: SignalKey,
    frame: Outgoing,
}

impl OutgoingSignal {
    /// Writes a frame.
    pub fn of(key: SignalKey, frame: &ServerFrame) -> Self {
        Self { key, frame: Outgoing::of(frame) }
    }
}

/// The lane. Nothing goes into it before its device has asked for signals.
#[derive(Debug, Default)]
pub struct Lane {
    state: Mutex<State>,
    wake: Notify,
}

#[derive(Debug, Default)]
struct State {
    open: bool,
    waiting: VecDeque<OutgoingSignal>,
    /// Something was dropped that no newer signal stands for.
    lost: bool,
}

impl Lane {
    /// The device has asked for signals.
    pub fn open(&self) {
        self.lock().open = true;
    }

    /// Whether the device has asked for signals.
    pub fn is_open(&self) -> bool {
        self.lock().open
    }

    /// Puts a signal in. Whether another was dropped for it that it does not stand for; none where it is not wanted.
    pub fn push(&self, signal: &OutgoingSignal) -> Option<bool> {
        let mut state = self.lock();
        if !state.open {
            return None;
        }
        state.waiting.retain(|waiting| waiting.key != signal.key);
        let full = state.waiting.len() >= SOCKET_SIGNALS_MAX;
        if full {
            state.waiting.pop_front();
            state.lost = true;
        }
        state.waiting.push_back(signal.clone());
        drop(state);
        self.wake.notify_one();
        Some(full)
    }

    /// Waits for the next signal. Cancel safe.
    pub async fn next(&self) -> Outgoing {
        loop {
            if let Some(frame) = self.try_next() {
                return frame;
            }
            self.wake.notified().await;
        }
    }

    /// The next signal, if one waits.
    pub fn try_next(&self) -> Option<Outgoing> {
        self.lock().waiting.pop_front().map(|signal| signal.frame)
    }

    /// Whether signals were lost since this was last asked, once nothing waits any more: then the device is to begin anew.
    pub fn take_lost(&self) -> bool {
        let mut state = self.lock();
        state.waiting.is_empty() && std::mem::take(&mut state.lost)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Whole after every statement, so a panic elsewhere has not torn it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// People about whom there is something to be done: each is named once, however often they are noted.
#[derive(Debug, Default)]
pub struct Noted {
    people: Mutex<HashSet<UserId>>,
    wake: Notify,
}

impl Noted {
    /// Notes somebody.
    pub fn note(&self, user: UserId) {
        self.lock().insert(user);
        self.wake.notify_one();
    }

    /// Waits until somebody is noted, and takes all of them. Cancel safe.
    pub async fn next(&self) -> HashSet<UserId> {
        loop {
            let people = std::mem::take(&mut *self.lock());
            if !people.is_empty() {
                return people;
            }
            self.wake.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<UserId>> {
        self.people.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafkatalk_protocol::presence::Presence;
    use uuid::Uuid;

    fn typing(user: u128) -> OutgoingSignal {
        let (conversation, user) = (ConversationId(Uuid::from_u128(9)), UserId(Uuid::from_u128(user)));
        let key = SignalKey { kind: "typing", conversation: Some(conversation), user: Some(user) };
        OutgoingSignal::of(key, &ServerFrame::Typing { conversation, user })
    }

    fn presence(user: u128, online: bool) -> OutgoingSignal {
        let user = UserId(Uuid::from_u128(user));
        let key = SignalKey { kind: "presence", conversation: None, user: Some(user) };
        OutgoingSignal::of(key, &ServerFrame::Presence(Presence { user, online, last_seen_at: None }))
    }

    fn taken(lane: &Lane) -> Vec<String> {
        std::iter::from_fn(|| lane.try_next()).map(|frame| frame.text().to_string()).collect()
    }

    fn texts(signals: impl IntoIterator<Item = OutgoingSignal>) -> Vec<String> {
        signals.into_iter().map(|signal| signal.frame.text().to_string()).collect()
    }

    #[test]
    fn a_device_that_did_not_ask_for_signals_gets_none() {
        let lane = Lane::default();
        assert_eq!(lane.push(&typing(1)), None);
        assert_eq!(taken(&lane), [""; 0]);
        lane.open();
        assert_eq!(lane.push(&typing(1)), Some(false));
        assert_eq!(taken(&lane), texts([typing(1)]));
    }

    #[test]
    fn a_newer_signal_takes_the_place_of_the_one_that_it_makes_untrue() {
        let lane = Lane::default();
        lane.open();
        for signal in [presence(1, true), typing(1), presence(2, true), presence(1, false)] {
            assert_eq!(lane.push(&signal), Some(false));
        }
        assert_eq!(taken(&lane), texts([typing(1), presence(2, true), presence(1, false)]));
        assert!(!lane.take_lost());
    }

    #[test]
    fn of_too_many_the_oldest_are_dropped_and_that_is_known_once_the_rest_is_taken() {
        let lane = Lane::default();
        lane.open();
        let people = 0..SOCKET_SIGNALS_MAX as u128 + 3;
        let dropped = people.clone().filter(|user| lane.push(&typing(*user)) == Some(true)).count();
        assert_eq!(dropped, 3);
        assert!(!lane.take_lost(), "some still wait");
        assert_eq!(taken(&lane), texts(people.skip(3).map(typing)));
        assert!(lane.take_lost());
        assert!(!lane.take_lost(), "it is told once");
    }

    #[tokio::test]
    async fn whoever_is_noted_more_than_once_is_named_once() {
        let noted = Noted::default();
        let people = [1, 2, 1].map(|user| UserId(Uuid::from_u128(user)));
        for user in people {
            noted.note(user);
        }
        assert_eq!(noted.next().await, HashSet::from(people));
        noted.note(people[0]);
        assert_eq!(noted.next().await, HashSet::from([people[0]]));
    }
}
