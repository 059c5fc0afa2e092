//! The names of the topics.

use super::{error::ConnectError, limits};
use crate::{Ledger, Stream};
use kafkatalk_protocol::ConversationId;

/// What the topics are called, made once.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) feed: String,
    /// What the log records about itself.
    pub(super) manifest: String,
    /// Where nodes say that they are here.
    pub(super) nodes: String,
    /// What may be lost.
    pub(super) signals: String,
    ledgers: [String; Ledger::ALL.len()],
    conversation: String,
}

impl Names {
    pub(super) fn new(prefix: &str) -> Result<Self, ConnectError> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if prefix.is_empty() || prefix.len() > limits::PREFIX_CHARS_MAX || !prefix.chars().all(allowed) {
            return Err(ConnectError::Prefix(prefix.into()));
        }
        Ok(Self {
            feed: format!("{prefix}.feed"),
            manifest: format!("{prefix}.meta"),
            nodes: format!("{prefix}.nodes"),
            signals: format!("{prefix}.signals"),
            ledgers: Ledger::ALL.map(|ledger| format!("{prefix}.{}", ledger.as_str())),
            conversation: format!("{prefix}.conversation."),
        })
    }

    pub(super) fn of(&self, stream: Stream) -> String {
        match stream {
            Stream::Conversation(id) => self.conversation(id),
            Stream::Ledger(ledger) => self.ledger(ledger).into(),
        }
    }

    pub(super) fn conversation(&self, id: ConversationId) -> String {
        format!("{}{id}", self.conversation)
    }

    pub(super) fn ledger(&self, ledger: Ledger) -> &str {
        &self.ledgers[position(ledger)]
    }

    /// The ledger with that topic.
    pub(super) fn as_ledger(&self, topic: &str) -> Option<Ledger> {
        Ledger::ALL.into_iter().find(|ledger| self.ledger(*ledger) == topic)
    }

    /// The conversation with that topic. One id has one spelling here, else two topics would be one conversation.
    pub(super) fn as_conversation(&self, topic: &str) -> Option<ConversationId> {
        parse_id(topic.strip_prefix(&self.conversation)?)
    }
}

/// Where a ledger stands in [`Ledger::ALL`].
pub(super) fn position(ledger: Ledger) -> usize {
    match ledger {
        Ledger::Users => 0,
        Ledger::Sessions => 1,
        Ledger::Conversations => 2,
        Ledger::Receipts => 3,
    }
}

/// An id in its one spelling: lowercase with hyphens.
pub(super) fn parse_id(text: &str) -> Option<ConversationId> {
    let one_spelling = text.len() == 36 && !text.bytes().any(|byte| byte.is_ascii_uppercase());
    one_spelling.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_topic_leads_back_to_its_conversation() {
        let names = Names::new("kafkatalk").unwrap();
        let id = ConversationId(Uuid::from_u128(7));
        assert_eq!(names.as_conversation(&names.conversation(id)), Some(id));
    }

    #[test]
    fn a_conversation_has_one_topic_only() {
        let names = Names::new("k").unwrap();
        for other in [
            "k.conversation.0000000000000000000000000000000A",
            "k.conversation.0000000A-0000-0000-0000-000000000000",
            "k.conversation.{0000000a-0000-0000-0000-000000000000}",
            "k.conversation.0000000a-0000-0000-0000-000000000000x",
            "other.conversation.0000000a-0000-0000-0000-000000000000",
            "k.feed",
        ] {
            assert_eq!(names.as_conversation(other), None, "{other}");
        }
    }

    #[test]
    fn a_ledger_stands_where_its_position_says() {
        for (at, ledger) in Ledger::ALL.into_iter().enumerate() {
            assert_eq!(position(ledger), at);
        }
    }

    #[test]
    fn a_prefix_that_kafka_does_not_take_is_refused() {
        for prefix in ["", "with space", "slash/", "ümlaut", &"x".repeat(200)] {
            assert!(Names::new(prefix).is_err(), "{prefix}");
        }
    }
}
