//! What goes into the client's state machine and what it asks for.

use super::{
    request::{Answer, Request},
    stored::StoredEntry,
};
use kafkatalk_protocol::{
    ClientFrame, Conversation, ConversationId, Message, MessageId, Offset, ServerFrame, Timestamp,
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
    Answered(RequestId, Answer),
    /// The server refused a request that the page made by itself, since the session has ended.
    Unauthenticated,
    /// The device believes that it has a network again, or none any more.
    Online(bool),
    /// The page became visible, or hidden.
    Visible(bool),
    /// The person clicked, scrolled or pressed a key.
    Touched,
    /// The moment of [`super::Client::wake_at`] has come. Early or needless ones do no harm.
    Timer,
    /// Another tab of this viewer stored a message in the outbox.
    EntryStored(StoredEntry),
    /// Another tab of this viewer removed a message from the outbox: it is in the log, or was deleted.
    EntryRemoved(MessageId),
    /// Another tab of this viewer stored a draft, or dropped it.
    DraftStored(ConversationId, String),
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
    /// The message that [`super::ChatView::aim`] names is in view.
    Reached,
    /// Leave: the server ends the session, and then what waits here is dropped, so ask before. Where the server cannot,
    /// [`super::LinkView::sign_out_failed`] says so and nothing is dropped.
    SignOut,
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
    Fetch(RequestId, Request),
    /// Keep a message of the outbox on this device, under a key of its own.
    StoreEntry(StoredEntry),
    /// Drop a message of the outbox from this device.
    RemoveEntry(MessageId),
    /// Keep a draft on this device; none drops it.
    StoreDraft(ConversationId, Option<String>),
    /// The session has ended: go to the sign-in page, which leads back here.
    SessionEnded,
    /// The person signed out: drop every message and draft of theirs from this device.
    Forget,
    /// The person signed out: go to the sign-in page.
    SignedOut,
    /// Somebody else wrote something just now: tell it to those who cannot see it.
    Announce(Arc<Message>),
}
