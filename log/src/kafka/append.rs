//! An append, from its admission until its outcome is told.

use super::{
    error::topic_missing,
    feed::FeedCopy,
    inbox::Ack,
    known_topics::Gate,
    limits,
    outcome::{Outcome, outcome},
    shared::{Admitted, Shared},
};
use crate::{AppendError, Record, Stream};
use kafkatalk_protocol::{ConversationId, Offset};
use rdkafka::{error::KafkaError, types::RDKafkaErrorCode};
use std::sync::Arc;
use tokio::{sync::oneshot, time::timeout};

/// An append on its way. The permit goes back when it is over, whoever still waits.
pub(super) struct Append {
    pub(super) stream: Stream,
    pub(super) record: Arc<Record>,
    pub(super) waiter: oneshot::Sender<Outcome>,
    pub(super) permit: Admitted,
    pub(super) gate: Option<Gate>,
}

/// Waits for a place among the appends that are on their way.
pub(super) async fn admit(shared: &Shared, bytes: usize) -> Result<Admitted, AppendError> {
    let busy = |_| AppendError::Unavailable("too many appends are on their way".into());
    let admitted = timeout(limits::ADMISSION_WAIT, shared.admit(bytes)).await.map_err(busy)?;
    admitted.ok_or_else(|| AppendError::Unavailable("the log is closed".into()))
}

/// Waits where appends to a topic go one by one. Whoever waits holds no place that another topic's append could use.
pub(super) async fn gate(shared: &Shared, conversation: ConversationId) -> Result<Option<Gate>, AppendError> {
    let gate = timeout(limits::GATE_WAIT, shared.topics.gate(conversation)).await;
    gate.map_err(|_| {
        let topic = shared.names.conversation(conversation);
        AppendError::Unavailable(format!("the topic {topic} has not acknowledged its first record"))
    })
}

impl Append {
    /// Waits until the append may go to a producer. Returns where its outcome will be told.
    pub(super) async fn admitted(
        shared: &Shared,
        stream: Stream,
        record: Record,
    ) -> Result<(Self, oneshot::Receiver<Outcome>), AppendError> {
        let gate = match stream {
            Stream::Conversation(conversation) => gate(shared, conversation).await?,
            Stream::Ledger(_) => None,
        };
        // The last wait: once admitted, the threads that will bring the answer stay until it is there.
        let permit = admit(shared, record.bytes()).await?;
        let (waiter, answer) = oneshot::channel();
        Ok((Self { stream, record: Arc::new(record), waiter, permit, gate }, answer))
    }

    /// Takes what the brokers said. Returns the copy that is to be written to the feed, for a conversation's record; the
    /// caller waits for that too.
    pub(super) fn reported(self, shared: &Shared, written: Result<u64, KafkaError>) -> Option<FeedCopy> {
        let offset = match written {
            Ok(offset) => offset,
            Err(error) => {
                self.failed(shared, &error);
                return None;
            }
        };
        let Self { stream, record, waiter, permit, gate } = self;
        let Stream::Conversation(conversation) = stream else {
            waiter.send(Ok(Offset(offset))).ok();
            return None;
        };
        shared.topics.met(conversation);
        drop(gate);
        shared.tell(|| Ack::Record { conversation, offset, record: Arc::clone(&record) });
        Some(FeedCopy::of_append(conversation, offset, (waiter, permit)))
    }

    pub(super) fn failed(self, shared: &Shared, error: &KafkaError) {
        let mut outcome = outcome(error);
        if let Stream::Conversation(conversation) = self.stream {
            let missing = RDKafkaErrorCode::UnknownTopicOrPartition;
            if matches!(error.rdkafka_error_code(), Some(code) if code == missing || is_local_unknown(code)) {
                let topic = shared.names.conversation(conversation);
                let lost = shared.missed_topic(conversation);
                outcome = AppendError::Unavailable(topic_missing(&topic, lost));
            }
            if outcome.may_be_written() {
                shared.tell(|| Ack::Unsure { conversation });
            }
        }
        // A caller that no longer waits knows that the outcome is open.
        self.waiter.send(Err(outcome)).ok();
        drop(self.permit);
    }
}

fn is_local_unknown(code: RDKafkaErrorCode) -> bool {
    matches!(code, RDKafkaErrorCode::UnknownTopic | RDKafkaErrorCode::UnknownPartition)
}
