//! HTTP requests that are wanted, under way, or wait to be made again.

use super::{
    event::{RequestId, Ticks},
    limits::{FETCH_RETRY_BASE_MS, FETCH_RETRY_MAX_MS},
    random::Random,
    view::Edge,
};

/// One thing that is fetched at most once at a time. `W` says what of it was asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Task<W = ()> {
    state: TaskState<W>,
    failures: u32,
}

impl<W> Default for Task<W> {
    fn default() -> Self {
        Self { state: TaskState::Idle, failures: 0 }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TaskState<W> {
    /// Nothing is under way.
    Idle,
    /// A person asked for it; it is made as soon as there is room.
    Asked,
    /// Under way.
    InFlight(RequestId, W),
    /// Failed; may be made again from that moment on.
    Failed(Ticks),
}

impl<W: Copy + PartialEq> Task<W> {
    /// Whether it may be made by itself now.
    pub(super) fn may_start(&self, now: Ticks) -> bool {
        match self.state {
            TaskState::Idle | TaskState::Asked => true,
            TaskState::InFlight(..) => false,
            TaskState::Failed(until) => until <= now,
        }
    }

    /// A person asks for it: now, whatever failed before.
    pub(super) fn ask(&mut self) {
        if !matches!(self.state, TaskState::InFlight(..)) {
            self.state = TaskState::Asked;
        }
    }

    /// Whether a person asked for it and it is not yet under way.
    pub(super) fn asked(&self) -> bool {
        self.state == TaskState::Asked
    }

    /// Whether nothing is under way or asked for.
    pub(super) fn rests(&self) -> bool {
        self.state == TaskState::Idle
    }

    pub(super) fn start(&mut self, request: RequestId, what: W) {
        self.state = TaskState::InFlight(request, what);
    }

    /// What that request asked for, where it is this task's.
    pub(super) fn what(&self, request: RequestId) -> Option<W> {
        if let TaskState::InFlight(under_way, what) = self.state
            && under_way == request
        {
            return Some(what);
        }
        None
    }

    /// Whether that request is this task's.
    pub(super) fn is(&self, request: RequestId) -> bool {
        self.what(request).is_some()
    }

    pub(super) fn done(&mut self) {
        *self = Self::default();
    }

    pub(super) fn failed(&mut self, now: Ticks, at_least_ms: u64, random: &mut Random) {
        let wait = random.backoff_ms(self.failures, FETCH_RETRY_BASE_MS, FETCH_RETRY_MAX_MS).max(at_least_ms);
        self.failures = self.failures.saturating_add(1);
        self.state = TaskState::Failed(now.plus(wait));
    }

    /// The connection is back: no need to wait longer.
    pub(super) fn retry_now(&mut self) {
        if let TaskState::Failed(until) = &mut self.state {
            *until = Ticks(0);
        }
    }

    /// The connection is back: as if it had never failed.
    pub(super) fn forgive(&mut self) {
        if let TaskState::Failed(_) = self.state {
            self.done();
        }
    }

    /// Whether the last attempt failed.
    pub(super) fn has_failed(&self) -> bool {
        self.failures > 0 && !matches!(self.state, TaskState::Idle)
    }

    /// When it may be made again.
    pub(super) fn wake_at(&self) -> Option<Ticks> {
        if let TaskState::Failed(until) = self.state { Some(until) } else { None }
    }

    /// How it looks at the end of a list that has more.
    pub(super) fn edge(&self) -> Edge {
        match self.state {
            TaskState::Idle => Edge::More,
            TaskState::Asked | TaskState::InFlight(..) => Edge::Loading,
            TaskState::Failed(_) => Edge::Failed,
        }
    }
}
