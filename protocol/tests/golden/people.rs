//! Whom and what the samples are about.

use kafkatalk_protocol::{
    Body, Conversation, ConversationId, Message, MessageId, Offset, SessionId, Timestamp, User, UserId,
};
use uuid::Uuid;

/// Every sign that JSON escapes, and some that need more than one unit.
pub(super) const SAID: &str = "crème \"brûlée\" \\ 👩‍👧 \u{7f}\u{202e}\r\n\tمرحبا";

fn id(group: u128, number: u128) -> Uuid {
    Uuid::from_u128(group << 120 | 0x4000_8000_0000_0000_0000 | number)
}

pub(super) fn user(number: u128) -> UserId {
    UserId(id(0xa1, number))
}

pub(super) fn person(number: u128) -> User {
    User { id: user(number), username: format!("person-{number}").parse().unwrap() }
}

pub(super) fn conversation() -> ConversationId {
    ConversationId(id(0xc1, 1))
}

pub(super) fn session() -> SessionId {
    SessionId(id(0x51, 1))
}

pub(super) fn message_id() -> MessageId {
    MessageId(id(0xd1, 1))
}

pub(super) fn moment() -> Timestamp {
    "2026-01-31T09:15:00.123Z".parse().unwrap()
}

pub(super) fn body(text: &str) -> Body {
    text.parse().unwrap()
}

/// The first message of a conversation.
pub(super) fn first() -> Message {
    Message {
        conversation: conversation(),
        offset: Offset(0),
        previous: None,
        id: message_id(),
        sender: person(1),
        sent_at: moment(),
        body: body("hello"),
    }
}

/// One that comes after it.
pub(super) fn later() -> Message {
    Message { offset: Offset(3), previous: Some(Offset(0)), sender: person(2), body: body(SAID), ..first() }
}

/// One in which nothing was said, and one that is read.
pub(super) fn conversations() -> [Conversation; 2] {
    let silent = Conversation {
        id: conversation(),
        members: vec![person(1), person(2)],
        created_at: moment(),
        last_message: None,
        unread: 0,
        read: [].into(),
    };
    let read = [(user(1), Offset(0)), (user(2), Offset(3))].into();
    let lively = Conversation { last_message: Some(later()), unread: 1, read, ..silent.clone() };
    [silent, lively]
}
