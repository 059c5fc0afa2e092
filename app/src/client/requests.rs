//! HTTP requests under way.

use super::{
    event::{RequestId, Ticks},
    limits::{FETCH_DEADLINE_MS, FETCHES_MAX},
};
use std::collections::BTreeMap;

/// Requests under way, each with what its answer is for.
#[derive(Clone, Debug)]
pub(super) struct Requests<P> {
    under_way: BTreeMap<RequestId, (P, Ticks)>,
    last: u64,
}

impl<P> Default for Requests<P> {
    fn default() -> Self {
        Self { under_way: BTreeMap::new(), last: 0 }
    }
}

impl<P> Requests<P> {
    /// Whether another one may be made.
    pub(super) fn has_room(&self) -> bool {
        self.under_way.len() < FETCHES_MAX
    }

    /// A new one.
    pub(super) fn start(&mut self, purpose: P, now: Ticks) -> RequestId {
        self.last += 1;
        let request = RequestId(self.last);
        self.under_way.insert(request, (purpose, now.plus(FETCH_DEADLINE_MS)));
        request
    }

    /// It is answered, or has failed; none where nobody waits for it any more.
    pub(super) fn end(&mut self, request: RequestId) -> Option<P> {
        self.under_way.remove(&request).map(|(purpose, _)| purpose)
    }

    /// Those that take too long.
    pub(super) fn expired(&self, now: Ticks) -> Vec<RequestId> {
        let late = self.under_way.iter().filter(|(_, (_, deadline))| *deadline <= now);
        late.map(|(request, _)| *request).collect()
    }

    /// When the next one takes too long.
    pub(super) fn wake_at(&self) -> Option<Ticks> {
        self.under_way.values().map(|(_, deadline)| *deadline).min()
    }
}
