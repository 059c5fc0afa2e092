//! What the adapter's threads and callers share.

use super::{
    complaint::Complaint,
    inbox::{Ack, Inbox},
    known_topics::{KnownTopics, Topic},
    limits,
    locks::{lock, read, write},
    names::Names,
    nodes::presence::{Lack, Presence},
    options::KafkaOptions,
    signals::local::Local,
    wire::Garbage,
};
use crate::{AppendError, Health, Level, LogIdentity, Stream};
use kafkatalk_protocol::ConversationId;
use rdkafka::{error::KafkaError, types::RDKafkaErrorCode};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, RwLock,
        atomic::{AtomicBool, AtomicI32, AtomicU64},
    },
    time::Duration,
};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, watch};
use uuid::Uuid;

pub(super) struct Shared {
    pub(super) options: KafkaOptions,
    pub(super) names: Names,
    /// This run of this process, in the feed's headers, as its records need not come back to it, and in its heartbeats.
    pub(super) instance: Uuid,
    pub(super) health: watch::Sender<Health>,
    pub(super) closed: watch::Sender<bool>,
    /// None before the brokers were reached.
    pub(super) identity: watch::Sender<Option<LogIdentity>>,
    /// A permit for each append that may be on its way, and one for each KiB of their records.
    admission: Arc<Semaphore>,
    admission_kib: Arc<Semaphore>,
    /// The finalised level, as far as is known.
    pub(super) level: watch::Sender<Level>,
    /// Of the feed as it is; 0 before it was seen, and while this node may not follow the log.
    pub(super) feed_partitions: AtomicI32,
    pub(super) garbage: Garbage,
    pub(super) presence: Presence,
    pub(super) signals: Local,
    /// A policy of the brokers forbids that topics have a setting for elections. See [`super::topics::create`].
    pub(super) elections_are_theirs: AtomicBool,
    /// How often the brokers did not take what a tail committed. See [`super::offsets`].
    pub(super) failed_commits: AtomicU64,
    /// Why there is no connection, where there is none.
    pub(super) complaint: Complaint,
    /// Wakes the keeper to look whether the brokers still answer.
    pub(super) suspicion: Notify,
    pub(super) topics: KnownTopics,
    inboxes: RwLock<Vec<Inbox>>,
    /// Own acknowledgements that may wait for one tail.
    pub(super) inbox_max: usize,
    pending_announcements: Mutex<BTreeMap<ConversationId, u64>>,
}

/// What an append holds from its admission until it is over.
pub(super) struct Admitted {
    _one: OwnedSemaphorePermit,
    _kib: OwnedSemaphorePermit,
}

impl Shared {
    pub(super) fn new(options: KafkaOptions, names: Names) -> Self {
        let instance = Uuid::new_v4();
        Self {
            options,
            names,
            instance,
            health: watch::Sender::new(Health::Unavailable("connecting to Kafka".into())),
            closed: watch::Sender::new(false),
            identity: watch::Sender::new(None),
            level: watch::Sender::new(Level(0)),
            admission: Arc::new(Semaphore::new(limits::APPENDS_IN_FLIGHT_MAX)),
            admission_kib: Arc::new(Semaphore::new(limits::APPENDS_IN_FLIGHT_KIB_MAX)),
            feed_partitions: AtomicI32::new(0),
            garbage: Garbage::default(),
            presence: Presence::default(),
            signals: Local::new(instance),
            elections_are_theirs: AtomicBool::new(false),
            failed_commits: AtomicU64::new(0),
            complaint: Complaint::default(),
            suspicion: Notify::new(),
            topics: KnownTopics::default(),
            inboxes: RwLock::default(),
            inbox_max: limits::INBOX_MAX,
            pending_announcements: Mutex::default(),
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        *self.closed.borrow()
    }

    /// Waits for a place among the appends that are on their way; none once the log is closed.
    pub(super) async fn admit(&self, bytes: usize) -> Option<Admitted> {
        let kib = u32::try_from(bytes.div_ceil(1_024).min(limits::APPENDS_IN_FLIGHT_KIB_MAX)).unwrap_or(1);
        let one = Arc::clone(&self.admission).acquire_owned().await.ok()?;
        let kib = Arc::clone(&self.admission_kib).acquire_many_owned(kib).await.ok()?;
        // The threads end when the log is closed and nobody is admitted: in this order nobody slips between the two.
        (!self.is_closed()).then_some(Admitted { _one: one, _kib: kib })
    }

    pub(super) fn appends_are_under_way(&self) -> bool {
        self.admission.available_permits() < limits::APPENDS_IN_FLIGHT_MAX
    }

    /// From now on nothing is taken.
    pub(super) fn close(&self) {
        self.closed.send_replace(true);
        self.signals.close();
        self.admission.close();
        self.admission_kib.close();
    }

    /// Why appends cannot be taken now, if they cannot.
    pub(super) fn refusal(&self) -> Option<AppendError> {
        if self.is_closed() {
            return Some(AppendError::Unavailable("the log is closed".into()));
        }
        match &*self.health.borrow() {
            Health::Ready => None,
            Health::Unavailable(why) => Some(AppendError::Unavailable(why.clone())),
        }
    }

    /// Whether the brokers take records.
    pub(super) fn is_ready(&self) -> bool {
        *self.health.borrow() == Health::Ready
    }

    /// Says so once, when it changes.
    pub(super) fn set_health(&self, health: Health) {
        if health == Health::Ready {
            self.complaint.clear();
        }
        self.health.send_if_modified(|now| {
            if *now == health || *self.closed.borrow() {
                return false;
            }
            match &health {
                Health::Ready => tracing::info!("Kafka is available"),
                Health::Unavailable(why) => tracing::warn!(reason = why, "Kafka is unavailable"),
            }
            *now = health;
            true
        });
    }

    /// Nodes do not hear of each other.
    pub(super) fn goes_without_nodes(&self, lack: Lack, why: &str) {
        self.presence.goes_without(lack, self.options.sweep_interval, why);
    }

    pub(super) fn heard_error(&self, error: &KafkaError, reason: &str) {
        tracing::debug!(target: "librdkafka", "{error}: {reason}");
        self.complaint.heard(error, reason);
        if matches!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::AllBrokersDown)) {
            self.suspicion.notify_one();
        }
    }

    /// Takes note that a topic is missing. Returns whether records are lost with it.
    pub(super) fn missed_topic(&self, conversation: ConversationId) -> bool {
        let known = self.topics.missed(conversation);
        if matches!(known, Some(Topic::Used | Topic::Met)) {
            let topic = self.names.conversation(conversation);
            tracing::error!(
                topic,
                "the topic held records and is gone: restore it, or those records are lost"
            );
        }
        known.is_some_and(|known| known != Topic::There)
    }

    /// All streams that there are, as far as is known.
    pub(super) fn streams(&self) -> Vec<Stream> {
        let ledgers = self.options.ledgers.iter().copied().map(Stream::Ledger);
        ledgers.chain(self.topics.there().into_iter().map(Stream::Conversation)).collect()
    }

    /// How long this node waits before it looks after what another one left: none where nobody else may be about to.
    pub(super) fn takeover_delay(&self) -> Duration {
        if self.presence.others() == 0 {
            return Duration::ZERO;
        }
        self.own_moment()
    }

    /// A moment of this node's own, so that of several that see the same one is first: the same each time.
    fn own_moment(&self) -> Duration {
        let share = u32::from(self.instance.as_bytes()[0]);
        limits::TAKEOVER_WITHIN * share / (u32::from(u8::MAX) + 1)
    }

    /// How long this node waits for others to roll a topic: not until the same instant as each other node does, or all
    /// would roll it.
    pub(super) fn unrolled_grace(&self) -> Duration {
        limits::UNROLLED_GRACE + self.own_moment()
    }

    /// None when too many are open.
    pub(super) fn open_inbox(&self) -> Option<(Inbox, mpsc::Receiver<Ack>)> {
        let mut inboxes = write(&self.inboxes);
        if inboxes.len() >= limits::TAILS_MAX {
            return None;
        }
        let (inbox, receiver) = Inbox::new(self.inbox_max);
        inboxes.push(inbox.clone());
        Some((inbox, receiver))
    }

    pub(super) fn close_inbox(&self, id: Uuid) {
        write(&self.inboxes).retain(|inbox| inbox.id != id);
    }

    /// Tells every tail. Never waits: a tail that is full finds the record by a sweep.
    pub(super) fn tell(&self, ack: impl Fn() -> Ack) {
        for inbox in read(&self.inboxes).iter() {
            inbox.tell(ack());
        }
    }

    /// Remembers that the feed was not told of a record.
    pub(super) fn add_pending_announcement(&self, conversation: ConversationId, offset: u64) {
        let mut pending_announcements = lock(&self.pending_announcements);
        if pending_announcements.len() < limits::PENDING_ANNOUNCEMENTS_MAX
            || pending_announcements.contains_key(&conversation)
        {
            let highest = pending_announcements.entry(conversation).or_insert(offset);
            *highest = offset.max(*highest);
        }
    }

    pub(super) fn take_pending_announcements(&self) -> BTreeMap<ConversationId, u64> {
        std::mem::take(&mut *lock(&self.pending_announcements))
    }
}
