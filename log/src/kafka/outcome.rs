//! What a failed produce means for the record: certainly not written, or perhaps.

use super::limits;
use crate::AppendError;
use rdkafka::{error::KafkaError, types::RDKafkaErrorCode as Code};

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
