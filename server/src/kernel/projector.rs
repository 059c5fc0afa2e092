//! Projectors: what features make of the log's records.
//!
//! A feature owns tables and says, for each kind of record that it knows, what becomes of such a record: rows in its tables,
//! an outcome for the use case that waits for the record, and frames for the devices concerned. The kernel knows no kind
//! by name: it finds the handler, holds back what cannot be applied yet, keeps each conversation's chain of visible
//! records, and hands the outcome and the frames on.

use super::views::{
    Query, ViewsError,
    cache::{Cache, Members, Person},
    conversation::ConversationState,
    schema,
    work::Work,
};
use kafkatalk_log::{Entry, Ledger, Record, RecordId, Stream};
use kafkatalk_protocol::{
    ConversationId, Message, Offset, ServerFrame, SessionId, Timestamp, UserId,
    event::{Event, MessagePosted},
};
use rusqlite::Connection;
use std::{any::Any, collections::HashMap, fmt, sync::Arc};

mod again;

pub(super) use again::FeatureTables;
pub use again::{AfterReset, Reset};

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

/// A frame that looks different to each of its receivers, made when it is sent.
pub type MakeFrame = Arc<dyn Fn(&Query<'_>, UserId) -> Result<Option<ServerFrame>, ViewsError> + Send + Sync>;

/// Something for the devices that are connected to this node.
#[derive(Clone)]
pub enum Delivery {
    /// One frame for all devices of these people.
    To {
        /// The people.
        people: Arc<[UserId]>,
        /// The frame.
        frame: Box<ServerFrame>,
    },
    /// A frame for each person, read from the views on behalf of that person. It may come a moment after frames that
    /// were delivered later.
    Each {
        /// The people.
        people: Arc<[UserId]>,
        /// Makes the frame.
        make: MakeFrame,
    },
    /// A session has ended: its sockets close.
    EndSession {
        /// Whose it was.
        user: UserId,
        /// The session.
        session: SessionId,
    },
}

impl Delivery {
    /// One frame for all devices of these people.
    pub fn to(people: Arc<[UserId]>, frame: ServerFrame) -> Self {
        Self::To { people, frame: Box::new(frame) }
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::To { people, frame } => f.debug_tuple("To").field(people).field(frame).finish(),
            Self::Each { people, .. } => f.debug_tuple("Each").field(people).finish(),
            Self::EndSession { session, .. } => f.debug_tuple("EndSession").field(session).finish(),
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

/// For whom a message is completed.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    pub(crate) members: &'a Members,
    /// The first offset that may be seen.
    pub sees_from: Offset,
}

impl Seen<'_> {
    /// The places of the first and the last of messages.
    pub(crate) fn places(&self, messages: &[Message]) -> Option<(i64, i64)> {
        let place = |message: &Message| schema::place(self.members.row, message.offset);
        Some((place(messages.first()?), place(messages.last()?)))
    }
}

/// Forgets what a feature knows of the message at a place.
pub type Forget = fn(&Connection, i64) -> Result<(), ViewsError>;

/// Adds what a feature knows of messages to them: they are sorted by offset and follow upon each other.
pub type Complete = fn(&Connection, &Seen<'_>, &mut [Message]) -> Result<(), ViewsError>;

/// Keeps what a feature needs of a posted message, of a duplicate too: see [`InConversation`].
pub type Posts = fn(&InConversation<'_>, &MessagePosted) -> Result<(), ViewsError>;

/// Adds to a conversation that has just opened what a feature has kept for it.
pub type Opens = fn(&Connection, &mut ConversationState) -> Result<(), ViewsError>;

/// A record in its conversation, and all that a handler works with.
pub struct InConversation<'a> {
    /// The rows, in the transaction that holds the record.
    pub rows: &'a Connection,
    /// What is kept in memory.
    pub cache: &'a Cache,
    /// What all features know.
    pub registry: &'a Registry,
    /// The conversation as all records before this one have made it.
    pub state: &'a mut ConversationState,
    /// The record's offset.
    pub offset: Offset,
    /// When the node that wrote the record accepted it.
    pub at: Timestamp,
}

impl fmt::Debug for InConversation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InConversation").field("offset", &self.offset).finish_non_exhaustive()
    }
}

impl InConversation<'_> {
    /// What every member may see.
    pub fn seen_by_all(&self) -> Seen<'_> {
        let members = self.state.members();
        Seen { members, sees_from: members.all_see_from() }
    }

    /// The chain link of a frame about this record: `record` and `previous_record`.
    pub fn link(&self) -> (Option<Offset>, Option<Offset>) {
        (Some(self.offset), self.state.last_record())
    }

    /// Whether a person is a member and may see what lies at that offset.
    pub fn may_see(&self, user: UserId, offset: Offset) -> bool {
        self.state.members().by_id(user).is_some_and(|person| person.sees_from <= offset)
    }

    /// A frame about a message, for those members who may see that message; the others learn that nothing changed for
    /// them, so that their chain stays whole.
    pub fn to_viewers(&self, message: Offset, frame: ServerFrame) -> Vec<Delivery> {
        let members = self.state.members();
        if members.all_see(message) {
            return vec![Delivery::to(Arc::clone(&members.ids), frame)];
        }
        let (see, others): (Vec<_>, Vec<_>) =
            members.people.iter().partition(|person| person.sees_from <= message);
        let ids = |people: Vec<&Person>| people.iter().map(|person| person.user.id).collect();
        let nothing = ServerFrame::Record {
            conversation: self.state.id,
            record: self.offset,
            previous_record: self.state.last_record(),
        };
        vec![Delivery::to(ids(see), frame), Delivery::to(ids(others), nothing)]
    }
}

/// What a handler returns.
pub type Handled<E> = Result<Effects<<E as Recorded>::Outcome>, ViewsError>;
/// Handles records of an event in a ledger.
pub type LedgerHandler<E> = fn(&mut Work<'_>, &Record, &E) -> Handled<E>;
/// Handles records of an event in a conversation's stream.
pub type ConversationHandler<E> = fn(&mut InConversation<'_>, &Record, &E) -> Handled<E>;

type InLedger = Box<dyn Fn(&mut Work<'_>, &Entry) -> Result<Applied, ViewsError> + Send + Sync>;
type InStream =
    Box<dyn Fn(&mut InConversation<'_>, &Entry) -> Result<(Applied, bool), ViewsError> + Send + Sync>;

/// A feature's part of the views: its tables, and the kinds of records that it knows.
pub struct Projector {
    /// Its name.
    pub name: &'static str,
    /// Creates its tables.
    pub tables: &'static str,
    /// One query for each table, with ids in place of row numbers, for comparing views: see [`super::views::Views::dump`].
    pub dump: &'static [(&'static str, &'static str)],
    ledgers: Vec<(Ledger, &'static str, InLedger)>,
    conversations: Vec<(&'static str, InStream)>,
    complete: Option<Complete>,
    opens: Option<Opens>,
    forgets: Option<Forget>,
    posts: Option<Posts>,
    resets: Option<Reset>,
}

impl fmt::Debug for Projector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Projector").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Projector {
    /// A projector with these tables that knows no kind yet.
    pub fn new(
        name: &'static str,
        tables: &'static str,
        dump: &'static [(&'static str, &'static str)],
    ) -> Self {
        Self {
            name,
            tables,
            dump,
            ledgers: Vec::new(),
            conversations: Vec::new(),
            complete: None,
            opens: None,
            forgets: None,
            posts: None,
            resets: None,
        }
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

/// What all features know: their tables, and the kinds of records that they handle.
#[derive(Default)]
pub struct Registry {
    ledgers: HashMap<Ledger, HashMap<&'static str, InLedger>>,
    conversations: HashMap<&'static str, InStream>,
    complete: Vec<Complete>,
    forgets: Vec<Forget>,
    posts: Vec<Posts>,
    resets: Vec<Reset>,
    pub(super) opens: Vec<Opens>,
    pub(super) tables: Vec<FeatureTables>,
    pub(super) dump: Vec<(&'static str, &'static str)>,
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.conversations.keys()).finish()
    }
}

impl Registry {
    /// That of these projectors. Each kind belongs to one of them.
    pub fn of(projectors: Vec<Projector>) -> Self {
        let mut registry = Self::default();
        for projector in projectors {
            for (ledger, kind, apply) in projector.ledgers {
                registry.ledgers.entry(ledger).or_default().insert(kind, apply);
            }
            registry.conversations.extend(projector.conversations);
            registry.complete.extend(projector.complete);
            registry.opens.extend(projector.opens);
            registry.forgets.extend(projector.forgets);
            registry.resets.extend(projector.resets);
            registry
                .tables
                .push(FeatureTables { sql: projector.tables, of_every_message: projector.posts.is_some() });
            registry.posts.extend(projector.posts);
            registry.dump.extend(projector.dump);
        }
        registry
    }

    pub(super) fn in_ledger(&self, ledger: Ledger, kind: &str) -> Option<&InLedger> {
        self.ledgers.get(&ledger)?.get(kind)
    }

    pub(super) fn in_conversation(&self, kind: &str) -> Option<&InStream> {
        self.conversations.get(kind)
    }

    /// All features keep what they need of a posted message.
    pub(crate) fn posted(&self, at: &InConversation<'_>, event: &MessagePosted) -> Result<(), ViewsError> {
        self.posts.iter().try_for_each(|posts| posts(at, event))
    }

    /// Forgets what all features know of the message at a place, whose content is gone.
    pub(crate) fn forget(&self, rows: &Connection, place: i64) -> Result<(), ViewsError> {
        self.forgets.iter().try_for_each(|forget| forget(rows, place))
    }

    /// Adds to messages what all features know of them.
    pub(crate) fn complete(
        &self,
        rows: &Connection,
        seen: &Seen<'_>,
        messages: &mut [Message],
    ) -> Result<(), ViewsError> {
        self.complete.iter().try_for_each(|complete| complete(rows, seen, messages))
    }
}

/// Introduces a conversation to people: each sees it in their own way.
pub fn introduce(conversation: ConversationId, people: Arc<[UserId]>) -> Delivery {
    let make: MakeFrame = Arc::new(move |views, person| {
        let seen = views.as_seen_by(person, conversation)?;
        let conversation = seen.map(|seen| seen.conversation()).transpose()?;
        Ok(conversation.map(|conversation| ServerFrame::Conversation { conversation }))
    });
    Delivery::Each { people, make }
}
