//! Applied and not yet committed records, whose commit readers wait for.
//!
//! A commit costs about as much for one message as for ten. So the applier leaves its transaction open for some
//! milliseconds, while people are shown what is in it; who wants to read the rows asks for the commit and waits for it.

use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{Notify, watch};

#[derive(Debug)]
pub(super) struct Pending {
    /// Batches that were applied, and those of them for which nobody has to wait: committed, or taken back.
    applied: AtomicU64,
    settled: watch::Sender<u64>,
    asked: Notify,
}

impl Default for Pending {
    fn default() -> Self {
        Self { applied: AtomicU64::new(0), settled: watch::Sender::new(0), asked: Notify::new() }
    }
}

impl Pending {
    /// The applier holds more. To be called before anyone is told of it.
    pub(super) fn applied(&self) {
        self.applied.fetch_add(1, Ordering::SeqCst);
    }

    /// The rows hold all of it; or it was taken back, and there is nothing to wait for.
    pub(super) fn settle(&self) {
        self.settled.send_replace(self.applied.load(Ordering::SeqCst));
    }

    /// Changes with every commit.
    pub(super) fn commits(&self) -> watch::Receiver<u64> {
        self.settled.subscribe()
    }

    /// Waits until a reader waits for the commit.
    pub(super) async fn asked(&self) {
        self.asked.notified().await;
    }

    /// Waits until the rows hold all that was applied before the call.
    pub(super) async fn settled(&self) {
        let applied = self.applied.load(Ordering::SeqCst);
        if *self.settled.borrow() >= applied {
            return;
        }
        let mut settled = self.settled.subscribe();
        self.asked.notify_one();
        // The sender is ours, so this ends only one way.
        let _ = settled.wait_for(|settled| *settled >= applied).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{sync::Arc, time::Duration};
    use tokio::time::timeout;

    #[tokio::test]
    async fn who_reads_asks_for_the_commit_and_waits_for_it() {
        let pending = Arc::new(Pending::default());
        pending.settled().await;
        pending.applied();
        let reader = tokio::spawn({
            let pending = Arc::clone(&pending);
            async move { pending.settled().await }
        });
        timeout(Duration::from_secs(5), pending.asked()).await.unwrap();
        assert!(!reader.is_finished());
        pending.settle();
        timeout(Duration::from_secs(5), reader).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_reader_does_not_wait_for_what_came_after_it() {
        let pending = Pending::default();
        pending.applied();
        let reader = pending.settled();
        tokio::pin!(reader);
        tokio::select! {
            biased;
            () = &mut reader => panic!("nothing is committed"),
            () = std::future::ready(()) => {}
        }
        pending.settle();
        pending.applied();
        timeout(Duration::from_secs(5), reader).await.unwrap();
    }
}
