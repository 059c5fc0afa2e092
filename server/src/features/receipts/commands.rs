//! Marking as read.

use super::project::Read;
use crate::{
    features::conversations::errors::ConversationError,
    kernel::{Kernel, errors::Unavailable},
    limits::{READ_AGAIN_AFTER, READ_APPENDS_MAX},
};
use kafkatalk_log::{Ledger, Stream};
use kafkatalk_protocol::{ConversationId, Offset, UserId, event::ReceiptRead};

impl Kernel {
    /// Read up to here, on all devices of the caller. Going back changes nothing.
    pub async fn mark_read(
        &self,
        caller: UserId,
        conversation: ConversationId,
        offset: Offset,
    ) -> Result<(), ConversationError> {
        self.rates.read(caller).map_err(Unavailable::too_often)?;
        if !self.mark_read_as_known(caller, conversation, offset).await?
            && self.reads_ahead.note((caller, conversation), offset)
        {
            tokio::spawn(self.clone().mark_read_later(caller, conversation));
        }
        Ok(())
    }

    /// Whether all of it was said. Nobody has read what was not said yet, and the record itself must be right: a reader of
    /// the log takes it as it is. What neither the views nor the log show now counts as not said.
    async fn mark_read_as_known(
        &self,
        caller: UserId,
        conversation: ConversationId,
        offset: Offset,
    ) -> Result<bool, ConversationError> {
        let position = self.read_as(caller, conversation, |seen| Ok((seen.read_position()?, seen.newest()?)));
        let (held, newest) = position.await?;
        let (newest, known) = match newest.filter(|newest| *newest >= offset) {
            None => match self.newest_in_log(conversation).await {
                Ok(newest) => (newest, true),
                Err(error) => {
                    tracing::debug!(%error, "a read position is ahead of the views, and the log cannot be read");
                    (newest, false)
                }
            },
            newest => (newest, true),
        };
        let Some(offset) = newest.map(|newest| newest.min(offset)) else { return Ok(known) };
        if held.is_none_or(|held| held < offset) {
            self.advance_read(ReceiptRead { conversation, user: caller, offset }).await?;
        }
        Ok(known)
    }

    async fn advance_read(&self, mut receipt: ReceiptRead) -> Result<(), Unavailable> {
        for _ in 0..READ_APPENDS_MAX {
            let ReceiptRead { conversation, user, .. } = receipt;
            let key = format!("{conversation}/{user}");
            match self.commit(Stream::Ledger(Ledger::Receipts), user, Some(key), &receipt).await? {
                // Another device was further, and its record came first. Of a key the log keeps the last record, so the
                // last must be the furthest, or views that are rebuilt one day would go back to this one.
                Read::Behind(held) if held > receipt.offset => receipt.offset = held,
                _ => break,
            }
        }
        Ok(())
    }

    /// Looks again at a position that is ahead of what could be seen, and at those that are named meanwhile.
    async fn mark_read_later(self, caller: UserId, conversation: ConversationId) {
        let reader = (caller, conversation);
        loop {
            let mut looked_at = Offset(0);
            for pause in READ_AGAIN_AFTER {
                tokio::time::sleep(pause).await;
                let Some(furthest) = self.reads_ahead.furthest(reader) else { return };
                looked_at = furthest;
                match self.mark_read_as_known(caller, conversation, furthest).await {
                    Ok(true) | Err(ConversationError::NotFound | ConversationError::NotAllowed) => break,
                    Ok(false) | Err(ConversationError::Unavailable(_)) => {}
                }
            }
            if self.reads_ahead.forget(reader, looked_at) {
                return;
            }
        }
    }
}
