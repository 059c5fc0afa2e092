//! What a record changed.

use kafkatalk_log::{RecordId, Stream};
use kafkatalk_protocol::{ConversationId, Message, Offset, SessionId, User, UserId};
use std::sync::Arc;

/// A record that the views hold now.
#[derive(Clone, Debug)]
pub struct Applied {
    /// Which.
    pub record: RecordId,
    /// Where it stands.
    pub stream: Stream,
    /// At what position.
    pub offset: Offset,
    /// What came of it.
    pub change: Change,
}

/// What a record changed for readers.
#[derive(Clone, Debug)]
pub enum Change {
    /// A message that members see from now on.
    Posted {
        /// The message.
        message: Arc<Message>,
        /// Who sees it.
        members: Arc<[UserId]>,
    },
    /// A message of a conversation that this node has not heard of yet, kept until it has: see [`Change::Created`] and
    /// the `opened` of [`Change::Claimed`].
    Held {
        /// Which conversation.
        conversation: ConversationId,
    },
    /// The same (conversation, sender, client id) as an earlier record: skipped.
    Duplicate {
        /// The one that counts.
        first: Arc<Message>,
    },
    /// A conversation was opened.
    Created {
        /// Which.
        conversation: ConversationId,
        /// Who is in it. Empty as long as the views have not heard of all of them: nobody sees it until then.
        members: Arc<[UserId]>,
        /// Whether this record opened it; an earlier one may have.
        first: bool,
    },
    /// A member has read.
    Read {
        /// Where.
        conversation: ConversationId,
        /// Who.
        user: UserId,
        /// How far, as the record says.
        offset: Offset,
        /// Whether that is further than before.
        advanced: bool,
        /// How far by all records so far.
        held: Offset,
        /// Who may know. Empty if the conversation is not known yet.
        members: Arc<[UserId]>,
    },
    /// A username was claimed.
    Claimed {
        /// The claim.
        user: User,
        /// Whether the name is theirs.
        won: bool,
        /// Conversations that had waited for this person only, and are seen from now on.
        opened: Vec<Opened>,
    },
    /// A device signed in.
    SessionStarted {
        /// Its session.
        session: SessionId,
        /// Whose.
        user: UserId,
    },
    /// A device signed out.
    SessionEnded {
        /// Its session.
        session: SessionId,
        /// Whose, if it was known.
        user: Option<UserId>,
    },
    /// A message's content is gone.
    Erased {
        /// Where.
        conversation: ConversationId,
        /// The record that was erased.
        record: RecordId,
        /// Where the message stood, if readers saw it.
        offset: Option<Offset>,
        /// Who saw it.
        members: Arc<[UserId]>,
    },
    /// Nothing: kept in the log, skipped here.
    Ignored {
        /// Why.
        reason: IgnoreReason,
    },
}

/// A conversation that is seen from now on, with all that was said in it so far.
#[derive(Clone, Debug)]
pub struct Opened {
    /// Which.
    pub conversation: ConversationId,
    /// Who is in it.
    pub members: Arc<[UserId]>,
}

/// Why a record counts for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IgnoreReason {
    /// A kind that this version does not know, or not in this stream.
    UnknownKind,
    /// A payload that is not what its kind asks for.
    Malformed,
    /// Its author is not who may say so.
    NotAllowed,
    /// The views held this record already.
    Repeat,
    /// It erases what is not here.
    NothingToErase,
    /// Its offset or number is beyond what the views can hold.
    OutOfRange,
}

impl IgnoreReason {
    /// Its name in logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnknownKind => "unknown_kind",
            Self::Malformed => "malformed",
            Self::NotAllowed => "not_allowed",
            Self::Repeat => "repeat",
            Self::NothingToErase => "nothing_to_erase",
            Self::OutOfRange => "out_of_range",
        }
    }
}
