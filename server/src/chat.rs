//! The use cases: what people can do. They append to the log and read the views, and know nothing of HTTP or sockets.
//!
//! | module | holds |
//! |---|---|
//! | [`accounts`] | register, sign in and out, devices |
//! | [`conversations`] | find people, open a conversation, list them |
//! | [`messages`] | send, page through history, mark as read |
//! | [`search`] | look for what was said |
//! | `elsewhere` | what another node wrote a moment ago |
//! | [`errors`] | one error enum per operation, and the one place that words them for clients |
//!
//! Every use case that writes goes through `Chat::commit`: enlist, append, wait until the node's own views hold the
//! record. There is no other way to write, and no lock anywhere: who was first in the log has won.

pub mod accounts;
pub mod conversations;
mod elsewhere;
pub mod errors;
pub mod messages;
pub mod search;

use crate::{
    clock::Clock,
    limits::{APPLY_WAIT, LAST_USED_SESSIONS_MAX},
    metrics::Metrics,
    secrets::Passwords,
    views::{Change, Views},
    waiters::Waiters,
};
use elsewhere::Elsewhere;
use errors::Unavailable;
use kafkatalk_log::{EventLog, Record, Stream};
use kafkatalk_protocol::{SessionId, Timestamp, UserId, event::Event};
use moka::sync::Cache as Moka;
use std::{sync::Arc, time::Instant};

/// The use cases of one node. Clones share everything.
#[derive(Clone)]
pub struct Chat {
    /// The truth.
    pub(crate) log: Arc<dyn EventLog>,
    /// What is derived from it.
    pub(crate) views: Views,
    /// Who waits for the tail.
    pub(crate) waiters: Waiters,
    /// Hashing.
    pub(crate) passwords: Passwords,
    /// Time and ids.
    pub(crate) clock: Clock,
    /// Figures.
    pub(crate) metrics: Arc<Metrics>,
    /// When sessions were last used here.
    pub(crate) last_used: Moka<SessionId, Timestamp>,
    elsewhere: Arc<Elsewhere>,
}

impl std::fmt::Debug for Chat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Chat")
    }
}

impl Chat {
    /// Puts the parts together.
    pub fn new(
        log: Arc<dyn EventLog>,
        views: Views,
        waiters: Waiters,
        passwords: Passwords,
        clock: Clock,
        metrics: Arc<Metrics>,
    ) -> Self {
        let last_used = Moka::new(LAST_USED_SESSIONS_MAX);
        let elsewhere = Arc::default();
        Self { log, views, waiters, passwords, clock, metrics, last_used, elsewhere }
    }

    /// The read side, for pages.
    pub fn views(&self) -> &Views {
        &self.views
    }

    /// How many nodes the log knows of, this one included.
    pub fn nodes(&self) -> usize {
        self.log.nodes()
    }

    /// The time.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(crate) fn record<E: Event>(&self, author: Option<UserId>, event: &E) -> Record {
        Record::of(self.clock.record_id(), author, self.clock.now(), event)
    }

    /// Appends, and waits until this node's views hold the record; what it changed in them.
    pub(crate) async fn commit(&self, stream: Stream, record: Record) -> Result<Change, Unavailable> {
        let mut place = self.waiters.enlist(record.id);
        let begun = Instant::now();
        let appended = self.log.append(stream, record).await;
        self.metrics.append_finished(begun.elapsed(), appended.as_ref().map(|_| ()));
        appended?;
        tokio::time::timeout(APPLY_WAIT, place.called()).await.ok().flatten().ok_or(Unavailable::Behind)
    }
}
