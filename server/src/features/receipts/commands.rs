//! Marking as read.

use super::project::Read;
use crate::{features::conversations::errors::ConversationError, kernel::Kernel, limits::READ_APPENDS_MAX};
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
        let position = self.read_as(caller, conversation, |seen| Ok((seen.read_position()?, seen.newest()?)));
        let (held, newest) = position.await?;
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
            let key = format!("{conversation}/{caller}");
            match self.commit(Stream::Ledger(Ledger::Receipts), caller, Some(key), &receipt).await? {
                // Another device was further, and its record came first. Of a key the log keeps the last record, so the
                // last must be the furthest, or views that are rebuilt one day would go back to this one.
                Read::Behind(held) if held > receipt.offset => receipt.offset = held,
                _ => break,
            }
        }
        Ok(())
    }
}
