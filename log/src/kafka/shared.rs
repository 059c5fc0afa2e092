//! What the adapter's threads and callers share.

use super::{KafkaOptions, limits, names::Names, nodes::Presence, signals::Local, wire::Garbage};
use crate::{AppendError, Health, Level, LogIdentity, Record, Stream};
use kafkatalk_protocol::ConversationId;
use rdkafka::{error::KafkaError, types::RDKafkaErrorCode};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicBool, AtomicI32, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::sync::{Notify, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore, mpsc, watch};
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
    /// How often the brokers did not take what a tail committed. See [`super::offsets`].
    pub(super) failed_commits: AtomicU64,
    /// Wakes the keeper to look whether the brokers still answer.
    pub(super) suspicion: Notify,
    topics: RwLock<HashMap<ConversationId, Topic>>,
    inboxes: RwLock<Vec<Inbox>>,
    /// Own acknowledgements that may wait for one tail.
    pub(super) inbox_max: usize,
    gates: Mutex<HashMap<ConversationId, Arc<tokio::sync::Mutex<()>>>>,
    owed: Mutex<BTreeMap<ConversationId, u64>>,
}

/// What is known of a conversation's topic, each more than the one before. Absent: nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Topic {
    /// It held records, and is missing.
    Gone,
    /// It is there, and may be empty.
    There,
    /// It held records once: if it is missing, they are lost.
    Used,
    /// The brokers have acknowledged a record of our present producer in it. See [`Shared::gate`].
    Met,
    /// It holds less than was read of it. Nothing more is written to it by this process.
    Damaged,
}

/// What an append holds from its admission until it is over.
pub(super) struct Admitted {
    _one: OwnedSemaphorePermit,
    _kib: OwnedSemaphorePermit,
}

/// Held by the one append that may be on its way to a topic where our producer is not known yet.
pub(super) type Gate = OwnedMutexGuard<()>;

/// What a tail hears from the node's own appends.
pub(super) enum Ack {
    /// Acknowledged.
    Record { conversation: ConversationId, offset: u64, record: Arc<Record> },
    /// Acknowledged, and stands for nothing.
    Hole { conversation: ConversationId, offset: u64 },
    /// Perhaps written: to be looked up.
    Unsure { conversation: ConversationId },
}

#[derive(Clone)]
pub(super) struct Inbox {
    pub(super) id: Uuid,
    pub(super) acks: mpsc::Sender<Ack>,
    /// Whether something did not fit in, so that a sweep must find it.
    pub(super) overflowed: Arc<AtomicBool>,
    /// Of the records that wait in it.
    bytes: Arc<AtomicUsize>,
}

impl Inbox {
    fn tell(&self, ack: Ack) {
        let bytes = ack.bytes();
        let fits = self.bytes.fetch_add(bytes, Ordering::Relaxed) <= limits::INBOX_BYTES_MAX;
        if !fits || self.acks.try_send(ack).is_err() {
            self.bytes.fetch_sub(bytes, Ordering::Relaxed);
            self.overflowed.store(true, Ordering::Release);
        }
    }

    /// One was taken out.
    pub(super) fn took(&self, ack: &Ack) {
        self.bytes.fetch_sub(ack.bytes(), Ordering::Relaxed);
    }
}

impl Ack {
    fn bytes(&self) -> usize {
        if let Self::Record { record, .. } = self { record.bytes() } else { 0 }
    }
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
            failed_commits: AtomicU64::new(0),
            suspicion: Notify::new(),
            topics: RwLock::default(),
            inboxes: RwLock::default(),
            inbox_max: limits::INBOX_MAX,
            gates: Mutex::default(),
            owed: Mutex::default(),
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

    pub(super) fn heard_error(&self, error: &KafkaError, reason: &str) {
        tracing::debug!(target: "librdkafka", "{error}: {reason}");
        if matches!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::AllBrokersDown)) {
            self.suspicion.notify_one();
        }
    }

    pub(super) fn topic(&self, conversation: ConversationId) -> Option<Topic> {
        read(&self.topics).get(&conversation).copied()
    }

    pub(super) fn saw_topic(&self, conversation: ConversationId, seen: Topic) {
        if self.topic(conversation).is_none_or(|known| known < seen) {
            write(&self.topics).insert(conversation, seen);
        }
    }

    /// Waits until no other append is on its way to a topic where the brokers do not know our producer yet.
    ///
    /// Brokers take any sequence number from a producer that they meet for the first time. Were two records on their way
    /// and the first refused (the partition is not up yet), the second would be taken, and librdkafka would conclude that
    /// the first had been taken too.
    pub(super) async fn gate(&self, conversation: ConversationId) -> Option<Gate> {
        while self.topic(conversation) != Some(Topic::Met) {
            let gate = Arc::clone(lock(&self.gates).entry(conversation).or_default());
            let held = gate.lock_owned().await;
            // While we waited, the topic may have become known, or the gate been taken down and set up again.
            let same = lock(&self.gates)
                .get(&conversation)
                .is_some_and(|gate| Arc::ptr_eq(gate, OwnedMutexGuard::mutex(&held)));
            if same {
                return Some(held);
            }
        }
        None
    }

    /// A record of our producer was acknowledged: from now on appends may overtake each other.
    pub(super) fn met(&self, conversation: ConversationId) {
        if self.topic(conversation).is_none_or(|known| known < Topic::Met) {
            write(&self.topics).insert(conversation, Topic::Met);
            lock(&self.gates).remove(&conversation);
        }
    }

    /// A producer was made anew: the brokers do not know it anywhere.
    pub(super) fn forget_met(&self) {
        write(&self.topics)
            .values_mut()
            .filter(|topic| **topic == Topic::Met)
            .for_each(|topic| *topic = Topic::Used);
    }

    /// Takes note that a topic is missing. Returns whether records are lost with it.
    pub(super) fn missed_topic(&self, conversation: ConversationId) -> bool {
        let mut topics = write(&self.topics);
        if topics.get(&conversation) == Some(&Topic::Damaged) {
            return true;
        }
        let known = topics.remove(&conversation);
        let lost = known.is_some_and(|known| known != Topic::There);
        if lost {
            topics.insert(conversation, Topic::Gone);
        }
        if lost && known != Some(Topic::Gone) {
            let topic = self.names.conversation(conversation);
            tracing::error!(
                topic,
                "the topic held records and is gone: restore it, or those records are lost"
            );
        }
        lost
    }

    /// Takes note that a topic holds less than was read of it.
    pub(super) fn damaged(&self, conversation: ConversationId) {
        write(&self.topics).insert(conversation, Topic::Damaged);
    }

    /// Topics that held records; the sweep looks whether they still exist.
    pub(super) fn used_topics(&self) -> Vec<ConversationId> {
        let topics = read(&self.topics);
        topics.iter().filter(|(_, topic)| **topic != Topic::There).map(|(id, _)| *id).collect()
    }

    /// All streams that there are, as far as is known.
    pub(super) fn streams(&self) -> Vec<Stream> {
        let ledgers = self.options.ledgers.iter().copied().map(Stream::Ledger);
        let topics = read(&self.topics);
        let there = topics.iter().filter(|(_, topic)| **topic != Topic::Gone);
        ledgers.chain(there.map(|(id, _)| Stream::Conversation(*id))).collect()
    }

    /// How long this node waits before it looks after what another one left: none where nobody else may be about to.
    pub(super) fn takeover_delay(&self) -> Duration {
        if self.presence.others() == 0 {
            return Duration::ZERO;
        }
        // The same for each node, and another for each.
        let share = u32::from(self.instance.as_bytes()[0]);
        limits::TAKEOVER_WITHIN * share / (u32::from(u8::MAX) + 1)
    }

    /// None when too many are open.
    pub(super) fn open_inbox(&self) -> Option<(Inbox, mpsc::Receiver<Ack>)> {
        let mut inboxes = write(&self.inboxes);
        if inboxes.len() >= limits::TAILS_MAX {
            return None;
        }
        let (acks, receiver) = mpsc::channel(self.inbox_max);
        let inbox = Inbox { id: Uuid::new_v4(), acks, overflowed: Arc::default(), bytes: Arc::default() };
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
    pub(super) fn owe(&self, conversation: ConversationId, offset: u64) {
        let mut owed = lock(&self.owed);
        if owed.len() < limits::OWED_MAX || owed.contains_key(&conversation) {
            let highest = owed.entry(conversation).or_insert(offset);
            *highest = offset.max(*highest);
        }
    }

    pub(super) fn take_owed(&self) -> BTreeMap<ConversationId, u64> {
        std::mem::take(&mut *lock(&self.owed))
    }
}

// A thread that panicked leaves these maps whole: every change to them is one insertion or removal.
fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}
fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
fn lock<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}
