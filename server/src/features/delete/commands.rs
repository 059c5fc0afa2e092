//! Deleting a message for everyone, and having the log forget its content.

use crate::{
    features::messages::change::{ChangeError, Changed, Done, answer},
    kernel::{
        Kernel,
        errors::Unavailable,
        follow::Watch,
        views::{Query, ViewsError},
    },
    limits::{APPLY_WAIT, ERASE_AGAIN_AFTER, ERASING_CONVERSATIONS_MAX, ERASURES_AT_ONCE},
};
use futures_util::future::join_all;
use kafkatalk_log::{RecordId, Stream};
use kafkatalk_protocol::{ConversationId, MessageId, Offset, User, delete::MessageDeleted};
use std::{collections::BTreeMap, time::Duration};
use tokio::time::{Instant, sleep_until, timeout};
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

    /// Has the log forget what was deleted in these conversations, in all of them at once; or, without any, in whichever
    /// ones it was deleted some time ago, as another node is about to erase the rest.
    async fn erase_deleted(&self, conversations: &[ConversationId]) -> Result<(), Unavailable> {
        let conversations = conversations.to_vec();
        let age = i64::try_from(ERASE_AGAIN_AFTER.as_millis()).unwrap_or(i64::MAX);
        let before = self.clock.now().as_millis().saturating_sub(age);
        let pending = move |views: &Query<'_>| -> Result<_, ViewsError> {
            if conversations.is_empty() {
                return views.pending_erasures(None, Some(before), ERASURES_AT_ONCE);
            }
            let each =
                conversations.into_iter().map(|id| views.pending_erasures(Some(id), None, ERASURES_AT_ONCE));
            Ok(each.collect::<Result<Vec<_>, _>>()?.concat())
        };
        let mut records: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (conversation, record) in self.views.read(pending).await? {
            records.entry(conversation).or_default().push(record);
        }
        // One conversation in which it cannot be done now does not keep the others.
        let each = records.iter().map(|(conversation, records)| async move {
            let at = self.clock.now();
            match self.log.erase_all(Stream::Conversation(*conversation), records, at).await {
                Ok(offsets) => self.note_the_rest(*conversation, records, offsets).await,
                Err(error) => {
                    tracing::warn!(%error, %conversation, "deleted messages are not erased from the log yet; retrying");
                }
            }
        });
        join_all(each).await;
        Ok(())
    }

    /// Of a conversation, these records were erased, by records at these offsets. Where others wait, the next round begins
    /// at once, and not before the views hold the erasures: it would erase the same records again. Views that do not come
    /// to them in time leave the others to whoever looks next.
    async fn note_the_rest(&self, conversation: ConversationId, erased: &[RecordId], offsets: Vec<Offset>) {
        let Some(last) = offsets.into_iter().max() else { return };
        let rest = async {
            self.views.reach_in(conversation, last).await?;
            let pending = move |views: &Query<'_>| {
                views.pending_erasures(Some(conversation), None, ERASURES_AT_ONCE + 1)
            };
            self.views.read(pending).await
        };
        match timeout(APPLY_WAIT, rest).await {
            Ok(Ok(rest)) if rest.iter().any(|(_, record)| !erased.contains(record)) => {
                self.erasures.note(conversation);
            }
            Ok(Ok(_)) => {}
            Ok(Err(error)) => {
                tracing::debug!(%error, %conversation, "what is left to erase is looked for later");
            }
            Err(_) => {
                tracing::debug!(%conversation, "the views lag: what is left to erase is looked for later");
            }
        }
    }

    /// Erases what is deleted here, and at times what a node that died, or a log that was away, has left; until `shutdown`.
    pub async fn sweep_erasures(self, follower: Watch, shutdown: CancellationToken) {
        let sweep = async {
            // What these views have not read yet may say that something is erased already.
            follower.live().await;
            let mut look = Instant::now() + between_looks();
            loop {
                let noted = tokio::select! {
                    noted = self.erasures.next(ERASING_CONVERSATIONS_MAX) => noted,
                    () = sleep_until(look) => {
                        look = Instant::now() + between_looks();
                        if !follower.is_live() {
                            continue;
                        }
                        Vec::new()
                    }
                };
                if let Err(error) = self.erase_deleted(&noted).await {
                    tracing::warn!(%error, "deleted messages are not erased from the log yet; retrying");
                }
            }
        };
        // What is left is in the views, and erased by whoever looks next.
        shutdown.run_until_cancelled(sweep).await;
    }
}

/// At random, so that of several nodes one looks first and the others find that it is done.
fn between_looks() -> Duration {
    ERASE_AGAIN_AFTER.mul_f64(1.0 + fastrand::f64())
}
