//! A producer that outlives what librdkafka gives up.

use super::{limits, shared::Shared};
use rdkafka::producer::{BaseProducer, Producer, ProducerContext};
use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

/// A producer that is made anew when librdkafka gives it up.
pub(super) struct Shard<C: ProducerContext + 'static> {
    producer: RwLock<Arc<BaseProducer<C>>>,
}

impl<C: ProducerContext> Shard<C> {
    pub(super) fn new(producer: BaseProducer<C>) -> Self {
        Self { producer: RwLock::new(Arc::new(producer)) }
    }

    pub(super) fn producer(&self) -> Arc<BaseProducer<C>> {
        Arc::clone(&self.producer.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Serves reports until the log is closed and nothing is on its way, or the deadline has passed. On its way is an
    /// append from its admission until its copy is in the feed, whichever producer it is with.
    /// Calls `each_turn` each time when it has waited for so long.
    pub(super) fn serve(
        &self,
        shared: &Shared,
        wait: Duration,
        remake: impl Fn() -> Option<BaseProducer<C>>,
        mut each_turn: impl FnMut(),
    ) {
        let mut closing: Option<std::time::Instant> = None;
        loop {
            let producer = self.producer();
            producer.poll(wait);
            each_turn();
            if let Some((code, why)) = producer.client().fatal_error() {
                tracing::error!(%code, "a Kafka producer failed for good and is made anew: {why}");
                if let Some(fresh) = remake() {
                    shared.topics.forget_met();
                    *self.producer.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(fresh);
                }
            }
            if shared.is_closed() {
                let since = *closing.get_or_insert_with(std::time::Instant::now);
                let idle = producer.in_flight_count() == 0 && !shared.appends_are_under_way();
                if idle || since.elapsed() > limits::CLOSE_WAIT {
                    return;
                }
            }
        }
    }
}
