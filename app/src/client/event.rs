//! What goes into the client's state machine and what it asks for.

use super::stored::StoredEntry;
use kafkatalk_protocol::{
    ClientFrame, Conversation, ConversationId, ErrorCode, Message, MessageId, Offset, ServerFrame, Timestamp,
    http::{Conversations, Messages},
};
use std::sync::Arc;

/// A moment of the machine's monotonic clock, in milliseconds since any fixed point: for waits and deadlines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Ticks(pub u64);

impl Ticks {
    /// That many milliseconds later.
    #[must_use]
    pub fn plus(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds since an earlier moment, 0 where it is later.
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Both clocks at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Now {
    /// For waits and deadlines.
    pub ticks: Ticks,
    /// For what people see. It may jump.
    pub wall: Timestamp,
}

/// Names one socket, so that late news of an old one is told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SocketId(pub u64);

/// Names one HTTP request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestId(pub u64);

/// Something happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// The page runs: what this device had stored for the viewer, and how it stands.
    Started {
        /// Messages that wait to be sent.
        outbox: Vec<StoredEntry>,
        /// Texts that were begun.
        drafts: Vec<(ConversationId, String)>,
        /// Whether the device believes that it has a network.
        online: bool,
        /// Whether the page is visible.
        visible: bool,
    },
    /// A socket is open.
    Opened(SocketId),
    /// A socket brought a frame.
    Frame(SocketId, Box<ServerFrame>),
    /// A socket closed, or could not be opened.
    Closed(SocketId, u16),
    /// An HTTP request was answered, or failed.
    Answered(RequestId, Result<Answer, FetchError>),
    /// The device believes that it has a network again, or none any more.
    Online(bool),
    /// The page became visible, or hidden.
    Visible(bool),
    /// The moment of [`super::Client::wake_at`] has come. Early or needless ones do no harm.
    Timer,
    /// Another tab of this viewer stored a message in the outbox.
    EntryStored(StoredEntry),
    /// Another tab of this viewer removed a message from the outbox: it is in the log, or was deleted.
    EntryRemoved(MessageId),
    /// The person did something.
    Action(Action),
}

/// Something that a person did. Sending is [`super::Client::send`], since it can be refused.
#[derive(Clone, Debug)]
pub enum Action {
    /// Look at a conversation, or at none.
    Open(Option<ConversationId>),
    /// Look at a conversation where that message is.
    OpenAt(ConversationId, Offset),
    /// The newest message of the open conversation came into view, or left it.
    AtEnd(bool),
    /// Show older messages of the open conversation.
    LoadEarlier,
    /// Show newer messages of the open conversation, where newer ones are not in memory.
    LoadLater,
    /// Show the newest messages of the open conversation.
    JumpToLatest,
    /// Load what failed to load in the open conversation again.
    Reload,
    /// Show more conversations.
    LoadMoreConversations,
    /// Send a failed message again.
    Retry(MessageId),
    /// Forget a message that failed, or that no page has sent: see [`super::Item::deletable`].
    Discard(MessageId),
    /// The text in the composer of a conversation changed.
    Draft(ConversationId, String),
    /// Connect now instead of waiting.
    ConnectNow,
    /// A conversation that was just opened over HTTP.
    Opened(Box<Conversation>),
    /// Leave: the session ends by a form that is being sent. What waits here is dropped, so ask before.
    SignOut,
}

/// What to fetch, all below the API's base path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetch {
    /// `GET /me`: is the session still good?
    Session,
    /// `GET /conversations`.
    Conversations {
        /// Cursor.
        before: Option<String>,
        /// Items of the page.
        limit: usize,
    },
    /// `GET /conversations/{id}`.
    Conversation(ConversationId),
    /// `GET /conversations/{id}/messages`.
    Messages {
        /// Where.
        conversation: ConversationId,
        /// Which.
        page: Page,
        /// Items of the page.
        limit: usize,
    },
}

/// A page of history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// The newest messages.
    Latest,
    /// The messages before that offset, the nearest ones.
    Before(Offset),
    /// The messages after that offset, the nearest ones; none stands for the beginning.
    After(Option<Offset>),
    /// The messages that changed after that record, new ones included, by revision.
    ChangedAfter(Offset),
}

/// The body of an answer with a 2xx status.
#[derive(Clone, Debug)]
pub enum Answer {
    /// To [`Fetch::Session`].
    Session,
    /// To [`Fetch::Conversations`].
    Conversations(Conversations),
    /// To [`Fetch::Conversation`].
    Conversation(Box<Conversation>),
    /// To [`Fetch::Messages`].
    Messages(Messages),
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchError {
    /// No connection, no answer in time, or an answer that is not the API's.
    Network,
    /// The server refused.
    Refused {
        /// Its problem code.
        code: ErrorCode,
        /// Seconds of `Retry-After`.
        retry_after_seconds: Option<u32>,
    },
}

/// Something to do, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Open a socket; tell with [`Input::Opened`], [`Input::Frame`] and [`Input::Closed`].
    Connect(SocketId),
    /// Close a socket; nothing more needs to be told of it.
    Close(SocketId),
    /// Send a frame on a socket.
    Transmit(SocketId, ClientFrame),
    /// Make a request; tell with [`Input::Answered`].
    Fetch(RequestId, Fetch),
    /// Keep a message of the outbox on this device, under a key of its own.
    StoreEntry(StoredEntry),
    /// Drop a message of the outbox from this device.
    RemoveEntry(MessageId),
    /// Keep a draft on this device; none drops it.
    StoreDraft(ConversationId, Option<String>),
    /// The session has ended: go to the sign-in page.
    SessionEnded,
    /// The person signs out: drop every message and draft of theirs from this device.
    Forget,
    /// Somebody else wrote something just now: tell it to those who cannot see it.
    Announce(Arc<Message>),
}
