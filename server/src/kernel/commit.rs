//! Appending a record, and learning what came of it. There is no other way to write, and no lock anywhere: who was first in
//! the log has won.

use super::{
    erasures::Erasures,
    errors::Unavailable,
    pending_acks::PendingAcks,
    projector::Recorded,
    read_your_writes::{LedgerEnds, LogLooks},
    reads_ahead::ReadsAhead,
    views::Views,
};
use crate::{
    clock::Clock,
    limits::{APPLY_WAIT, LAST_USED_SESSIONS_MAX, LEVEL_WAIT, UNKNOWN_TOKEN_KEPT, UNKNOWN_TOKENS_MAX},
    metrics::Metrics,
    rates::Rates,
    secrets::Passwords,
};
use kafkatalk_log::{EventLog, Level, Record, Stream};
use kafkatalk_protocol::{SessionId, Timestamp, UserId, event::Event};
use moka::sync::Cache as Moka;
use std::{sync::Arc, time::Instant};

/// What the use cases of one node work with. Clones share everything. Features add the use cases themselves.
#[derive(Clone)]
pub struct Kernel {
    /// Source of truth.
    pub(crate) log: Arc<dyn EventLog>,
    /// Projections of the log: lists, unread counts, history.
    pub(crate) views: Views,
    /// Use cases waiting for their own record to come back on the tail.
    pub(crate) pending_acks: PendingAcks,
    /// Hashing.
    pub(crate) passwords: Passwords,
    /// Time and ids.
    pub(crate) clock: Clock,
    /// Who may do how much.
    pub(crate) rates: Arc<Rates>,
    /// Metrics.
    pub(crate) metrics: Arc<Metrics>,
    /// When sessions were last used here.
    pub(crate) last_used: Moka<SessionId, Timestamp>,
    /// Hashes of tokens that nobody had a moment ago.
    pub(crate) unknown_tokens: Moka<String, ()>,
    /// What the log is to forget.
    pub(crate) erasures: Arc<Erasures>,
    started: tokio::time::Instant,
    pub(super) ledger_ends: Arc<LedgerEnds>,
    pub(super) log_looks: Arc<LogLooks>,
    /// Read positions that are to be looked at again.
    pub(crate) reads_ahead: Arc<ReadsAhead>,
}

impl std::fmt::Debug for Kernel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Kernel")
    }
}

impl Kernel {
    /// Puts the parts together.
    pub fn new(
        log: Arc<dyn EventLog>,
        views: Views,
        pending_acks: PendingAcks,
        passwords: Passwords,
        clock: Clock,
        rates: Arc<Rates>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let last_used = Moka::new(LAST_USED_SESSIONS_MAX);
        let unknown_tokens =
            Moka::builder().max_capacity(UNKNOWN_TOKENS_MAX).time_to_live(UNKNOWN_TOKEN_KEPT).build();
        let (erasures, ledger_ends, log_looks) = (Arc::default(), Arc::default(), Arc::default());
        let started = tokio::time::Instant::now();
        Self {
            log,
            views,
            pending_acks,
            passwords,
            clock,
            rates,
            metrics,
            last_used,
            unknown_tokens,
            erasures,
            started,
            ledger_ends,
            log_looks,
            reads_ahead: Arc::default(),
        }
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

    /// Kinds that change what others see are written only once every node knows them. A node that has just started waits
    /// for that, since it needs moments to hear who else is there; it refuses as soon as it knows that an upgrade is under
    /// way.
    pub(crate) async fn require_level(&self, level: Level) -> Result<(), Unavailable> {
        let (mut finalised, mut known) = (self.log.level(), self.log.known_level());
        let too_old = async {
            if known.wait_for(|known| known.is_some_and(|known| known < level)).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        let reached = async {
            tokio::select! {
                biased;
                reached = finalised.wait_for(|finalised| *finalised >= level) => reached.is_ok(),
                () = too_old => false,
            }
        };
        match tokio::time::timeout_at(self.started + LEVEL_WAIT, reached).await {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(Unavailable::LevelNotFinalised),
        }
    }

    /// Appends a record of an event and waits until this node's views hold it; what came of it. `key` is the record's key,
    /// where it has one of its own.
    pub(crate) async fn commit<E: Recorded>(
        &self,
        stream: Stream,
        author: UserId,
        key: Option<String>,
        event: &E,
    ) -> Result<E::Outcome, Unavailable> {
        let mut record = self.record(Some(author), event);
        if let Some(key) = key {
            record = record.keyed(key);
        }
        self.commit_record::<E>(stream, record).await
    }

    /// The same for a record that is there already.
    pub(crate) async fn commit_record<E: Recorded>(
        &self,
        stream: Stream,
        record: Record,
    ) -> Result<E::Outcome, Unavailable> {
        let mut pending = self.pending_acks.register(record.id);
        let begun = Instant::now();
        let appended = self.log.append(stream, record).await;
        self.metrics.append_finished(begun.elapsed(), appended.as_ref().map(|_| ()));
        appended?;
        let outcome = tokio::time::timeout(APPLY_WAIT, pending.wait()).await;
        let outcome = outcome.ok().and_then(Result::ok).ok_or(Unavailable::Behind)?;
        let outcome = outcome.as_deref().and_then(|outcome| outcome.downcast_ref::<E::Outcome>());
        outcome
            .cloned()
            .ok_or(Unavailable::Impossible("a record was not understood by the node that wrote it"))
    }
}
