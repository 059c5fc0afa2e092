//! Posting a message, and reading what was posted.

use super::{errors::SendError, project::Posted};
use crate::{
    features::conversations::errors::ConversationError,
    kernel::{
        Kernel,
        errors::Unavailable,
        views::{HistoryPage, Query},
    },
    limits::ACK_TOO_EARLY_BY,
};
use kafkatalk_log::{Record, Stream, failpoints};
use kafkatalk_protocol::{
    ConversationId, Message, Offset, User, UserId, event::MessagePosted, http::Messages,
};
use std::sync::Arc;

impl Kernel {
    /// Posts a message once, however often it is sent under the same id. Also whether this call is the one that posted it.
    ///
    /// The offset is that of the first record in the log with this id, as this node's own tail has shown it: the one
    /// that every reader counts.
    pub async fn send(
        &self,
        sender: &User,
        conversation: ConversationId,
        mut posted: MessagePosted,
    ) -> Result<(Arc<Message>, bool), SendError> {
        posted.body = posted.body.with_line_feeds();
        let (author, id) = (sender.id, posted.id);
        self.rates.message(author).map_err(SendError::TooOften)?;
        self.require_member(author, conversation).await?;
        if self.views.may_be_repeat(conversation, author, id) {
            let find = self.read_as(author, conversation, move |seen| seen.message_by_client_id(id));
            if let Some(message) = find.await? {
                return Ok((Arc::new(message), false));
            }
        }
        let record = self.record(Some(author), &posted);
        if failpoints::is_on(failpoints::broken::ACK_ORDER) {
            return Ok((self.acknowledged_too_early(sender, conversation, record, posted).await?, true));
        }
        match self.commit_record::<MessagePosted>(Stream::Conversation(conversation), record).await? {
            Posted::Placed(message) => Ok((message, true)),
            Posted::Duplicate(first) => Ok((first, false)),
            Posted::NotAllowed => Err(SendError::NotAllowed),
            Posted::Repeat => Err(Unavailable::Impossible("a new record was applied before").into()),
        }
    }

    /// The promise broken on purpose: see [`failpoints::broken::ACK_ORDER`].
    async fn acknowledged_too_early(
        &self,
        sender: &User,
        conversation: ConversationId,
        record: Record,
        MessagePosted { id, body, .. }: MessagePosted,
    ) -> Result<Arc<Message>, Unavailable> {
        let author = sender.id;
        let newest = move |views: &Query<'_>| match views.as_seen_by(author, conversation)? {
            Some(seen) => seen.newest(),
            None => Ok(None),
        };
        let previous = self.views.read(newest).await?;
        let (kernel, sent_at) = (self.clone(), record.at);
        tokio::spawn(async move {
            tokio::time::sleep(ACK_TOO_EARLY_BY).await;
            kernel.commit_record::<MessagePosted>(Stream::Conversation(conversation), record).await
        });
        let offset = previous.map_or(Offset(0), Offset::next);
        let sender = sender.clone();
        let message = Message::new(conversation, offset, id, sender, sent_at, body);
        Ok(Arc::new(Message { previous, ..message }))
    }

    /// The message at an offset, as the caller may see it.
    pub async fn message(
        &self,
        caller: UserId,
        conversation: ConversationId,
        offset: Offset,
    ) -> Result<Option<Message>, ConversationError> {
        self.read_as(caller, conversation, move |seen| seen.message(offset)).await
    }

    /// A page of history.
    pub async fn history(
        &self,
        caller: UserId,
        conversation: ConversationId,
        page: HistoryPage,
        limit: usize,
    ) -> Result<Messages, ConversationError> {
        self.read_as(caller, conversation, move |seen| seen.messages(page, limit)).await
    }
}
