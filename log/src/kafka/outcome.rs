//! What a failed produce means for the record: certainly not written, or perhaps.

use super::limits;
use crate::AppendError;
use kafkatalk_protocol::Offset;
use rdkafka::{Message, error::KafkaError, message::DeliveryResult, types::RDKafkaErrorCode as Code};
use tokio::sync::oneshot;

pub(super) type Outcome = Result<Offset, AppendError>;

/// Why a record that was written counts as one that may be: nobody said where it stands.
pub(super) const UNKNOWN_PLACE: KafkaError = KafkaError::MessageProduction(Code::DuplicateSequenceNumber);

/// Only what certainly kept the record out of the log counts as not written; whatever else there is or will be, counts as
/// unknown.
pub(super) fn outcome(error: &KafkaError) -> AppendError {
    let Some(code) = error.rdkafka_error_code() else { return AppendError::Unknown(error.to_string()) };
    match code {
        Code::MessageSizeTooLarge | Code::InvalidMessageSize => {
            let max = limits::MESSAGE_BYTES_MAX;
            AppendError::Unavailable(format!("the brokers take smaller messages than {max} bytes: {code}"))
        }
        // Refused by librdkafka before it was sent, or by the brokers whenever it is sent. What may pass on a retry (too
        // few replicas, a purged queue) is not here: an earlier attempt may have been written and not answered.
        Code::QueueFull
        | Code::UnknownTopic
        | Code::UnknownPartition
        | Code::UnknownTopicOrPartition
        | Code::TopicAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::PolicyViolation
        | Code::InvalidTopic
        | Code::InvalidTimestamp
        | Code::InvalidRecord => AppendError::Unavailable(error.to_string()),
        _ => AppendError::Unknown(error.to_string()),
    }
}

/// What a producer's report says: at which offset the brokers have the record.
pub(super) fn written(result: &DeliveryResult<'_>) -> Result<u64, KafkaError> {
    match result {
        // librdkafka takes it for written, and the brokers did not say where. It may be wrong: see `KnownTopics::gate`.
        Ok(message) => u64::try_from(message.offset()).map_err(|_| UNKNOWN_PLACE),
        Err((error, _)) => Err(error.clone()),
    }
}

/// Waits for an outcome. An answer of a producer that went away counts as unknown.
pub(super) async fn answer(waiter: oneshot::Receiver<Outcome>) -> Outcome {
    let gone = |_| AppendError::Unknown("the producer ended before the brokers answered".into());
    waiter.await.map_err(gone)?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_certainly_not_written_is_called_unavailable() {
        let of = |code| outcome(&KafkaError::MessageProduction(code)).may_be_written();
        for code in [Code::QueueFull, Code::UnknownTopicOrPartition, Code::TopicAuthorizationFailed] {
            assert!(!of(code), "{code}");
        }
        for code in [
            Code::MessageTimedOut,
            Code::NotEnoughReplicas,
            Code::PurgeQueue,
            Code::NotEnoughReplicasAfterAppend,
            Code::PurgeInflight,
            Code::DuplicateSequenceNumber,
            Code::RequestTimedOut,
            Code::OutOfOrderSequenceNumber,
            Code::Fatal,
        ] {
            assert!(of(code), "{code}");
        }
    }
}
