//! Projectors: what features make of the log's records.
//!
//! A feature owns tables and says, for each kind of record that it knows, what becomes of such a record: rows in its tables,
//! an outcome for the use case that waits for the record, and frames for the devices concerned. The kernel knows no kind
//! by name: it finds the handler, holds back what cannot be applied yet, keeps each conversation's chain of visible
//! records, and hands the outcome and the frames on.

mod delivery;
mod feature;
mod in_conversation;
mod registry;

pub use delivery::{Delivery, MakeFrame, introduce};
pub use feature::{
    AfterReset, Complete, ConversationHandler, Forget, Handled, IsThere, LedgerHandler, Opens, Posts,
    Projector, Reset, ResetLedgers,
};
pub use in_conversation::{InConversation, Seen};
pub use registry::Registry;
pub(super) use registry::{FeatureVersion, Scope};

use kafkatalk_log::{Entry, RecordId, Stream};
use kafkatalk_protocol::{Offset, event::Event};
use std::{any::Any, sync::Arc};

/// An event, and what comes of a record of it once the log has given it a place: refusals included.
pub trait Recorded: Event + 'static {
    /// What the use case that appended the record learns.
    type Outcome: Clone + Send + Sync + 'static;
}

/// Why a record counts for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IgnoreReason {
    /// A kind that this version does not know, or not in this stream.
    UnknownKind,
    /// A payload that is not what its kind asks for.
    Malformed,
    /// Its author may not do this.
    NotAllowed,
    /// The views hold this record already.
    Repeat,
    /// It is kept until its conversation is open.
    Held,
    /// The first record under the same client id counts.
    Duplicate,
    /// It erases what is not here.
    NothingToErase,
    /// Its offset or number is beyond what the views can hold.
    OutOfRange,
    /// It changes something that is not there, or not any more.
    NothingToChange,
}

impl IgnoreReason {
    /// Its name in logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnknownKind => "unknown_kind",
            Self::Malformed => "malformed",
            Self::NotAllowed => "not_allowed",
            Self::Repeat => "repeat",
            Self::Held => "held",
            Self::Duplicate => "duplicate",
            Self::NothingToErase => "nothing_to_erase",
            Self::OutOfRange => "out_of_range",
            Self::NothingToChange => "nothing_to_change",
        }
    }
}

/// What a handler makes of a record.
#[derive(Debug)]
pub struct Effects<O> {
    pub(super) outcome: O,
    pub(super) deliver: Vec<Delivery>,
    pub(super) visible: bool,
    pub(super) skipped: Option<IgnoreReason>,
}

impl<O> Effects<O> {
    /// The record counts.
    pub fn of(outcome: O) -> Self {
        Self { outcome, deliver: Vec::new(), visible: false, skipped: None }
    }

    /// The record counts for nothing.
    pub fn skipped(reason: IgnoreReason, outcome: O) -> Self {
        Self { skipped: Some(reason), ..Self::of(outcome) }
    }

    /// The record is a link of its conversation's chain: members learn of it.
    #[must_use]
    pub fn visible(mut self) -> Self {
        self.visible = true;
        self
    }

    /// And this goes to devices.
    #[must_use]
    pub fn deliver(mut self, deliveries: impl IntoIterator<Item = Delivery>) -> Self {
        self.deliver.extend(deliveries);
        self
    }
}

/// A record that the views hold now, and what came of it.
#[derive(Clone, Debug)]
pub struct Applied {
    /// The record.
    pub record: RecordId,
    /// Its stream.
    pub stream: Stream,
    /// Its offset.
    pub offset: Offset,
    /// Why it counts for nothing, where it does not.
    pub skipped: Option<IgnoreReason>,
    /// What goes to devices.
    pub deliver: Vec<Delivery>,
    pub(super) outcome: Option<AnyOutcome>,
}

/// A [`Recorded::Outcome`] of any kind.
pub(super) type AnyOutcome = Arc<dyn Any + Send + Sync>;

impl Applied {
    pub(crate) fn ignored(entry: &Entry, reason: IgnoreReason) -> Self {
        let Entry { stream, offset, ref record } = *entry;
        let (skipped, deliver) = (Some(reason), Vec::new());
        Self { record: record.id, stream, offset, skipped, deliver, outcome: None }
    }

    fn of<O: Send + Sync + 'static>(entry: &Entry, effects: Effects<O>) -> Self {
        let Entry { stream, offset, ref record } = *entry;
        let Effects { outcome, deliver, skipped, .. } = effects;
        Self { record: record.id, stream, offset, skipped, deliver, outcome: Some(Arc::new(outcome)) }
    }

    /// What came of it, where it is a record of that event.
    pub fn outcome<E: Recorded>(&self) -> Option<E::Outcome> {
        self.outcome.as_ref()?.downcast_ref::<E::Outcome>().cloned()
    }
}
