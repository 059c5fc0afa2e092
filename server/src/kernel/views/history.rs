//! Which part of a history is asked for.

use kafkatalk_protocol::Offset;

/// Which page of a conversation's history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HistoryPage {
    /// The newest messages.
    Latest,
    /// The messages just before an offset.
    Before(Offset),
    /// The messages just after an offset; `None` begins at the beginning.
    After(Option<Offset>),
    /// The messages that were posted or changed by records after that offset, in their present state and in the order of
    /// their revisions.
    ChangedAfter(Offset),
}
