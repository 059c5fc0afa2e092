//! What reading a conversation's stream again needs of features: see [`crate::kernel::views::Applier::begin_again`].

use super::Registry;
use crate::kernel::views::ViewsError;
use kafkatalk_log::Stream;
use rusqlite::Connection;

/// Takes all back that records of a conversation's stream have left in a feature's rows, since the stream is read again.
/// Rows that come from ledgers stay. Returns what is to be done once it is read, where something is.
pub type Reset = fn(&Connection, i64) -> Result<Option<AfterReset>, ViewsError>;
/// See [`Reset`].
pub type AfterReset = Box<dyn FnOnce(&Connection) -> Result<(), ViewsError> + Send>;

/// The tables of a feature.
#[derive(Clone, Copy, Debug)]
pub(in crate::kernel) struct FeatureTables {
    /// Creates them.
    pub(in crate::kernel) sql: &'static str,
    /// Whether they hold something of records that versions without the feature know as well: of posted messages.
    pub(in crate::kernel) of_every_message: bool,
}

impl Registry {
    /// Whether a kind in that stream is known.
    pub(in crate::kernel) fn knows(&self, stream: Stream, kind: &str) -> bool {
        match stream {
            Stream::Ledger(ledger) => self.in_ledger(ledger, kind).is_some(),
            Stream::Conversation(_) => self.in_conversation(kind).is_some(),
        }
    }

    /// Takes back what all features have made of the stream of a conversation.
    pub(in crate::kernel) fn reset(
        &self,
        rows: &Connection,
        conversation: i64,
    ) -> Result<Vec<AfterReset>, ViewsError> {
        let after = self.resets.iter().map(|reset| reset(rows, conversation));
        Ok(after.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }
}
