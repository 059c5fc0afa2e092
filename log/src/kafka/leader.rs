//! Waiting until a new topic has a leader.

use super::limits;
use rdkafka::producer::{BaseProducer, Producer as _, ProducerContext};
use std::{
    sync::Arc,
    thread::{Builder, sleep},
    time::Instant,
};
use tokio::{
    sync::{Semaphore, oneshot},
    time::timeout,
};

/// Turns to wait for the leader of a new topic, over all logs of the process: each takes a thread.
static LEADER_WAITS: Semaphore = Semaphore::const_new(limits::LEADER_WAITS_MAX);

/// Waits until the producer knows who leads a new topic, so that its first record need not. On a thread of its own: those
/// of the runtime are for reads, which would wait for this.
pub(super) async fn is_known<C: ProducerContext + 'static>(
    producer: Arc<BaseProducer<C>>,
    topic: String,
) -> Result<(), String> {
    let many = |_| "too many new topics wait for their leaders".to_owned();
    let turn = timeout(limits::PREPARE_WAIT, LEADER_WAITS.acquire()).await.map_err(many)?;
    let turn = turn.map_err(|closed| closed.to_string())?;
    let (told, led) = oneshot::channel();
    let wait = move || {
        let led = wait_for_leader(&*producer, &topic);
        drop(turn);
        // Whoever asked may have gone.
        let _ = told.send(led);
    };
    let started = Builder::new().name("kafka-leader".into()).spawn(wait);
    started.map_err(|error| format!("no thread: {error}"))?;
    led.await.unwrap_or_else(|error| Err(error.to_string()))
}

fn wait_for_leader<C: ProducerContext>(producer: &BaseProducer<C>, topic: &str) -> Result<(), String> {
    let until = Instant::now() + limits::PREPARE_WAIT;
    loop {
        let metadata = producer.client().fetch_metadata(Some(topic), limits::REQUEST_TIMEOUT);
        let metadata = metadata.map_err(|error| error.to_string())?;
        let led = metadata.topics().iter().any(|found| {
            found.name() == topic && found.partitions().iter().any(|at| at.id() == 0 && at.leader() >= 0)
        });
        if led {
            return Ok(());
        }
        if Instant::now() >= until {
            return Err(format!("the topic {topic} has no leader after {:?}", limits::PREPARE_WAIT));
        }
        sleep(limits::LEADER_POLL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rdkafka::{ClientConfig, producer::DefaultProducerContext};

    #[test]
    fn waiting_for_a_leader_leaves_the_threads_of_the_runtime_to_others() {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().max_blocking_threads(1).build();
        // It knows no broker, so nobody leads anything.
        let producer: BaseProducer<DefaultProducerContext> = ClientConfig::new().create().unwrap();
        runtime.unwrap().block_on(async {
            let mut waiting = std::pin::pin!(is_known(Arc::new(producer), "new".into()));
            let read = async {
                tokio::task::yield_now().await;
                tokio::task::spawn_blocking(|| "read").await
            };
            tokio::select! {
                biased;
                led = waiting.as_mut() => panic!("the read waited until {led:?}"),
                read = read => assert_eq!(read.unwrap(), "read"),
            }
        });
    }
}
