//! A feature's part of the views.

use super::{Applied, Effects, IgnoreReason, InConversation, Recorded, Seen};
use crate::kernel::views::{ViewsError, conversation::ConversationState, work::Work};
use kafkatalk_log::{Entry, Ledger, Record};
use kafkatalk_protocol::{
    Message,
    event::{Event, MessagePosted},
};
use rusqlite::Connection;
use std::fmt;

/// Deletes what a feature keeps about the message at a place.
pub type Forget = fn(&Connection, i64) -> Result<(), ViewsError>;

/// Adds what a feature keeps about messages to them: they are sorted by offset and adjacent.
pub type Complete = fn(&Connection, &Seen<'_>, &mut [Message]) -> Result<(), ViewsError>;

/// Keeps what a feature needs of a posted message, duplicates included.
///
/// It uses the event and its offset only, never the state of the conversation: when this feature alone is built again,
/// the conversation is in its latest state and not in that before the record.
pub type Posts = fn(&InConversation<'_>, &MessagePosted) -> Result<(), ViewsError>;

/// Whether the views still hold the message, or the duplicate, that a record has posted at a place.
pub type IsThere = fn(&Connection, i64, &Record) -> Result<bool, ViewsError>;

/// Adds to a conversation that has just opened what a feature has kept for it.
pub type Opens = fn(&Connection, &mut ConversationState) -> Result<(), ViewsError>;

/// Deletes all rows that records of a conversation's stream have left in a feature's tables, because the stream is read
/// again. Rows made from ledgers stay. Returns what to do once the stream is read, if anything.
pub type Reset = fn(&Connection, i64) -> Result<Option<AfterReset>, ViewsError>;
/// See [`Reset`].
pub type AfterReset = Box<dyn FnOnce(&Connection) -> Result<(), ViewsError> + Send>;

/// Deletes all rows that records of ledgers have left in a feature's tables, because the ledgers are read again.
pub type ResetLedgers = fn(&Connection) -> Result<(), ViewsError>;

/// What a handler returns.
pub type Handled<E> = Result<Effects<<E as Recorded>::Outcome>, ViewsError>;
/// Handles records of an event in a ledger.
pub type LedgerHandler<E> = fn(&mut Work<'_>, &Record, &E) -> Handled<E>;
/// Handles records of an event in a conversation's stream.
pub type ConversationHandler<E> = fn(&mut InConversation<'_>, &Record, &E) -> Handled<E>;

pub(super) type InLedger = Box<dyn Fn(&mut Work<'_>, &Entry) -> Result<Applied, ViewsError> + Send + Sync>;
pub(super) type InStream =
    Box<dyn Fn(&mut InConversation<'_>, &Entry) -> Result<(Applied, bool), ViewsError> + Send + Sync>;

/// A feature's part of the views: its tables, and the kinds of records that it knows.
pub struct Projector {
    /// Its name.
    pub name: &'static str,
    /// Creates its tables.
    pub tables: &'static str,
    /// One query for each table, with ids in place of row numbers, for comparing views: see
    /// [`Views::dump`](crate::kernel::views::Views::dump).
    pub dump: &'static [(&'static str, &'static str)],
    /// The version of what its tables and rows mean. See [`Projector::new`].
    pub version: u32,
    pub(super) rests_on: &'static [&'static str],
    pub(super) ledgers: Vec<(Ledger, &'static str, InLedger)>,
    pub(super) conversations: Vec<(&'static str, InStream)>,
    pub(super) complete: Option<Complete>,
    pub(super) opens: Option<Opens>,
    pub(super) forgets: Option<Forget>,
    pub(super) posts: Option<Posts>,
    pub(super) is_there: Option<IsThere>,
    pub(super) resets: Option<Reset>,
    pub(super) resets_ledgers: Option<ResetLedgers>,
}

impl fmt::Debug for Projector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Projector").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Projector {
    /// A projector with these tables that handles no kind yet.
    ///
    /// `version` is raised with every change of the tables, of the handlers' results, or of the kinds handled: views in
    /// which the feature has another version, or no version, delete its rows and build them again from the streams that
    /// hold its kinds. See decision 42.
    pub fn new(
        name: &'static str,
        version: u32,
        tables: &'static str,
        dump: &'static [(&'static str, &'static str)],
    ) -> Self {
        Self {
            name,
            tables,
            dump,
            version,
            rests_on: &[],
            ledgers: Vec::new(),
            conversations: Vec::new(),
            complete: None,
            opens: None,
            forgets: None,
            posts: None,
            is_there: None,
            resets: None,
            resets_ledgers: None,
        }
    }

    /// The features that own the rows from which this feature makes its own. When those are built again, so are these.
    #[must_use]
    pub fn rests_on(mut self, features: &'static [&'static str]) -> Self {
        self.rests_on = features;
        self
    }

    /// Tells which posted messages are still in the views: for the feature that owns messages.
    #[must_use]
    pub fn tells_what_is_there(mut self, is_there: IsThere) -> Self {
        self.is_there = Some(is_there);
        self
    }

    /// When the ledgers of this feature are read again, this deletes what they have left in its rows. Every feature that
    /// handles records of ledgers needs one, unless features that handle records rest on it.
    #[must_use]
    pub fn resets_ledgers(mut self, reset: ResetLedgers) -> Self {
        self.resets_ledgers = Some(reset);
        self
    }

    /// What the feature knows of messages is added to them so.
    #[must_use]
    pub fn completes(mut self, complete: Complete) -> Self {
        self.complete = Some(complete);
        self
    }

    /// The feature keeps something of every posted message.
    #[must_use]
    pub fn posts(mut self, posts: Posts) -> Self {
        self.posts = Some(posts);
        self
    }

    /// When the content of a message is gone, the feature forgets what it knows of it.
    #[must_use]
    pub fn forgets(mut self, forget: Forget) -> Self {
        self.forgets = Some(forget);
        self
    }

    /// When a conversation's stream is read again, this takes back what the feature has made of it. Every feature that has
    /// rows of conversations must say how.
    #[must_use]
    pub fn resets(mut self, reset: Reset) -> Self {
        self.resets = Some(reset);
        self
    }

    /// When a conversation opens, after its held records are applied, this adds what the feature has kept for it.
    #[must_use]
    pub fn opens(mut self, opens: Opens) -> Self {
        self.opens = Some(opens);
        self
    }

    /// Records of this event in a ledger are handled so.
    #[must_use]
    pub fn ledger<E: Recorded>(mut self, ledger: Ledger, handle: LedgerHandler<E>) -> Self {
        let apply: InLedger = Box::new(move |work, entry| match parse(&entry.record) {
            Some(event) => Ok(Applied::of(entry, handle(work, &entry.record, &event)?)),
            None => Ok(Applied::ignored(entry, IgnoreReason::Malformed)),
        });
        self.ledgers.push((ledger, E::KIND, apply));
        self
    }

    /// Records of this event in a conversation's stream are handled so.
    #[must_use]
    pub fn conversation<E: Recorded>(mut self, handle: ConversationHandler<E>) -> Self {
        let apply: InStream = Box::new(move |at, entry| match parse(&entry.record) {
            Some(event) => {
                let effects = handle(at, &entry.record, &event)?;
                let visible = effects.visible;
                Ok((Applied::of(entry, effects), visible))
            }
            None => Ok((Applied::ignored(entry, IgnoreReason::Malformed), false)),
        });
        self.conversations.push((E::KIND, apply));
        self
    }

    /// Records of a kind that is no event of the protocol, such as [`Record::ERASED`].
    #[must_use]
    pub fn raw(
        mut self,
        kind: &'static str,
        handle: fn(&mut InConversation<'_>, &Record) -> Result<Effects<()>, ViewsError>,
    ) -> Self {
        let apply: InStream = Box::new(move |at, entry| {
            let effects = handle(at, &entry.record)?;
            let visible = effects.visible;
            Ok((Applied::of(entry, effects), visible))
        });
        self.conversations.push((kind, apply));
        self
    }
}

fn parse<E: Event>(record: &Record) -> Option<E> {
    serde_json::from_str(record.payload.get()).ok()
}
