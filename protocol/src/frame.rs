//! WebSocket frames: text, one JSON object each, tagged by `type`.

use crate::{
    Body, Conversation, ConversationId, ErrorCode, Message, MessageId, Offset, SessionId, Timestamp, User,
    UserId,
    member::{GroupName, Role},
    presence::Presence,
    reaction::Emoji,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The subprotocol's name.
pub const SUBPROTOCOL: &str = "kafkatalk.v1";

/// Makes an enum of frames and its parser from one definition: serde's tag on the wire, and `from_json`, which reads the tag
/// first and then the fields. The derived `Deserialize` of a tagged enum buffers what it reads until it knows the tag:
/// code that costs a browser a twentieth of what it downloads.
macro_rules! frames {
    (
        $(#[$enum_meta:meta])*
        $name:ident {$(
            $(#[$variant_meta:meta])*
            $tag:literal => $variant:ident $({$(
                $(#[doc = $field_doc:literal])*
                $(#[serde($($field_serde:tt)*)])?
                $field:ident: $type:ty
            ),+ $(,)?})? $(($body:ty))?
        ),+ $(,)?}
        $(unknown: $(#[$unknown_meta:meta])* $unknown:ident)?
    ) => {
        $(#[$enum_meta])*
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(tag = "type")]
        pub enum $name {
            $(
                $(#[$variant_meta])*
                #[serde(rename = $tag)]
                $variant $({$(
                    $(#[doc = $field_doc])*
                    $(#[serde($($field_serde)*)])?
                    $field: $type,
                )+})? $(($body))?,
            )+
            $(
                $(#[$unknown_meta])*
                #[serde(other)]
                $unknown,
            )?
        }

        impl $name {
            /// The tags of all frames, as `type` has them.
            pub const TAGS: &[&str] = &[$($tag),+];

            /// Reads a frame from JSON.
            pub fn from_json(text: &str) -> serde_json::Result<Self> {
                #[derive(Deserialize)]
                struct Tag {
                    r#type: String,
                }
                // A struct can be read from a list as well.
                if text.trim_start().starts_with('[') {
                    return Err(serde::de::Error::custom("a frame is a JSON object"));
                }
                let tag: Tag = serde_json::from_str(text)?;
                match tag.r#type.as_str() {
                    $(
                        $tag => {
                            $(
                                #[derive(Deserialize)]
                                struct Fields {$(
                                    $(#[serde($($field_serde)*)])?
                                    $field: $type,
                                )+}
                                let Fields { $($field),+ } = serde_json::from_str(text)?;
                            )?
                            Ok($name::$variant $({ $($field),+ })? $((serde_json::from_str::<$body>(text)?))?)
                        }
                    )+
                    $( _ => Ok($name::$unknown), )?
                    #[allow(unreachable_patterns, reason = "where unknown frames have a variant")]
                    unknown => Err(serde::de::Error::unknown_variant(unknown, Self::TAGS)),
                }
            }
        }
    };
}

frames! {
    /// From client to server.
    ClientFrame {
        /// Optional, first: what the device holds.
        "hello" => Hello {
            /// The offset of the last message held in each conversation, for a client that knows messages only: what came
            /// after these is sent before anything newer.
            #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
            positions: BTreeMap<ConversationId, Offset>,
            /// The offset of the last record applied in each conversation. A conversation that is named here is caught up
            /// by [`ServerFrame::Changed`] and [`ServerFrame::CaughtUp`], whatever `positions` says of it.
            #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
            records: BTreeMap<ConversationId, Offset>,
            /// Whether the device wants signals: [`ServerFrame::Typing`], [`ServerFrame::Presence`] and
            /// [`ServerFrame::Presences`]. Nobody gets them unasked.
            #[serde(default, skip_serializing_if = "std::ops::Not::not")]
            signals: bool,
        },
        /// Post a message; answered by `ack` or by `error` with the same `id`.
        "send" => Send {
            /// The conversation.
            conversation: ConversationId,
            /// The client's id of the message.
            id: MessageId,
            /// The text.
            body: Body,
            /// The offset of the message that it replies to.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            reply_to: Option<Offset>,
        },
        /// Change the text of an own message; answered by `ack` or by `error` with the same `id`.
        "edit" => Edit {
            /// The conversation.
            conversation: ConversationId,
            /// The client's id of the change.
            id: MessageId,
            /// The offset of the message.
            message: Offset,
            /// The new text.
            body: Body,
        },
        /// Delete an own message for everyone; answered by `ack` or by `error` with the same `id`.
        "delete" => Delete {
            /// The conversation.
            conversation: ConversationId,
            /// The client's id of the deletion.
            id: MessageId,
            /// The offset of the message.
            message: Offset,
        },
        /// React to a message, or take that back; answered by `ack` or by `error` with the same `id`.
        "react" => React {
            /// The conversation.
            conversation: ConversationId,
            /// The client's id of the command.
            id: MessageId,
            /// The offset of the message.
            message: Offset,
            /// The emoji.
            emoji: Emoji,
            /// Whether the reaction is there from now on.
            on: bool,
        },
        /// Read up to here.
        "read" => Read {
            /// The conversation.
            conversation: ConversationId,
            /// The offset of the last message that was read.
            offset: Offset,
        },
        /// The person types in a conversation now. To be said again every few seconds while they do; answered by nothing.
        "typing" => Typing {
            /// The conversation.
            conversation: ConversationId,
        },
        /// Answered by `pong`.
        "ping" => Ping,
    }
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

frames! {
    /// From server to client.
    ///
    /// Frames about a record of a conversation carry its place in the conversation's chain of visible records: `record`, its
    /// offset, and `previous_record`, the offset of the visible record before it. A device that has applied
    /// `previous_record`, or a later one, misses nothing in between. Servers of before the chain send neither.
    ServerFrame {
        /// First frame: the session is live.
        "ready" => Ready {
            /// The caller.
            user: User,
            /// Their session.
            session: SessionId,
            /// What the server lets them do.
            limits: Limits,
        },
        /// Durable in the log at that offset.
        "ack" => Ack {
            /// The client's id of the message or change.
            id: MessageId,
            /// The conversation.
            conversation: ConversationId,
            /// The offset of its record.
            offset: Offset,
            /// When the node accepted it.
            sent_at: Timestamp,
        },
        /// A new message; each conversation in offset order.
        "message" => Message {
            /// The message.
            message: Message,
            /// See [`ServerFrame`].
            #[serde(default, skip_serializing_if = "Option::is_none")]
            record: Option<Offset>,
            /// See [`ServerFrame`].
            #[serde(default, skip_serializing_if = "Option::is_none")]
            previous_record: Option<Offset>,
        },
        /// A message in its present state. A device that holds it at a lower revision replaces it.
        "changed" => Changed {
            /// The message.
            message: Message,
            /// See [`ServerFrame`]; absent while a device catches up, where the message is state and no record.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            record: Option<Offset>,
            /// See [`ServerFrame`].
            #[serde(default, skip_serializing_if = "Option::is_none")]
            previous_record: Option<Offset>,
        },
        /// A record of the chain that changes nothing for this device.
        "record" => Record {
            /// The conversation.
            conversation: ConversationId,
            /// See [`ServerFrame`].
            record: Offset,
            /// See [`ServerFrame`].
            #[serde(default, skip_serializing_if = "Option::is_none")]
            previous_record: Option<Offset>,
        },
        /// The device now holds the effect of all records of the conversation up to and including this one.
        "caught_up" => CaughtUp {
            /// The conversation.
            conversation: ConversationId,
            /// The offset of the record.
            record: Offset,
        },
        /// More was missed than is sent here. A client that named a record pages changes from `changed_after`; one that
        /// named a position pages history from `after`.
        "behind" => Behind {
            /// The conversation.
            conversation: ConversationId,
            /// The offset of the last message that was sent or held; null for none.
            after: Option<Offset>,
            /// The offset of the newest message.
            latest: Offset,
            /// Where the paging of changes begins: `changed_after` of the next page.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            changed_after: Option<Offset>,
        },
        /// A conversation that is new or has changed.
        "conversation" => Conversation {
            /// As the receiver sees it.
            conversation: Conversation,
        },
        /// A group has other members, other roles or another name: all of it, as it is now. Of two states the one with the
        /// higher revision is the later.
        "group" => Group {
            /// The conversation.
            conversation: ConversationId,
            /// Everyone in it, by username.
            members: Vec<User>,
            /// See [`Conversation::roles`].
            #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
            roles: BTreeMap<UserId, Role>,
            /// See [`Conversation::name`].
            #[serde(default, skip_serializing_if = "Option::is_none")]
            name: Option<GroupName>,
            /// The offset of the record that brought the group into this state.
            revision: Offset,
            /// What happened, as a line in the order of messages; absent while a device catches up, where the lines come
            /// by themselves.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            notice: Option<Message>,
            /// See [`ServerFrame`].
            #[serde(default, skip_serializing_if = "Option::is_none")]
            record: Option<Offset>,
            /// See [`ServerFrame`].
            #[serde(default, skip_serializing_if = "Option::is_none")]
            previous_record: Option<Offset>,
        },
        /// The receiver is no longer a member: the device drops the conversation.
        "left" => Left {
            /// The conversation.
            conversation: ConversationId,
        },
        /// A member has read.
        "read" => Read {
            /// The conversation.
            conversation: ConversationId,
            /// The member.
            user: UserId,
            /// The offset of the last message that they read.
            offset: Offset,
        },
        /// A member's device has received.
        "delivered" => Delivered {
            /// The conversation.
            conversation: ConversationId,
            /// The member.
            user: UserId,
            /// The offset of the last message that it received.
            offset: Offset,
        },
        /// A member types. It is true for some seconds, or until a message of theirs arrives. A signal.
        "typing" => Typing {
            /// The conversation.
            conversation: ConversationId,
            /// The member.
            user: UserId,
        },
        /// A person who shares a conversation with the receiver came or went. A signal.
        "presence" => Presence(Presence),
        /// How things stand with the people who share a conversation with the receiver; takes the place of all that was said
        /// of them before. Who is not named is not online, and nobody knows when they last were. A signal.
        "presences" => Presences {
            /// The people.
            people: Vec<Presence>,
        },
        /// Something was refused; the socket stays open.
        "error" => Error {
            /// Why, for programs.
            code: ErrorCode,
            /// Why and what to do, for people.
            detail: String,
            /// The client's id of the message or change that it is about.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            id: Option<MessageId>,
        },
        /// Answer to `ping`.
        "pong" => Pong,
    }
    unknown:
    /// A type that this client does not know; ignored.
    Unknown
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
mod tests;
