//! The socket: when to connect, how long to wait, and how to notice that it is dead.

use super::{
    event::{Effect, SocketId, Ticks},
    limits::{
        HURRY_INTERVAL_MS, PING_IDLE_MS, PONG_DEADLINE_MS, READY_DEADLINE_MS, RECONNECT_ASKED_MS,
        RECONNECT_BASE_MS, RECONNECT_MAX_MS, SESSION_PROBE_EVERY, STABLE_MS,
    },
    random::Random,
    view,
};
use kafkatalk_protocol::{ClientFrame, CloseCode};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The page does not run yet.
    Idle,
    /// Asked for a socket, or waits for its `ready`.
    Connecting(SocketId),
    /// `ready` came at that moment.
    Live(SocketId, Ticks),
    /// The next attempt is at that moment.
    Waiting(Ticks),
    /// The session has ended.
    Ended,
}

/// The state of the connection.
#[derive(Clone, Debug)]
pub(super) struct LinkState {
    phase: Phase,
    online: bool,
    was_live: bool,
    /// Attempts that failed in a row.
    failures: u32,
    sockets: u64,
    attempted: Ticks,
    heard: Ticks,
    pinged: Option<Ticks>,
    /// What is seen of it, or of what waits for it, may have changed.
    pub(super) changed: bool,
}

/// What a loss of the socket asks of the rest of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Disconnect {
    /// It was not ours any more, or nothing more is to be done.
    None,
    /// What was in flight must wait.
    Requeue,
    /// As before; and ask whether the session still stands.
    RequeueAndProbe,
    /// The session has ended.
    SessionEnded,
}

impl LinkState {
    pub(super) fn new() -> Self {
        Self {
            phase: Phase::Idle,
            online: true,
            was_live: false,
            failures: 0,
            sockets: 0,
            attempted: Ticks(0),
            heard: Ticks(0),
            pinged: None,
            changed: false,
        }
    }

    pub(super) fn view(&self) -> view::Link {
        match self.phase {
            Phase::Ended => view::Link::Ended,
            Phase::Live(..) => view::Link::Live,
            _ if !self.online => view::Link::Offline,
            Phase::Idle | Phase::Connecting(_) => view::Link::Connecting,
            Phase::Waiting(until) => view::Link::Waiting(until),
        }
    }

    /// Whether an attempt came to an end, good or bad.
    pub(super) fn was_tried(&self) -> bool {
        self.was_live || self.failures > 0
    }

    pub(super) fn ended(&self) -> bool {
        self.phase == Phase::Ended
    }

    /// The socket, where `ready` came on it.
    pub(super) fn live(&self) -> Option<SocketId> {
        if let Phase::Live(socket, _) = self.phase { Some(socket) } else { None }
    }

    fn socket(&self) -> Option<SocketId> {
        match self.phase {
            Phase::Connecting(socket) | Phase::Live(socket, _) => Some(socket),
            _ => None,
        }
    }

    /// Whether it is the present socket.
    pub(super) fn is(&self, socket: SocketId) -> bool {
        self.socket() == Some(socket)
    }

    pub(super) fn start(&mut self, online: bool, now: Ticks, effects: &mut Vec<Effect>) {
        self.online = online;
        if self.phase == Phase::Idle {
            self.connect(now, effects);
        }
    }

    fn connect(&mut self, now: Ticks, effects: &mut Vec<Effect>) {
        self.sockets += 1;
        let socket = SocketId(self.sockets);
        self.phase = Phase::Connecting(socket);
        self.attempted = now;
        self.heard = now;
        self.pinged = None;
        effects.push(Effect::Connect(socket));
    }

    /// The server said something.
    pub(super) fn heard(&mut self, now: Ticks) {
        self.heard = now;
        self.pinged = None;
    }

    /// `ready` came.
    pub(super) fn ready(&mut self, socket: SocketId, now: Ticks) {
        self.phase = Phase::Live(socket, now);
        self.was_live = true;
        // It works, whatever the device believes.
        self.online = true;
    }

    /// The socket closed, or could not be opened.
    pub(super) fn closed(
        &mut self,
        socket: SocketId,
        code: u16,
        now: Ticks,
        random: &mut Random,
    ) -> Disconnect {
        if !self.is(socket) {
            return Disconnect::None;
        }
        let code = CloseCode::from_u16(code);
        if code == Some(CloseCode::SessionEnded) {
            self.phase = Phase::Ended;
            return Disconnect::SessionEnded;
        }
        let was_live = self.live().is_some();
        self.lost(code, now, random);
        if !was_live && self.failures % SESSION_PROBE_EVERY == 1 {
            Disconnect::RequeueAndProbe
        } else {
            Disconnect::Requeue
        }
    }

    fn lost(&mut self, code: Option<CloseCode>, now: Ticks, random: &mut Random) {
        let stable = matches!(self.phase, Phase::Live(_, since) if now.since(since) >= STABLE_MS);
        if stable {
            self.failures = 0;
        }
        let asked = matches!(code, Some(CloseCode::GoingAway | CloseCode::TooSlow));
        let wait = if stable && asked {
            random.below(RECONNECT_ASKED_MS + 1)
        } else {
            random.backoff_ms(self.failures, RECONNECT_BASE_MS, RECONNECT_MAX_MS)
        };
        self.failures = self.failures.saturating_add(1);
        self.phase = Phase::Waiting(now.plus(wait));
    }

    /// Gives the socket up.
    pub(super) fn abandon(
        &mut self,
        now: Ticks,
        random: &mut Random,
        effects: &mut Vec<Effect>,
    ) -> Disconnect {
        let Some(socket) = self.socket() else { return Disconnect::None };
        effects.push(Effect::Close(socket));
        self.lost(None, now, random);
        Disconnect::Requeue
    }

    pub(super) fn end(&mut self, effects: &mut Vec<Effect>) {
        if let Some(socket) = self.socket() {
            effects.push(Effect::Close(socket));
        }
        self.phase = Phase::Ended;
    }

    /// The device believes that it has a network, or none. A socket that was opened before the network went is not
    /// trusted: it may look alive for minutes. Belief is not proof (a server on the same machine needs no network), so
    /// attempts go on.
    pub(super) fn set_online(
        &mut self,
        online: bool,
        now: Ticks,
        random: &mut Random,
        effects: &mut Vec<Effect>,
    ) -> Disconnect {
        let before = std::mem::replace(&mut self.online, online);
        match (before, online) {
            (true, false) => self.abandon(now, random, effects),
            (_, true) => {
                self.failures = 0;
                self.retry_now(now, effects);
                Disconnect::None
            }
            (false, false) => Disconnect::None,
        }
    }

    /// There is reason to hope, or somebody looks: connect now, or find out whether the socket still lives.
    pub(super) fn retry_now(&mut self, now: Ticks, effects: &mut Vec<Effect>) {
        match self.phase {
            Phase::Waiting(until) if now.since(self.attempted) >= HURRY_INTERVAL_MS || until <= now => {
                self.connect(now, effects);
            }
            Phase::Waiting(until) => {
                self.phase = Phase::Waiting(until.min(self.attempted.plus(HURRY_INTERVAL_MS)));
            }
            Phase::Live(socket, _) if now.since(self.heard) >= HURRY_INTERVAL_MS => {
                self.ping(socket, now, effects);
            }
            _ => {}
        }
    }

    /// The device slept: nobody knows which connections outlived that.
    pub(super) fn wake(&mut self, now: Ticks, effects: &mut Vec<Effect>) {
        match self.phase {
            Phase::Live(socket, _) => self.ping(socket, now, effects),
            Phase::Waiting(_) => self.connect(now, effects),
            _ => {}
        }
    }

    fn ping(&mut self, socket: SocketId, now: Ticks, effects: &mut Vec<Effect>) {
        if self.pinged.is_none() {
            self.pinged = Some(now);
            effects.push(Effect::Transmit(socket, ClientFrame::Ping));
        }
    }

    /// Does what is due.
    pub(super) fn tick(&mut self, now: Ticks, random: &mut Random, effects: &mut Vec<Effect>) -> Disconnect {
        match self.phase {
            Phase::Waiting(until) if until <= now => self.connect(now, effects),
            Phase::Connecting(_) if self.attempted.plus(READY_DEADLINE_MS) <= now => {
                return self.abandon(now, random, effects);
            }
            Phase::Live(socket, _) => match self.pinged {
                Some(pinged) if pinged.plus(PONG_DEADLINE_MS) <= now => {
                    return self.abandon(now, random, effects);
                }
                None if self.heard.plus(PING_IDLE_MS) <= now => self.ping(socket, now, effects),
                _ => {}
            },
            _ => {}
        }
        Disconnect::None
    }

    /// Nothing came since `sent`, though an answer was due: the socket is given up.
    pub(super) fn suspect(
        &mut self,
        sent: Ticks,
        now: Ticks,
        random: &mut Random,
        effects: &mut Vec<Effect>,
    ) -> Disconnect {
        if self.heard <= sent { self.abandon(now, random, effects) } else { Disconnect::None }
    }

    /// When something here is due.
    pub(super) fn wake_at(&self) -> Option<Ticks> {
        match self.phase {
            Phase::Idle | Phase::Ended => None,
            Phase::Waiting(until) => Some(until),
            Phase::Connecting(_) => Some(self.attempted.plus(READY_DEADLINE_MS)),
            Phase::Live(..) => Some(match self.pinged {
                Some(pinged) => pinged.plus(PONG_DEADLINE_MS),
                None => self.heard.plus(PING_IDLE_MS),
            }),
        }
    }
}
