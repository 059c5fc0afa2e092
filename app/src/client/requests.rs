//! HTTP requests under way.

use super::{
    Client,
    event::{Effect, RequestId, Ticks},
    limits::{CHANGE_DEADLINE_MS, FETCH_DEADLINE_MS, FETCHES_MAX},
    request::{Answer, Request, RequestError},
};
use std::collections::BTreeMap;

/// Requests under way, each with the moment until which it may take. Whoever made one knows what it is for.
#[derive(Clone, Debug, Default)]
pub(super) struct Requests {
    under_way: BTreeMap<RequestId, Ticks>,
    last: u64,
}

impl Requests {
    /// A new one, which may take until that moment.
    fn start(&mut self, deadline: Ticks) -> RequestId {
        self.last += 1;
        let request = RequestId(self.last);
        self.under_way.insert(request, deadline);
        request
    }

    /// It is answered, or has failed. False where nobody waits for it any more.
    fn end(&mut self, request: RequestId) -> bool {
        self.under_way.remove(&request).is_some()
    }

    /// Those that take too long.
    pub(super) fn expired(&self, now: Ticks) -> Vec<RequestId> {
        let late = self.under_way.iter().filter(|(_, deadline)| **deadline <= now);
        late.map(|(request, _)| *request).collect()
    }

    /// When the next one takes too long.
    pub(super) fn wake_at(&self) -> Option<Ticks> {
        self.under_way.values().copied().min()
    }
}

impl Client {
    /// Makes a request, unless too many are under way. The caller keeps the id, by which it knows the answer.
    pub(super) fn request(&mut self, request: Request, now: Ticks) -> Option<RequestId> {
        if self.requests.under_way.len() >= FETCHES_MAX {
            return None;
        }
        let id = self.requests.start(now.plus(FETCH_DEADLINE_MS));
        self.effects.push(Effect::Fetch(id, request));
        Some(id)
    }

    /// Makes a request that changes something: at once, since a person waits for it.
    pub(super) fn request_change(&mut self, request: Request, now: Ticks) -> RequestId {
        let id = self.requests.start(now.plus(CHANGE_DEADLINE_MS));
        self.effects.push(Effect::Fetch(id, request));
        id
    }

    /// An answer came: the part whose request it is takes it. Late answers, and those to questions that are of no
    /// interest any more, change nothing.
    pub(super) fn answered(&mut self, request: RequestId, answer: &Answer, now: Ticks) {
        if !self.requests.end(request) {
            return;
        }
        let _ = self.session_answered(request, answer, now)
            || self.list_answered(request, answer, now)
            || self.question_answered(request, answer, now)
            || self.page_answered(request, answer, now);
    }
}

/// Makes an error of an answer that came in time, but from a node that lags behind what is known here.
pub(super) const LAGS: RequestError = RequestError::Network;
