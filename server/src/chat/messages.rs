//! Saying something, reading what was said, and having read it.

use super::{
    Chat,
    errors::{ConversationError, SendError, Unavailable},
};
use crate::{
    limits::{ACK_TOO_EARLY_BY, READ_APPENDS_MAX},
    views::{Change, HistoryPage, Query},
};
use kafkatalk_log::{Ledger, Record, Stream, failpoints};
use kafkatalk_protocol::{
    Body, ConversationId, Message, MessageId, Offset, User, UserId,
    event::{MessagePosted, ReceiptRead},
    http::Messages,
};
use std::sync::Arc;

impl Chat {
    /// Says something once, however often it is sent under the same id. Also whether this call is the one that said it.
    ///
    /// The offset is that of the first record in the log with this id, as this node's own tail has shown it: the one
    /// that every reader counts.
    pub async fn send(
        &self,
        sender: &User,
        conversation: ConversationId,
        id: MessageId,
        body: Body,
    ) -> Result<(Arc<Message>, bool), SendError> {
        self.require_member(sender.id, conversation).await?;
        let author = sender.id;
        if self.views.may_be_repeat(conversation, author, id) {
            let find = move |views: &Query<'_>| views.message_by_client_id(conversation, author, id);
            if let Some(message) = self.views.read(find).await? {
                return Ok((Arc::new(message), false));
            }
        }
        let posted = MessagePosted { id, body };
        let record = self.record(Some(author), &posted);
        if failpoints::is_on(failpoints::broken::ACK_ORDER) {
            return Ok((self.acknowledged_too_early(sender, conversation, record, posted).await?, true));
        }
        match self.commit(Stream::Conversation(conversation), record).await? {
            Change::Posted { message, .. } => Ok((message, true)),
            Change::Duplicate { first } => Ok((first, false)),
            _ => Err(Unavailable::Impossible("a message came back as something else").into()),
        }
    }

    /// The promise broken on purpose: see [`failpoints::broken::ACK_ORDER`].
    async fn acknowledged_too_early(
        &self,
        sender: &User,
        conversation: ConversationId,
        record: Record,
        MessagePosted { id, body }: MessagePosted,
    ) -> Result<Arc<Message>, Unavailable> {
        let previous = self.views.read(move |views| views.newest_offset(conversation)).await?;
        let (chat, sent_at) = (self.clone(), record.at);
        tokio::spawn(async move {
            tokio::time::sleep(ACK_TOO_EARLY_BY).await;
            chat.commit(Stream::Conversation(conversation), record).await
        });
        let offset = previous.map_or(Offset(0), Offset::next);
        let sender = sender.clone();
        let message = Message::new(conversation, offset, id, sender, sent_at, body);
        Ok(Arc::new(Message { previous, ..message }))
    }

    /// A page of history.
    pub async fn history(
        &self,
        caller: UserId,
        conversation: ConversationId,
        page: HistoryPage,
        limit: usize,
    ) -> Result<Messages, ConversationError> {
        self.require_member(caller, conversation).await?;
        Ok(self.views.read(move |views| views.messages(conversation, page, limit)).await?)
    }

    /// Read up to here, on all devices of the caller. Going back changes nothing.
    pub async fn mark_read(
        &self,
        caller: UserId,
        conversation: ConversationId,
        offset: Offset,
    ) -> Result<(), ConversationError> {
        self.require_member(caller, conversation).await?;
        let (held, newest) = self
            .views
            .read(move |views| {
                Ok((views.read_position(conversation, caller)?, views.newest_offset(conversation)?))
            })
            .await?;
        // Nobody has read what was not said yet. The record itself must be right: a reader of the log takes it as it is.
        let newest = match newest.filter(|newest| *newest >= offset) {
            None => self.newest_in_log(conversation).await?,
            known => known,
        };
        let Some(offset) = newest.map(|newest| newest.min(offset)) else { return Ok(()) };
        if held.is_some_and(|held| held >= offset) {
            return Ok(());
        }
        let mut receipt = ReceiptRead { conversation, user: caller, offset };
        for _ in 0..READ_APPENDS_MAX {
            let record = self.record(Some(caller), &receipt).keyed(format!("{conversation}/{caller}"));
            match self.commit(Stream::Ledger(Ledger::Receipts), record).await? {
                // Another device was further, and its record came first. Of a key the log keeps the last record, so the
                // last must be the furthest, or views that are rebuilt one day would go back to this one.
                Change::Read { advanced: false, held, .. } if held > receipt.offset => receipt.offset = held,
                _ => break,
            }
        }
        Ok(())
    }
}
