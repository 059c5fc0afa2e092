//! Conversations in which the log is to forget something, for the one task that sees to it: on Kafka an erasure takes most
//! of a second however many there are, and nobody waits for that.

use kafkatalk_protocol::ConversationId;
use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};
use tokio::sync::Notify;

/// See the module.
#[derive(Debug, Default)]
pub struct Erasures {
    conversations: Mutex<BTreeSet<ConversationId>>,
    noted: Notify,
}

impl Erasures {
    /// There is something to erase in a conversation.
    pub fn note(&self, conversation: ConversationId) {
        self.conversations.lock().unwrap_or_else(PoisonError::into_inner).insert(conversation);
        self.noted.notify_one();
    }

    /// Waits for conversations in which there is; at most so many. For one task. Cancel safe.
    pub async fn next(&self, max: usize) -> Vec<ConversationId> {
        loop {
            let taken: Vec<_> = {
                let mut noted = self.conversations.lock().unwrap_or_else(PoisonError::into_inner);
                std::iter::from_fn(|| noted.pop_first()).take(max).collect()
            };
            if !taken.is_empty() {
                return taken;
            }
            self.noted.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;
    use uuid::Uuid;

    #[tokio::test]
    async fn a_conversation_that_was_noted_again_and_again_comes_once() {
        let erasures = Erasures::default();
        let [one, other] = [1, 2].map(|number| ConversationId(Uuid::from_u128(number)));
        for conversation in [one, one, other, one] {
            erasures.note(conversation);
        }
        assert_eq!(erasures.next(9).await, [one, other]);
        assert!(erasures.next(9).now_or_never().is_none());
        erasures.note(one);
        assert_eq!(erasures.next(9).await, [one]);
    }

    #[tokio::test]
    async fn those_that_are_too_many_at_once_come_later() {
        let erasures = Erasures::default();
        let [one, other] = [1, 2].map(|number| ConversationId(Uuid::from_u128(number)));
        erasures.note(one);
        erasures.note(other);
        assert_eq!(erasures.next(1).await, [one]);
        assert_eq!(erasures.next(1).await, [other]);
    }
}
