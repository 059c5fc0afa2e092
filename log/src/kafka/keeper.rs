//! The keeper: one thread that sets up the topics, says whether the brokers take records, and creates topics for others.
//!
//! It has a small runtime of its own, so that the adapter works whatever runtime its callers have, and so that
//! librdkafka's blocking calls hold up nobody.

use super::{
    Producers,
    client::Client,
    erase, limits,
    options::Purpose,
    shared::{Shared, Topic},
    topics::{self, Admin, Wrong},
};
use crate::{AppendError, Health, Stream};
use kafkatalk_protocol::{ConversationId, Offset};
use std::{collections::BTreeSet, sync::Arc};
use tokio::{
    sync::{mpsc, oneshot},
    time::{sleep, timeout},
};

/// What callers ask of the keeper.
pub(super) enum Request {
    /// Make the conversation's topic.
    Create(ConversationId, oneshot::Sender<Result<(), AppendError>>),
    /// See [`erase`].
    Roll(Stream, oneshot::Sender<Result<(), AppendError>>),
}

pub(super) struct Keeper {
    shared: Arc<Shared>,
    producers: Arc<Producers>,
    admin: Admin,
    requests: mpsc::Receiver<Request>,
}

impl Keeper {
    pub(super) fn new(
        shared: &Arc<Shared>,
        producers: &Arc<Producers>,
        requests: mpsc::Receiver<Request>,
    ) -> Result<Self, super::ConnectError> {
        let admin = shared.options.client(Purpose::Admin, Client(Arc::clone(shared)))?;
        Ok(Self { shared: Arc::clone(shared), producers: Arc::clone(producers), admin, requests })
    }

    /// Until the log is closed.
    pub(super) fn run(mut self, runtime: &tokio::runtime::Runtime) {
        let mut closed = self.shared.closed.subscribe();
        runtime.block_on(async {
            tokio::select! {
                _ = closed.wait_for(|closed| *closed) => {}
                () = self.keep() => {}
            }
        });
    }

    async fn keep(&mut self) {
        loop {
            match self.set_up().await {
                Ok(()) => {
                    self.shared.set_health(Health::Ready);
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
        self.probe()?;
        let leaders = topics::set_up(&self.shared, &self.admin).await?;
        let partitions = i32::try_from(leaders.len()).unwrap_or(limits::FEED_PARTITIONS_MAX);
        self.shared.feed_partitions.store(partitions, std::sync::atomic::Ordering::Relaxed);
        self.warm_up(&leaders).await;
        Ok(())
    }

    /// The first record of a producer to a broker costs half a second: it is not to be a person's.
    async fn warm_up(&self, leaders: &[i32]) {
        let mut seen = BTreeSet::new();
        let mut waiting = Vec::new();
        for (partition, _) in leaders.iter().enumerate().filter(|(_, leader)| seen.insert(**leader)) {
            for shard in &self.producers.topics {
                let (waiter, warm) = oneshot::channel();
                shard.warm_up(&self.shared, i32::try_from(partition).unwrap_or(0), waiter);
                waiting.push(warm);
            }
        }
        let all = async {
            for warm in waiting {
                drop(warm.await);
            }
        };
        if timeout(limits::WARM_UP_WAIT, all).await.is_err() {
            tracing::warn!("a Kafka producer is still not acknowledged after {:?}", limits::WARM_UP_WAIT);
        }
    }

    /// Serves requests until the brokers no longer answer.
    async fn serve(&mut self) {
        let mut requests = Vec::new();
        loop {
            tokio::select! {
                count = self.requests.recv_many(&mut requests, limits::CREATE_BATCH_MAX) => {
                    if count == 0 {
                        // All callers are gone; so will the keeper be, when the log is closed.
                        std::future::pending::<()>().await;
                    }
                    self.answer(std::mem::take(&mut requests)).await;
                    continue;
                }
                () = self.shared.suspicion.notified() => {}
                () = sleep(limits::PROBE_INTERVAL) => {}
            }
            if let Err(Wrong(why)) = self.probe() {
                return self.shared.set_health(Health::Unavailable(why));
            }
            self.producers.feed.pay_debts(&self.shared);
        }
    }

    fn probe(&self) -> Result<(), Wrong> {
        let feed = &self.shared.names.feed;
        let found = self.admin.inner().fetch_metadata(Some(feed), limits::PROBE_TIMEOUT);
        found.map(drop).map_err(|error| {
            let why = error.rdkafka_error_code().map_or_else(|| error.to_string(), |code| code.to_string());
            Wrong(format!("no broker of {} answers: {why}", self.shared.options.bootstrap))
        })
    }

    /// Nobody waits for a broker that is not there.
    fn refuse_waiting(&mut self) {
        let refusal = self.shared.refusal().unwrap_or_else(|| AppendError::Unavailable("not ready".into()));
        while let Ok(request) = self.requests.try_recv() {
            let (Request::Create(_, waiter) | Request::Roll(_, waiter)) = request;
            drop(waiter.send(Err(refusal.clone())));
        }
    }

    async fn answer(&self, requests: Vec<Request>) {
        let (mut conversations, mut waiters) = (Vec::new(), Vec::new());
        for request in requests {
            match request {
                Request::Create(conversation, waiter) => {
                    conversations.push(conversation);
                    waiters.push((conversation, waiter));
                }
                Request::Roll(stream, waiter) => {
                    let rolled = erase::roll(&self.shared, &self.producers, &self.admin, stream).await;
                    drop(waiter.send(rolled));
                }
            }
        }
        if conversations.is_empty() {
            return;
        }
        conversations.sort_unstable();
        conversations.dedup();
        let answers = topics::create_conversations(&self.shared, &self.admin, &conversations).await;
        for (conversation, waiter) in waiters {
            let answer = match &answers {
                Err(Wrong(why)) => Err(why.clone()),
                Ok(answers) => {
                    conversations.binary_search(&conversation).map_or(Ok(()), |at| answers[at].clone())
                }
            };
            if answer.is_ok() {
                self.shared.saw_topic(conversation, Topic::There);
            }
            drop(waiter.send(answer.map_err(AppendError::Unavailable)));
        }
    }
}

/// An answer of a producer that went away counts as unknown.
pub(super) async fn outcome(
    waiter: oneshot::Receiver<super::produce::Outcome>,
) -> Result<Offset, AppendError> {
    let gone = |_| AppendError::Unknown("the producer ended before the brokers answered".into());
    waiter.await.map_err(gone)?
}
