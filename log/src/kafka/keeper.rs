//! The keeper: one thread that sets up the topics, says whether the brokers take records, and creates topics for others.
//!
//! It has a small runtime of its own, which those who erase share, so that the adapter works whatever runtime its callers have, and so that
//! librdkafka's blocking calls hold up nobody.

use super::{
    client::{self, Admin},
    erase::{self, brokers::Real, queue::RollQueue},
    error::{ConnectError, Wrong},
    known_topics::Topic,
    level::ManifestFollower,
    limits,
    nodes::presence::Lack,
    produce::TopicReports,
    producers::Producers,
    setup,
    shard::Shard,
    shared::Shared,
    threads::Threads,
    topics::{self, Extra},
};
use crate::{AppendError, Health};
use kafkatalk_protocol::ConversationId;
use std::{
    collections::BTreeSet,
    slice,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::{MissedTickBehavior, interval, sleep, timeout},
};

/// What callers ask of the keeper: to make a conversation's topic.
pub(super) struct Create {
    pub(super) conversation: ConversationId,
    pub(super) waiter: oneshot::Sender<Result<(), AppendError>>,
}

pub(super) struct Keeper {
    shared: Arc<Shared>,
    producers: Arc<Producers>,
    threads: Threads,
    admin: Arc<Admin>,
    requests: mpsc::Receiver<Create>,
    levels: ManifestFollower,
    /// When the brokers refused to create a topic, by [`Extra`].
    refused: [Option<Instant>; 2],
}

impl Keeper {
    pub(super) fn new(
        shared: &Arc<Shared>,
        producers: &Arc<Producers>,
        threads: &Threads,
        requests: mpsc::Receiver<Create>,
    ) -> Result<Self, ConnectError> {
        let admin = client::admin(shared)?;
        Ok(Self {
            shared: Arc::clone(shared),
            producers: Arc::clone(producers),
            threads: threads.clone(),
            admin: Arc::new(admin),
            requests,
            levels: ManifestFollower::default(),
            refused: [None; 2],
        })
    }

    /// Until the log is closed. Serves those who erase, too, and has their round in hand come to its end.
    pub(super) fn run(mut self, runtime: &tokio::runtime::Runtime, rolls: &Arc<RollQueue>) {
        let mut closed = self.shared.closed.subscribe();
        let growth = grow(Arc::clone(&self.shared), Arc::clone(&self.producers), self.threads.clone());
        let (shared, producers, admin) =
            (Arc::clone(&self.shared), Arc::clone(&self.producers), Arc::clone(&self.admin));
        let brokers = Real { shared: &shared, producers: &producers, admin: &admin };
        let keeping = async {
            tokio::select! {
                _ = closed.wait_for(|closed| *closed) => {}
                () = self.keep() => {}
                () = growth => {}
            }
        };
        runtime.block_on(async { tokio::join!(keeping, erase::serve(&shared, &brokers, rolls)) });
    }

    async fn keep(&mut self) {
        loop {
            match self.set_up().await {
                Ok(()) => {
                    self.shared.set_health(Health::Ready);
                    self.see_to_extras().await;
                    self.serve().await;
                }
                Err(Wrong(why)) => {
                    self.shared.set_health(Health::Unavailable(why));
                    self.refuse_waiting();
                    sleep(limits::PROBE_RETRY).await;
                }
            }
        }
    }

    async fn set_up(&self) -> Result<(), Wrong> {
        let producer = Arc::clone(&self.producers.topics()[0]);
        let leaders = setup::set_up(&self.shared, &self.admin, &producer).await;
        let leaders = leaders.map_err(|wrong| self.at_brokers(wrong))?;
        self.feed_has(&leaders);
        self.warm_up(&leaders).await
    }

    /// Whatever is wrong here, the log is ready all the same.
    async fn see_to_extras(&mut self) {
        match self.set_up_extra(Extra::Nodes).await {
            Ok(true) => self.shared.presence.topic_is_there(),
            Ok(false) => {}
            Err(Wrong(why)) => self.shared.goes_without_nodes(Lack::Topic, &why),
        }
        match self.set_up_extra(Extra::Signals).await {
            Ok(true) => self.shared.signals.topic_is_there(),
            Ok(false) => {}
            Err(Wrong(why)) => self.shared.signals.stay_here(&why),
        }
    }

    /// Whether that topic is there now. Somebody else may make it at any time; that the brokers let us is not likely soon
    /// once they refused.
    async fn set_up_extra(&mut self, extra: Extra) -> Result<bool, Wrong> {
        if extra.is_there(&self.shared, &self.admin)? {
            return Ok(true);
        }
        if self.refused[extra as usize].is_some_and(|at| at.elapsed() < limits::TOPIC_REFUSED_WAIT) {
            return Ok(false);
        }
        let made = extra.create(&self.shared, &self.admin).await?;
        self.refused[extra as usize] = made.is_err().then(Instant::now);
        made.map(|()| true)
    }

    /// For an operator, who may have written the wrong address.
    fn at_brokers(&self, Wrong(why): Wrong) -> Wrong {
        let complaint = self.shared.complaint.recent().map_or_else(String::new, |said| format!(" ({said})"));
        Wrong(format!("the brokers of {}: {why}{complaint}", self.shared.options.bootstrap))
    }

    fn feed_has(&self, leaders: &[i32]) {
        let partitions = i32::try_from(leaders.len()).unwrap_or(limits::FEED_PARTITIONS_MAX);
        self.producers.feed_is_led_by(leaders);
        self.shared.feed_partitions.store(partitions, Ordering::Relaxed);
    }

    /// The first record of a producer to a broker costs half a second: it is not to be a person's. Where none is
    /// acknowledged, no person's would be.
    async fn warm_up(&self, leaders: &[i32]) -> Result<(), Wrong> {
        let begun = Instant::now();
        let shards = self.producers.topics();
        let warm = write_to(&self.shared, leaders, &shards, limits::WARM_UP_WAIT, usize::MAX).await;
        if begun.elapsed() >= limits::WARM_UP_WAIT {
            tracing::warn!("a Kafka producer is still not acknowledged after {:?}", limits::WARM_UP_WAIT);
        }
        if warm == 0 { Err(self.at_brokers(Wrong("they acknowledge no record".into()))) } else { Ok(()) }
    }

    /// Serves requests until the brokers no longer answer.
    async fn serve(&mut self) {
        let mut requests = Vec::new();
        let mut look = interval(limits::PROBE_INTERVAL);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        look.reset();
        loop {
            tokio::select! {
                biased;
                // Requests that never end must not put off the look.
                _ = look.tick() => {}
                () = self.shared.suspicion.notified() => {}
                count = self.requests.recv_many(&mut requests, limits::CREATE_BATCH_MAX) => {
                    if count == 0 {
                        // All callers are gone; so will the keeper be, when the log is closed.
                        std::future::pending::<()>().await;
                    }
                    self.answer(std::mem::take(&mut requests)).await;
                    continue;
                }
            }
            let mut probed = self.probe().await;
            if probed.is_ok() {
                let producer = Arc::clone(&self.producers.topics()[0]);
                probed = self.levels.look(&self.shared, &self.admin, &producer).await;
            }
            if let Err(Wrong(why)) = probed {
                return self.shared.set_health(Health::Unavailable(why));
            }
            self.producers.feed.announce_pending(&self.shared);
            self.see_to_extras().await;
        }
    }

    /// Whether the topics that all appends need are there, and whether any broker acknowledges a record.
    async fn probe(&self) -> Result<(), Wrong> {
        let leaders = setup::look_for(&self.shared, &self.admin).map_err(|wrong| self.at_brokers(wrong))?;
        // Another node may have been started with more partitions.
        self.feed_has(&leaders);
        let one = &self.producers.topics()[..1];
        if write_to(&self.shared, &leaders, one, limits::REQUEST_TIMEOUT, 1).await == 0 {
            let why = format!("they acknowledged no record within {:?}", limits::REQUEST_TIMEOUT);
            return Err(self.at_brokers(Wrong(why)));
        }
        Ok(())
    }

    /// Nobody waits for a broker that is not there.
    fn refuse_waiting(&mut self) {
        let refusal = self.shared.refusal().unwrap_or_else(|| AppendError::Unavailable("not ready".into()));
        while let Ok(request) = self.requests.try_recv() {
            drop(request.waiter.send(Err(refusal.clone())));
        }
    }

    async fn answer(&self, requests: Vec<Create>) {
        let mut conversations: Vec<_> = requests.iter().map(|request| request.conversation).collect();
        conversations.sort_unstable();
        conversations.dedup();
        let answers = topics::create_conversations(&self.shared, &self.admin, &conversations).await;
        for Create { conversation, waiter } in requests {
            let answer = match &answers {
                Err(Wrong(why)) => Err(why.clone()),
                Ok(answers) => {
                    conversations.binary_search(&conversation).map_or(Ok(()), |at| answers[at].clone())
                }
            };
            if answer.is_ok() {
                self.shared.topics.saw(conversation, Topic::There);
            }
            drop(waiter.send(answer.map_err(AppendError::Unavailable)));
        }
    }
}

/// Writes a record that says nothing to every broker that leads a partition of the feed. Returns how many were
/// acknowledged, when it was enough or there will be no more.
async fn write_to(
    shared: &Shared,
    leaders: &[i32],
    shards: &[Arc<Shard<TopicReports>>],
    wait: Duration,
    enough: usize,
) -> usize {
    let (mut seen, mut waiting, mut written) = (BTreeSet::new(), JoinSet::new(), 0);
    let led = leaders.iter().enumerate().filter(|(_, leader)| **leader >= 0);
    for (partition, _) in led.filter(|(_, leader)| seen.insert(**leader)) {
        for shard in shards {
            let (waiter, warm) = oneshot::channel();
            shard.warm_up(shared, i32::try_from(partition).unwrap_or(0), waiter);
            waiting.spawn(warm);
        }
    }
    let count = async {
        while written < enough
            && let Some(answer) = waiting.join_next().await
        {
            written += usize::from(matches!(answer, Ok(Ok(Ok(_)))));
        }
    };
    // What came until then counts.
    drop(timeout(wait, count).await);
    written
}

/// Starts more producers whenever those that there are have their fill of conversations. Beside the keeper: a new one takes
/// its time to know the brokers, and nobody is to wait for that.
async fn grow(shared: Arc<Shared>, producers: Arc<Producers>, threads: Threads) {
    loop {
        producers.crowded.notified().await;
        while producers.are_crowded() {
            let another = Shard::of_topics(&shared, &producers.feed);
            let served =
                another.and_then(|another| producers.serve(&another, &shared, &threads).map(|()| another));
            match served {
                Ok(another) => {
                    let (leaders, one) = (producers.feed_leaders(), slice::from_ref(&another));
                    write_to(&shared, &leaders, one, limits::WARM_UP_WAIT, usize::MAX).await;
                    producers.add(another);
                }
                Err(error) => {
                    tracing::warn!("no further Kafka producer can be started, trying again: {error}");
                    sleep(limits::PROBE_INTERVAL).await;
                }
            }
        }
    }
}
