//! WebSocket frames: text, one JSON object each, tagged by `type`.

use crate::{
    Body, Conversation, ConversationId, ErrorCode, Message, MessageId, Offset, SessionId, Timestamp, User,
    UserId,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The subprotocol's name.
pub const SUBPROTOCOL: &str = "kafkatalk.v1";

/// From client to server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ClientFrame {
    /// Optional, first: the last offset held in each conversation.
    Hello {
        /// What came after these is sent before anything newer.
        #[serde(default)]
        positions: BTreeMap<ConversationId, Offset>,
    },
    /// Say something; answered by `ack` or by `error` with the same `id`.
    Send {
        /// Where.
        conversation: ConversationId,
        /// The client's id for it.
        id: MessageId,
        /// What.
        body: Body,
    },
    /// Read up to here.
    Read {
        /// Where.
        conversation: ConversationId,
        /// The last offset that was read.
        offset: Offset,
    },
    /// Typing now.
    Typing {
        /// Where.
        conversation: ConversationId,
    },
    /// Answered by `pong`.
    Ping,
}

/// What the server lets a client do, told in `ready`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Most Unicode characters of a body.
    pub body_chars: usize,
    /// Most bytes of a body.
    pub body_bytes: usize,
    /// Most bytes of a frame.
    pub frame_bytes: usize,
    /// Most members of a conversation; null where the server does not say.
    #[serde(default)]
    pub group_members: Option<u32>,
    /// Messages a second that a person may send for long; null without a limit.
    pub messages_per_second: Option<u32>,
    /// Messages that may come at once before that rate counts; null without a limit.
    pub messages_burst: Option<u32>,
}

/// From server to client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerFrame {
    /// First frame: the session is live.
    Ready {
        /// The caller.
        user: User,
        /// Their session.
        session: SessionId,
        /// What the server lets them do.
        limits: Limits,
    },
    /// Durable in the log at that offset.
    Ack {
        /// The client's id of the message.
        id: MessageId,
        /// Where.
        conversation: ConversationId,
        /// Its position.
        offset: Offset,
        /// When the node took it in.
        sent_at: Timestamp,
    },
    /// A message; each conversation in offset order.
    Message {
        /// The message.
        message: Message,
    },
    /// More was missed than is sent here: page history from `after`.
    Behind {
        /// Where.
        conversation: ConversationId,
        /// The last offset that was sent or held; null for none.
        after: Option<Offset>,
        /// The newest offset.
        latest: Offset,
    },
    /// A conversation that is new or has changed.
    Conversation {
        /// As the receiver sees it.
        conversation: Conversation,
    },
    /// A member has read.
    Read {
        /// Where.
        conversation: ConversationId,
        /// Who.
        user: UserId,
        /// How far.
        offset: Offset,
    },
    /// A member's device has received.
    Delivered {
        /// Where.
        conversation: ConversationId,
        /// Who.
        user: UserId,
        /// How far.
        offset: Offset,
    },
    /// A member is typing; expires after 5 s.
    Typing {
        /// Where.
        conversation: ConversationId,
        /// Who.
        user: UserId,
    },
    /// A person came or went.
    Presence {
        /// Who.
        user: UserId,
        /// Whether a device of theirs is connected.
        online: bool,
        /// When one last was.
        last_seen_at: Option<Timestamp>,
    },
    /// Something was refused; the socket stays open.
    Error {
        /// Why, for programs.
        code: ErrorCode,
        /// Why and what to do, for people.
        detail: String,
        /// The message it is about.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<MessageId>,
    },
    /// Answer to `ping`.
    Pong,
    /// A type that this client does not know; ignored.
    #[serde(other)]
    Unknown,
}

/// Reads a variant's fields and leaves the tag aside.
macro_rules! variant {
    ($text:ident, $variant:ident { $($field:ident: $type:ty),* }) => {{
        #[derive(Deserialize)]
        struct Fields {
            $($field: $type,)*
        }
        let Fields { $($field),* } = serde_json::from_str($text)?;
        ServerFrame::$variant { $($field),* }
    }};
}

impl ServerFrame {
    /// Reads a frame from JSON, as the derived `Deserialize` does, which has to keep all of it in a buffer until it
    /// knows the tag: code that costs a browser a twentieth of what it downloads. This reads the text twice.
    pub fn from_json(text: &str) -> serde_json::Result<Self> {
        #[derive(Deserialize)]
        struct Tag {
            r#type: String,
        }
        let tag: Tag = serde_json::from_str(text)?;
        Ok(match tag.r#type.as_str() {
            "ready" => variant!(text, Ready { user: User, session: SessionId, limits: Limits }),
            "ack" => variant!(
                text,
                Ack { id: MessageId, conversation: ConversationId, offset: Offset, sent_at: Timestamp }
            ),
            "message" => variant!(text, Message { message: Message }),
            "behind" => variant!(text, Behind {
                conversation: ConversationId,
                after: Option<Offset>,
                latest: Offset
            }),
            "conversation" => variant!(text, Conversation { conversation: Conversation }),
            tag @ ("read" | "delivered") => {
                #[derive(Deserialize)]
                struct Position {
                    conversation: ConversationId,
                    user: UserId,
                    offset: Offset,
                }
                let Position { conversation, user, offset } = serde_json::from_str(text)?;
                match tag {
                    "read" => Self::Read { conversation, user, offset },
                    _ => Self::Delivered { conversation, user, offset },
                }
            }
            "typing" => variant!(text, Typing { conversation: ConversationId, user: UserId }),
            "presence" => variant!(text, Presence {
                user: UserId,
                online: bool,
                last_seen_at: Option<Timestamp>
            }),
            "error" => variant!(text, Error { code: ErrorCode, detail: String, id: Option<MessageId> }),
            "pong" => Self::Pong,
            _ => Self::Unknown,
        })
    }
}

/// Why the server closed a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseCode {
    /// The node is going away: reconnect.
    GoingAway,
    /// Malformed frame.
    Malformed,
    /// Session ended.
    SessionEnded,
    /// Too slow: reconnect and catch up.
    TooSlow,
    /// Frame too large.
    TooLarge,
    /// Too many frames.
    TooMany,
}

impl CloseCode {
    /// The number on the wire.
    pub fn as_u16(self) -> u16 {
        match self {
            Self::GoingAway => 1001,
            Self::Malformed => 4400,
            Self::SessionEnded => 4401,
            Self::TooSlow => 4408,
            Self::TooLarge => 4413,
            Self::TooMany => 4429,
        }
    }

    /// The meaning of a number from the wire, where it is one of ours.
    pub fn from_u16(code: u16) -> Option<Self> {
        [Self::GoingAway, Self::Malformed, Self::SessionEnded, Self::TooSlow, Self::TooLarge, Self::TooMany]
            .into_iter()
            .find(|known| known.as_u16() == code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_fields_and_types_are_ignored() {
        let pong: ServerFrame = serde_json::from_str(r#"{"type":"pong","later":1}"#).unwrap();
        assert_eq!(pong, ServerFrame::Pong);
        let later: ServerFrame = serde_json::from_str(r#"{"type":"reaction","emoji":"x"}"#).unwrap();
        assert_eq!(later, ServerFrame::Unknown);
        assert_eq!(
            ServerFrame::from_json(r#"{"type":"reaction","emoji":"x"}"#).unwrap(),
            ServerFrame::Unknown
        );
        assert!(ServerFrame::from_json(r#"{"emoji":"x"}"#).is_err());
        assert!(ServerFrame::from_json(r#"{"type":"typing"}"#).is_err());
    }

    /// One of every kind.
    fn server_frames() -> Vec<ServerFrame> {
        let (user, conversation) =
            (UserId(uuid::Uuid::from_u128(1)), ConversationId(uuid::Uuid::from_u128(2)));
        let (id, offset, sent_at) =
            (MessageId(uuid::Uuid::from_u128(3)), Offset(4), Timestamp::from_millis(5));
        let person = User { id: user, username: "ada".parse().unwrap() };
        let message = Message {
            conversation,
            offset,
            previous: Some(Offset(3)),
            id,
            sender: person.clone(),
            sent_at,
            body: "hello".parse().unwrap(),
        };
        let limits = Limits {
            body_chars: 1,
            body_bytes: 2,
            frame_bytes: 3,
            group_members: Some(5),
            messages_per_second: Some(4),
            messages_burst: None,
        };
        let told = Conversation {
            id: conversation,
            members: vec![person.clone()],
            created_at: sent_at,
            last_message: Some(message.clone()),
            unread: 7,
            read: [(user, offset)].into(),
        };
        vec![
            ServerFrame::Ready { user: person, session: SessionId(uuid::Uuid::from_u128(6)), limits },
            ServerFrame::Ack { id, conversation, offset, sent_at },
            ServerFrame::Message { message },
            ServerFrame::Behind { conversation, after: None, latest: offset },
            ServerFrame::Conversation { conversation: told },
            ServerFrame::Read { conversation, user, offset },
            ServerFrame::Delivered { conversation, user, offset },
            ServerFrame::Typing { conversation, user },
            ServerFrame::Presence { user, online: true, last_seen_at: Some(sent_at) },
            ServerFrame::Error { code: ErrorCode::Forbidden, detail: "no".into(), id: Some(id) },
            ServerFrame::Error { code: ErrorCode::Forbidden, detail: "no".into(), id: None },
            ServerFrame::Pong,
        ]
    }

    #[test]
    fn a_frame_read_by_hand_is_the_one_that_was_written() {
        for frame in server_frames() {
            let json = serde_json::to_string(&frame).unwrap();
            assert_eq!(ServerFrame::from_json(&json).unwrap(), frame, "{json}");
            assert_eq!(serde_json::from_str::<ServerFrame>(&json).unwrap(), frame, "{json}");
        }
    }

    #[test]
    fn a_hello_without_positions_is_one_that_holds_nothing() {
        let hello: ClientFrame = serde_json::from_str(r#"{"type":"hello"}"#).unwrap();
        assert_eq!(hello, ClientFrame::Hello { positions: BTreeMap::new() });
    }

    #[test]
    fn a_hello_names_its_positions_by_conversation() {
        let id = ConversationId(uuid::Uuid::from_u128(7));
        let hello = ClientFrame::Hello { positions: [(id, Offset(41))].into() };
        let json = serde_json::to_string(&hello).unwrap();
        assert_eq!(json, format!(r#"{{"type":"hello","positions":{{"{id}":41}}}}"#));
        assert_eq!(serde_json::from_str::<ClientFrame>(&json).unwrap(), hello);
    }
}
