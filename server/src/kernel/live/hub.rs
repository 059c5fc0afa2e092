//! Who is connected to this node.
//!
//! The follower's thread hands over what it has applied; the hub writes each frame once and puts it into the bounded
//! queues of the sockets concerned. It never waits: a socket whose queue is full is told to close with
//! [`CloseCode::TooSlow`] and will catch up by offset, as every new socket does.

use super::{
    lane::{Lane, Noted, OutgoingSignal},
    outgoing::Outgoing,
};
use crate::{
    kernel::{
        Caller,
        projector::{Applied, Delivery, MakeFrame},
        views::Views,
    },
    metrics::Metrics,
};
use kafkatalk_protocol::{CloseCode, ServerFrame, SessionId, UserId};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU16, AtomicU64, Ordering},
    },
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// The hub's end of a socket.
#[derive(Debug)]
struct SocketHandle {
    id: u64,
    session: SessionId,
    queue: mpsc::Sender<Outgoing>,
    lane: Arc<Lane>,
    stop: Stop,
}

/// How a socket is told to close: a signal, and the code to close with.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    code: Arc<AtomicU16>,
    signal: CancellationToken,
}

impl Stop {
    /// Tells it. Whether this was the first word: the first reason stands.
    fn with(&self, code: CloseCode) -> bool {
        let told = self.code.compare_exchange(0, code.as_u16(), Ordering::AcqRel, Ordering::Acquire);
        self.signal.cancel();
        told.is_ok()
    }

    /// Waits until told; the code.
    pub async fn told(&self) -> CloseCode {
        self.signal.cancelled().await;
        self.code().unwrap_or(CloseCode::GoingAway)
    }

    /// The code, if it was told.
    pub fn code(&self) -> Option<CloseCode> {
        CloseCode::from_u16(self.code.load(Ordering::Acquire))
    }
}

/// The socket's end: its queue, and the word to stop. Leaves the hub when dropped.
#[derive(Debug)]
pub struct SocketRegistration {
    /// What is for this socket.
    pub queue: mpsc::Receiver<Outgoing>,
    /// Signals for this socket, to be taken while the queue is empty.
    pub lane: Arc<Lane>,
    /// When to close.
    pub stop: Stop,
    hub: Hub,
    user: UserId,
    id: u64,
    left: bool,
}

impl SocketRegistration {
    /// Gives up the place in the hub, and what waits in the queue.
    pub fn leave(&mut self) {
        if !std::mem::replace(&mut self.left, true) {
            self.hub.leave(self.user, self.id);
            self.queue.close();
            while self.queue.try_recv().is_ok() {}
        }
    }

    /// The device wants signals, and to begin with how things stand.
    pub fn wants_signals(&self) {
        self.lane.open();
        self.hub.greetings.note(self.user);
    }
}

impl Drop for SocketRegistration {
    fn drop(&mut self) {
        self.leave();
    }
}

#[derive(Debug, Default)]
struct Seats {
    taken: HashMap<UserId, Vec<SocketHandle>>,
    /// The node is going away: who comes now is told at once.
    closing: bool,
}

/// The sockets of this node, by person. Clones share them.
#[derive(Clone, Debug)]
pub struct Hub {
    seats: Arc<Mutex<Seats>>,
    next_id: Arc<AtomicU64>,
    queue_frames: usize,
    sockets_per_user: usize,
    metrics: Arc<Metrics>,
    /// People whose first socket opened, or whose last one closed: see [`Hub::is_here`].
    pub(crate) attendance: Arc<Noted>,
    /// People whose devices are to be told how things stand.
    pub(crate) greetings: Arc<Noted>,
}

/// A person has as many sockets on this node as they may.
#[derive(Debug, thiserror::Error)]
#[error("too many open connections of one person; close some first")]
pub struct TooManySockets;

impl Hub {
    /// An empty hub whose queues hold that many frames each.
    pub fn new(queue_frames: usize, sockets_per_user: usize, metrics: Arc<Metrics>) -> Self {
        Self {
            seats: Arc::default(),
            next_id: Arc::default(),
            queue_frames: queue_frames.max(1),
            sockets_per_user,
            metrics,
            attendance: Arc::default(),
            greetings: Arc::default(),
        }
    }

    /// Takes a socket in: from here on, what is applied for this person reaches its queue.
    pub fn join(&self, caller: &Caller) -> Result<SocketRegistration, TooManySockets> {
        let (sender, queue) = mpsc::channel(self.queue_frames);
        let (id, stop) = (self.next_id.fetch_add(1, Ordering::Relaxed), Stop::default());
        let lane = Arc::<Lane>::default();
        let seat = SocketHandle {
            id,
            session: caller.session,
            queue: sender,
            lane: Arc::clone(&lane),
            stop: stop.clone(),
        };
        let mut seats = self.lock();
        if seats.closing {
            stop.with(CloseCode::GoingAway);
        }
        let theirs = seats.taken.entry(caller.user.id).or_default();
        if theirs.len() >= self.sockets_per_user {
            return Err(TooManySockets);
        }
        let first = theirs.is_empty();
        theirs.push(seat);
        drop(seats);
        if first {
            self.attendance.note(caller.user.id);
        }
        self.metrics.socket_opened();
        Ok(SocketRegistration { queue, lane, stop, hub: self.clone(), user: caller.user.id, id, left: false })
    }

    fn leave(&self, user: UserId, id: u64) {
        let mut seats = self.lock();
        if let Some(theirs) = seats.taken.get_mut(&user) {
            theirs.retain(|seat| seat.id != id);
            if theirs.is_empty() {
                seats.taken.remove(&user);
                self.attendance.note(user);
            }
        }
        drop(seats);
        self.metrics.socket_closed();
    }

    /// Delivers what came of a record to connected sockets. Only the follower calls this.
    pub fn deliver(&self, applied: &Applied, views: &Views) {
        for delivery in &applied.deliver {
            match delivery {
                Delivery::To { people, frame } => self.send(people, frame),
                Delivery::Each { people, make } => self.send_each(people, make, views),
                Delivery::EndSession { user, session } => self.end_session(*user, *session),
            }
        }
    }

    /// Puts one frame into the queue of every socket of these people.
    pub fn send(&self, people: &[UserId], frame: &ServerFrame) {
        let seats = self.lock();
        let mut written = None;
        for socket in people.iter().filter_map(|person| seats.taken.get(person)).flatten() {
            self.enqueue(socket, written.get_or_insert_with(|| Outgoing::of(frame)).clone());
        }
    }

    /// Puts a signal into the lossy lane of every socket of these people that wants signals.
    pub fn signal(&self, people: impl IntoIterator<Item = UserId>, signal: &OutgoingSignal) {
        let seats = self.lock();
        for socket in people.into_iter().filter_map(|person| seats.taken.get(&person)).flatten() {
            if let Some(dropped) = socket.lane.push(signal) {
                self.metrics.signal_sent(dropped);
            }
        }
    }

    /// The same with a frame for each of them, which is read from the views: in a task of its own, since the follower must
    /// not wait for reads.
    fn send_each(&self, people: &[UserId], make: &MakeFrame, views: &Views) {
        let here: Vec<UserId> = people.iter().copied().filter(|person| self.is_here(*person)).collect();
        if here.is_empty() {
            return;
        }
        let (hub, views, make) = (self.clone(), views.clone(), Arc::clone(make));
        tokio::spawn(async move {
            for person in here {
                let make = Arc::clone(&make);
                match views.read(move |views| make(views, person)).await {
                    Ok(Some(frame)) => {
                        hub.send(&[person], &frame);
                        // It may be about people of whom their devices know nothing yet.
                        hub.greetings.note(person);
                    }
                    Ok(None) => {}
                    Err(error) => {
                        tracing::warn!(%error, "frame not delivered; the client will see it on reconnect");
                    }
                }
            }
        });
    }

    fn enqueue(&self, socket: &SocketHandle, outgoing: Outgoing) {
        if let Err(mpsc::error::TrySendError::Full(_)) = socket.queue.try_send(outgoing) {
            // Until it has left, its queue stays full: it is one socket all the same.
            if socket.stop.with(CloseCode::TooSlow) {
                self.metrics.socket_too_slow();
            }
        }
    }

    /// Whether a socket of theirs is open on this node.
    pub fn is_here(&self, user: UserId) -> bool {
        self.lock().taken.contains_key(&user)
    }

    /// Whether a device of theirs on this node wants signals.
    pub fn takes_signals(&self, user: UserId) -> bool {
        self.lock().taken.get(&user).into_iter().flatten().any(|socket| socket.lane.is_open())
    }

    fn end_session(&self, user: UserId, session: SessionId) {
        let seats = self.lock();
        for seat in seats.taken.get(&user).into_iter().flatten().filter(|seat| seat.session == session) {
            seat.stop.with(CloseCode::SessionEnded);
        }
    }

    /// Tells every socket that the node is going away, those that come later included.
    pub fn close_all(&self) {
        self.lock().closing = true;
        self.send_all_away();
    }

    /// Has every device connect anew and catch up.
    pub fn send_all_away(&self) {
        for seat in self.lock().taken.values().flatten() {
            seat.stop.with(CloseCode::GoingAway);
        }
    }

    /// Frames that wait in queues, for the metrics.
    pub fn queued_frames(&self) -> usize {
        self.lock()
            .taken
            .values()
            .flatten()
            .map(|seat| seat.queue.max_capacity() - seat.queue.capacity())
            .sum()
    }

    fn lock(&self) -> MutexGuard<'_, Seats> {
        // The map is whole after every statement, so a panic elsewhere has not torn it.
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{lane::SignalKey, outgoing::text_of};
    use super::*;
    use crate::limits::SOCKET_SIGNALS_MAX;
    use kafkatalk_protocol::{ConversationId, User, Username};
    use uuid::Uuid;

    fn hub() -> (Hub, Caller) {
        let user = User { id: UserId(Uuid::from_u128(1)), username: Username::parse("alice").unwrap() };
        let caller = Caller { user, session: SessionId(Uuid::from_u128(2)) };
        (Hub::new(1, 2, Arc::new(Metrics::new())), caller)
    }

    #[tokio::test]
    async fn a_socket_that_comes_after_the_node_began_to_stop_is_sent_on_at_once() {
        let (hub, caller) = hub();
        hub.close_all();
        let late = hub.join(&caller).unwrap();
        assert_eq!(late.stop.told().await, CloseCode::GoingAway);
    }

    #[tokio::test]
    async fn a_socket_is_too_slow_once_however_much_it_misses() {
        let (hub, caller) = hub();
        let slow = hub.join(&caller).unwrap();
        for _ in 0..5 {
            hub.send(&[caller.user.id], &ServerFrame::Pong);
        }
        assert_eq!(slow.stop.told().await, CloseCode::TooSlow);
        assert!(hub.metrics.render().contains("sockets_too_slow_total 1\n"));
    }

    #[tokio::test]
    async fn signals_never_fill_the_ordered_queue_nor_close_the_socket() {
        let (hub, caller) = hub();
        let mut socket = hub.join(&caller).unwrap();
        socket.wants_signals();
        let user = caller.user.id;
        for number in 0..10_000 {
            let conversation = ConversationId(Uuid::from_u128(number));
            let key = SignalKey { kind: "typing", conversation: Some(conversation), user: Some(user) };
            hub.signal([user], &OutgoingSignal::of(key, &ServerFrame::Typing { conversation, user }));
        }
        assert_eq!((hub.queued_frames(), socket.stop.code()), (0, None));
        hub.send(&[user], &ServerFrame::Pong);
        assert_eq!(socket.queue.try_recv().unwrap().text(), &text_of(&ServerFrame::Pong));
        assert_eq!(std::iter::from_fn(|| socket.lane.try_next()).count(), SOCKET_SIGNALS_MAX);
    }
}
