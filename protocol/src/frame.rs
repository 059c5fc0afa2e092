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
