//! Whether anything is asked on a connection that many requests share.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

/// Counts the requests of a connection.
#[derive(Debug, Default)]
pub(super) struct Activity {
    begun: AtomicU64,
    running: AtomicUsize,
}

/// A request that is being answered.
#[derive(Debug)]
pub(super) struct Running(Arc<Activity>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Activity {
    /// Counts a request, until the answer is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> Running {
        self.begun.fetch_add(1, Ordering::AcqRel);
        self.running.fetch_add(1, Ordering::AcqRel);
        Running(Arc::clone(self))
    }

    /// Waits until nothing was asked and nothing was being answered for that time, or up to twice as long.
    pub(super) async fn idle(&self, time: Duration) {
        let mut before = self.begun.load(Ordering::Acquire);
        loop {
            tokio::time::sleep(time).await;
            let now = self.begun.load(Ordering::Acquire);
            if now == before && self.running.load(Ordering::Acquire) == 0 {
                return;
            }
            before = now;
        }
    }
}
