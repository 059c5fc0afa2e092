//! What goes wrong, in words for an operator.

use super::limits;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// Why the adapter cannot even try.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Not a beginning of topic names.
    #[error("topic prefix {0:?}: 1 to {max} characters of a-z A-Z 0-9 . _ -", max = limits::PREFIX_CHARS_MAX)]
    Prefix(String),
    /// A property that the adapter's promises rest on.
    #[error("the Kafka property {0} is set by KafkaTalk itself and cannot be changed")]
    Reserved(String),
    /// librdkafka does not know the property or does not take its value.
    // Without its value, which may be a secret.
    #[error("the Kafka property {name} cannot be used: {why}")]
    Property {
        /// Its name.
        name: String,
        /// What it was set to.
        value: String,
        /// What librdkafka says.
        why: String,
    },
    /// A number outside of its bounds.
    #[error("{name} is {value}: it must be {bounds}")]
    OutOfBounds {
        /// Of which setting.
        name: &'static str,
        /// What it was set to.
        value: i64,
        /// What it may be.
        bounds: &'static str,
    },
    /// The client cannot be made.
    #[error("cannot make a Kafka client: {0}")]
    Client(String),
}

impl From<KafkaError> for ConnectError {
    fn from(error: KafkaError) -> Self {
        match error {
            KafkaError::ClientConfig(_, why, name, value) => Self::Property { name, value, why },
            other => Self::Client(other.to_string()),
        }
    }
}

/// What is wrong with the topics, for an operator.
#[derive(Debug)]
pub(super) struct Wrong(pub(super) String);

impl<E: std::error::Error> From<E> for Wrong {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// Whether the brokers refuse it because of a missing right.
pub(super) fn is_denied(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::TopicAuthorizationFailed)
}

/// That a topic is not there; `lost` where it held records.
pub(super) fn topic_missing(topic: &str, lost: bool) -> String {
    if lost {
        format!("the topic {topic} held records and is gone: restore it, or remove the conversation")
    } else {
        format!("the topic {topic} is not there")
    }
}
