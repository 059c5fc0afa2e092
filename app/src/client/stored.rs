//! The form in which a device keeps a command until the server has it.

use super::command::{ChangeKind, Command};
use kafkatalk_protocol::{Body, ConversationId, MessageId, Offset, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The newest version of the stored form that this client reads and writes. What was written before versions were has
/// none, and is a message.
const VERSION: u32 = 2;

/// A command of the outbox as this device keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    command: Option<Box<RawValue>>,
    typed_at: Timestamp,
    order: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
}

impl StoredEntry {
    /// Reads what a device kept; `changes` are the kinds of changes that are known. None where a later version of the client
    /// wrote it: such an entry stays on the device for that version, and is not sent.
    pub fn from_json(text: &str, changes: &[ChangeKind]) -> Option<Self> {
        let form: StoredForm = serde_json::from_str(text).ok()?;
        let StoredForm { id, conversation, version, body, reply_to, command, typed_at, order, refused } =
            form;
        let command = match (version, body, command) {
            (None, Some(body), None) => Command::Post { body, reply_to },
            (Some(VERSION), _, Some(command)) => changes.iter().find_map(|read| read(command.get()))?,
            _ => return None,
        };
        Some(Self { id, conversation, command, typed_at, order, refused })
    }

    /// Writes it as [`Self::from_json`] reads it.
    pub fn to_json(&self) -> serde_json::Result<String> {
        let Self { id, conversation, command, typed_at, order, refused } = self.clone();
        let (mut version, mut post, mut change) = (None, (None, None), None);
        match command {
            Command::Post { body, reply_to } => post = (Some(body), reply_to),
            Command::Change(command) => {
                version = Some(VERSION);
                change = Some(command.to_json()?);
            }
        }
        let (body, reply_to) = post;
        let form = StoredForm {
            id,
            conversation,
            version,
            body,
            reply_to,
            command: change,
            typed_at,
            order,
            refused,
        };
        serde_json::to_string(&form)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::{ALL, edit::Edit};

    fn read(json: &str) -> Option<StoredEntry> {
        StoredEntry::from_json(json, ALL.changes)
    }

    /// As the first version of the client wrote it.
    const MESSAGE: &str = concat!(
        r#"{"id":"00000000-0000-0000-0000-000000000001","conversation":"00000000-0000-0000-0000-000000000002","#,
        r#""body":"hello","typed_at":"2023-11-14T22:13:20.000Z","order":7,"refused":"Too long."}"#
    );

    #[test]
    fn a_message_is_stored_as_it_always_was() {
        let entry = read(MESSAGE).unwrap();
        assert_eq!(entry.command, Command::Post { body: "hello".parse().unwrap(), reply_to: None });
        assert_eq!((entry.order, entry.refused.as_deref()), (7, Some("Too long.")));
        assert_eq!(entry.to_json().unwrap(), MESSAGE);
    }

    #[test]
    fn a_reply_is_stored_as_a_message_that_names_another() {
        let json = MESSAGE.replace(r#""typed_at""#, r#""reply_to":5,"typed_at""#);
        let entry = read(&json).unwrap();
        let body = "hello".parse().unwrap();
        assert_eq!(entry.command, Command::Post { body, reply_to: Some(Offset(5)) });
        assert_eq!(entry.to_json().unwrap(), json);
    }

    #[test]
    fn a_change_is_stored_under_a_version_and_its_kind() {
        let message = read(MESSAGE).unwrap();
        let edit = Edit { message: Offset(3), body: "better".parse().unwrap() };
        let entry = StoredEntry { command: Command::change(edit), refused: None, ..message };
        let json = entry.to_json().unwrap();
        assert!(json.contains(r#""version":2,"command":{"edit":{"message":3,"body":"better"}}"#), "{json}");
        assert_eq!(read(&json), Some(entry));
    }

    #[test]
    fn an_entry_of_a_later_version_is_not_read() {
        for later in [
            MESSAGE.replace(r#""order""#, r#""version":3,"order""#),
            MESSAGE.replace(r#""body":"hello""#, r#""version":3,"command":{"post":{"body":"hello"}}"#),
            MESSAGE.replace(r#""body":"hello""#, r#""version":2,"command":{"sing":{}}"#),
        ] {
            assert_eq!(read(&later), None, "{later}");
        }
    }
}
