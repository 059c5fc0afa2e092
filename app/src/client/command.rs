//! What a person asks the server to keep, and the form in which a device stores it until the server has.

use crate::features::{delete::Delete, edit::Edit, react::React};
use kafkatalk_protocol::{Body, ClientFrame, ConversationId, Message, MessageId, Offset, Timestamp, UserId};
use serde::{Deserialize, Serialize};

/// The newest version of the stored form that this client reads and writes. What was written before versions were has
/// none, and is a message.
const VERSION: u32 = 2;

/// One thing to do in a conversation. It is sent under an id of its own, under which the server does it once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Post a message; the id of the command is the message's.
    Post {
        /// The text.
        body: Body,
        /// The offset of the message that it replies to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reply_to: Option<Offset>,
    },
    /// Change the text of an own message.
    Edit(Edit),
    /// Delete an own message for everyone.
    Delete(Delete),
    /// React to a message, or take that back.
    React(React),
}

impl Command {
    /// The frame that asks the server for it.
    pub(super) fn into_frame(self, conversation: ConversationId, id: MessageId) -> ClientFrame {
        match self {
            Self::Post { body, reply_to } => ClientFrame::Send { conversation, id, body, reply_to },
            Self::Edit(edit) => edit.into_frame(conversation, id),
            Self::Delete(delete) => delete.into_frame(conversation, id),
            Self::React(react) => react.into_frame(conversation, id),
        }
    }

    /// The message that it changes; none where it posts one.
    pub(super) fn target(&self) -> Option<Offset> {
        match self {
            Self::Post { .. } => None,
            Self::Edit(edit) => Some(edit.message),
            Self::Delete(delete) => Some(delete.message),
            Self::React(react) => Some(react.message),
        }
    }

    /// The message that it changes, as it will be.
    pub(super) fn apply(&self, message: &mut Message, viewer: UserId, at: Timestamp) {
        match self {
            Self::Post { .. } => {}
            Self::Edit(edit) => edit.apply(message, at),
            Self::Delete(_) => Delete::apply(message),
            Self::React(react) => react.apply(message, viewer),
        }
    }
}

/// A command of the outbox as this device keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "StoredForm", into = "StoredForm")]
pub struct StoredEntry {
    /// The client's id for it, under which it is sent however often.
    pub id: MessageId,
    /// The conversation.
    pub conversation: ConversationId,
    /// What to do.
    pub command: Command,
    /// When the person asked for it, by the device's clock.
    pub typed_at: Timestamp,
    /// Lower ones go first.
    pub order: u64,
    /// Why it was refused, where it was.
    pub refused: Option<String>,
}

/// On the device: a plain message has the form that it always had, everything else a version and a command.
#[derive(Serialize, Deserialize)]
struct StoredForm {
    id: MessageId,
    conversation: ConversationId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<Body>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reply_to: Option<Offset>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    command: Option<Command>,
    typed_at: Timestamp,
    order: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
}

impl TryFrom<StoredForm> for StoredEntry {
    type Error = String;

    fn try_from(form: StoredForm) -> Result<Self, String> {
        let StoredForm { id, conversation, version, body, reply_to, command, typed_at, order, refused } =
            form;
        let command = match (version, body, command) {
            (None, Some(body), None) => Command::Post { body, reply_to },
            (Some(VERSION), _, Some(command)) => command,
            (version, ..) => return Err(format!("an entry of version {version:?}")),
        };
        Ok(Self { id, conversation, command, typed_at, order, refused })
    }
}

impl From<StoredEntry> for StoredForm {
    fn from(entry: StoredEntry) -> Self {
        let StoredEntry { id, conversation, command, typed_at, order, refused } = entry;
        let form = Self {
            id,
            conversation,
            version: None,
            body: None,
            reply_to: None,
            command: None,
            typed_at,
            order,
            refused,
        };
        match command {
            Command::Post { body, reply_to } => Self { body: Some(body), reply_to, ..form },
            command @ (Command::Edit(_) | Command::Delete(_) | Command::React(_)) => {
                Self { version: Some(VERSION), command: Some(command), ..form }
            }
        }
    }
}

impl StoredEntry {
    /// Reads what a device kept. None where a later version of the client wrote it: such an entry stays on the device
    /// for that version, and is not sent.
    pub fn from_json(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the first version of the client wrote it.
    const MESSAGE: &str = concat!(
        r#"{"id":"00000000-0000-0000-0000-000000000001","conversation":"00000000-0000-0000-0000-000000000002","#,
        r#""body":"hello","typed_at":"2023-11-14T22:13:20.000Z","order":7,"refused":"Too long."}"#
    );

    #[test]
    fn a_message_is_stored_as_it_always_was() {
        let entry = StoredEntry::from_json(MESSAGE).unwrap();
        assert_eq!(entry.command, Command::Post { body: "hello".parse().unwrap(), reply_to: None });
        assert_eq!((entry.order, entry.refused.as_deref()), (7, Some("Too long.")));
        assert_eq!(serde_json::to_string(&entry).unwrap(), MESSAGE);
    }

    #[test]
    fn a_reply_is_stored_as_a_message_that_names_another() {
        let json = MESSAGE.replace(r#""typed_at""#, r#""reply_to":5,"typed_at""#);
        let entry = StoredEntry::from_json(&json).unwrap();
        let body = "hello".parse().unwrap();
        assert_eq!(entry.command, Command::Post { body, reply_to: Some(Offset(5)) });
        assert_eq!(serde_json::to_string(&entry).unwrap(), json);
    }

    #[test]
    fn a_change_is_stored_under_a_version_and_its_kind() {
        let message = StoredEntry::from_json(MESSAGE).unwrap();
        let edit = Edit { message: Offset(3), body: "better".parse().unwrap() };
        let entry = StoredEntry { command: Command::Edit(edit), refused: None, ..message };
        let json = serde_json::to_string(&entry).unwrap();
        assert!(json.contains(r#""version":2,"command":{"edit":{"message":3,"body":"better"}}"#), "{json}");
        assert_eq!(StoredEntry::from_json(&json), Some(entry));
    }

    #[test]
    fn an_entry_of_a_later_version_is_not_read() {
        for later in [
            MESSAGE.replace(r#""order""#, r#""version":3,"order""#),
            MESSAGE.replace(r#""body":"hello""#, r#""version":3,"command":{"post":{"body":"hello"}}"#),
            MESSAGE.replace(r#""body":"hello""#, r#""version":2,"command":{"sing":{}}"#),
        ] {
            assert_eq!(StoredEntry::from_json(&later), None, "{later}");
        }
    }
}
