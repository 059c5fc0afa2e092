//! What the server gives a page before it is rendered, and the browser takes over when it hydrates.
//!
//! The server gathers a [`PageModel`] first and renders without waiting for anything; the page carries the model along,
//! so that the browser starts from the very same state. Afterwards the client's own state takes over.

use kafkatalk_protocol::{Conversation, FieldError, Message, Offset, Timestamp, User};
use serde::{Deserialize, Serialize};

/// Everything that a page needs at first paint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageModel {
    /// Who is signed in.
    pub viewer: Option<User>,
    /// The newest conversations, latest activity first. Empty where nobody is signed in.
    pub conversations: Vec<Conversation>,
    /// Cursor of the following page of conversations.
    pub conversations_next: Option<String>,
    /// The conversation in the address, where there is one that the viewer may see.
    pub open: Option<OpenModel>,
    /// What came of a form that was posted without script.
    pub form: Option<FormModel>,
    /// The server's clock at rendering, so that both sides word times alike.
    pub now: Timestamp,
    /// The viewer's offset from UTC in minutes east, as the browser last told in the cookie `kafkatalk_tz`.
    pub utc_offset_minutes: i32,
}

/// The open conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenModel {
    /// The conversation itself; it need not be among the newest.
    pub conversation: Conversation,
    /// Its newest messages, in offset order.
    pub messages: Vec<Message>,
    /// `before` of the page of history above, none where these begin at the beginning.
    pub earlier: Option<Offset>,
}

/// A form that was refused: shown again with what was typed (never the password) and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormModel {
    /// The username as typed.
    pub username: String,
    /// Under which field, what. A field `form` stands for the form as a whole.
    pub errors: Vec<FieldError>,
}
