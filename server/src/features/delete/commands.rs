//! Deleting a message for everyone, and having the log forget its content.

use crate::{
    features::messages::change::{ChangeError, Changed, Done, answer},
    kernel::{Kernel, errors::Unavailable, views::ViewsError},
    limits::{ERASE_AGAIN_AFTER, ERASURES_AT_ONCE},
};
use kafkatalk_log::Stream;
use kafkatalk_protocol::{ConversationId, MessageId, Offset, User, delete::MessageDeleted};
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;

impl Kernel {
    /// Deletes an own message for everyone. A message that was deleted before is deleted.
    pub async fn delete(
        &self,
        caller: &User,
        conversation: ConversationId,
        id: MessageId,
        message: Offset,
    ) -> Result<Done, ChangeError> {
        let held = self.to_be_changed(caller.id, conversation, message).await?;
        if held.sender.id != caller.id {
            return Err(ChangeError::NotAllowed);
        }
        if held.deleted {
            return Ok(Done { record: held.revision(), at: held.sent_at });
        }
        let event =
            MessageDeleted { id, message, message_id: held.id, sender: caller.id, sent_at: held.sent_at };
        let (outcome, at) = self.change(caller.id, conversation, &event).await?;
        if matches!(outcome, Changed::Done(_)) {
            self.erasures.note(conversation);
        }
        match outcome {
            // Another copy of the same command, or another device, was faster: its record is the one that counts.
            Changed::Deleted => {
                let held = self.read_as(caller.id, conversation, move |seen| seen.message(message)).await?;
                let held = held.ok_or(ChangeError::NotFound)?;
                Ok(Done { record: held.revision(), at })
            }
            outcome => answer(outcome, at),
        }
    }

    /// Has the log forget records whose content was deleted: of one conversation, or of all, then only those of some time
    /// ago, as another node is about to erase the others.
    async fn erase_deleted(&self, conversation: Option<ConversationId>) -> Result<(), Unavailable> {
        let before = conversation.is_none().then(|| {
            let age = i64::try_from(ERASE_AGAIN_AFTER.as_millis()).unwrap_or(i64::MAX);
            self.clock.now().as_millis().saturating_sub(age)
        });
        let pending = move |views: &crate::kernel::views::Query<'_>| -> Result<_, ViewsError> {
            views.pending_erasures(conversation, before, ERASURES_AT_ONCE)
        };
        for (conversation, record) in self.views.read(pending).await? {
            // One that cannot be erased now does not keep the others.
            if let Err(error) =
                self.log.erase(Stream::Conversation(conversation), record, self.clock.now()).await
            {
                tracing::warn!(%error, %conversation, "a deleted message is not erased from the log yet; retrying");
            }
        }
        Ok(())
    }

    /// Erases what is deleted here, one conversation after the other, and at times what a node that died, or a log that was
    /// away, has left; until `shutdown`.
    pub async fn sweep_erasures(self, shutdown: CancellationToken) {
        let mut looks = interval_at(Instant::now() + ERASE_AGAIN_AFTER, ERASE_AGAIN_AFTER);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let sweep = async {
            loop {
                let conversation = tokio::select! {
                    conversation = self.erasures.next() => Some(conversation),
                    _ = looks.tick() => None,
                };
                if let Err(error) = self.erase_deleted(conversation).await {
                    tracing::warn!(%error, "deleted messages are not erased from the log yet; retrying");
                }
            }
        };
        // What is left is in the views, and erased by whoever looks next.
        shutdown.run_until_cancelled(sweep).await;
    }
}
