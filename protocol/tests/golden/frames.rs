//! Frames of the WebSocket.

use super::{
    kind::Kind,
    people::{
        SAID, body, conversation, conversations, first, later, message_id, moment, person, session, user,
    },
};
use kafkatalk_protocol::{ClientFrame, ErrorCode, Offset, ServerFrame, frame::Limits};
use serde::{Serialize, de::DeserializeOwned};
use std::collections::BTreeMap;

/// The variants of both enums. A variant that is missing here does not compile, and one without a sample fails a test.
macro_rules! variants {
    ($names:ident, $name:ident, $side:literal, $enum:ident { $($variant:ident = $tag:literal),+ $(,)? }) => {
        const $names: &[&str] = &[$(concat!($side, ".", $tag)),+];
        fn $name(frame: &$enum) -> &'static str {
            match frame { $($enum::$variant { .. } => concat!($side, ".", $tag)),+ }
        }
    };
}
variants!(CLIENT, client_name, "client", ClientFrame {
    Hello = "hello",
    Send = "send",
    Read = "read",
    Typing = "typing",
    Ping = "ping",
});
variants!(SERVER, server_name, "server", ServerFrame {
    Ready = "ready",
    Ack = "ack",
    Message = "message",
    Behind = "behind",
    Conversation = "conversation",
    Read = "read",
    Delivered = "delivered",
    Typing = "typing",
    Presence = "presence",
    Error = "error",
    Pong = "pong",
    Unknown = "unknown",
});

/// Every name but that of what is never written.
pub(super) fn names() -> Vec<String> {
    let all = CLIENT.iter().chain(SERVER);
    all.filter(|name| **name != "server.unknown").map(|name| (*name).to_owned()).collect()
}

/// Samples by kind; the tag on the wire is the kind's name.
fn by_kind<T: Serialize + DeserializeOwned + Clone>(name: fn(&T) -> &'static str, frames: &[T]) -> Vec<Kind> {
    let mut kinds: BTreeMap<&str, Vec<T>> = BTreeMap::new();
    for frame in frames {
        let name = name(frame);
        let tag = serde_json::to_value(frame).unwrap()["type"].clone();
        assert_eq!(name.split_once('.').unwrap().1, tag, "the tag of {name}");
        kinds.entry(name).or_default().push(frame.clone());
    }
    kinds.into_iter().map(|(name, samples)| Kind::of(name, &samples)).collect()
}

pub(super) fn client() -> Vec<Kind> {
    let conversation = conversation();
    by_kind(
        client_name,
        &[
            ClientFrame::Hello { positions: [].into() },
            ClientFrame::Hello { positions: [(conversation, Offset(41))].into() },
            ClientFrame::Send { conversation, id: message_id(), body: body(SAID) },
            ClientFrame::Read { conversation, offset: Offset(3) },
            ClientFrame::Typing { conversation },
            ClientFrame::Ping,
        ],
    )
}

pub(super) fn server() -> Vec<Kind> {
    let (conversation, user) = (conversation(), user(1));
    let limits = Limits {
        body_chars: 8_000,
        body_bytes: 32_768,
        frame_bytes: 262_144,
        group_members: Some(100),
        messages_per_second: Some(10),
        messages_burst: Some(50),
    };
    let unlimited = Limits { messages_per_second: None, messages_burst: None, ..limits };
    let ready = |limits| ServerFrame::Ready { user: person(1), session: session(), limits };
    let error = |id| ServerFrame::Error { code: ErrorCode::NotFound, detail: "Not found.".into(), id };
    let [silent, lively] = conversations();
    by_kind(
        server_name,
        &[
            ready(limits),
            ready(unlimited),
            ServerFrame::Ack { id: message_id(), conversation, offset: Offset(3), sent_at: moment() },
            ServerFrame::Message { message: first() },
            ServerFrame::Message { message: later() },
            ServerFrame::Behind { conversation, after: None, latest: Offset(300) },
            ServerFrame::Behind { conversation, after: Some(Offset(0)), latest: Offset(300) },
            ServerFrame::Conversation { conversation: silent },
            ServerFrame::Conversation { conversation: lively },
            ServerFrame::Read { conversation, user, offset: Offset(3) },
            ServerFrame::Delivered { conversation, user, offset: Offset(3) },
            ServerFrame::Typing { conversation, user },
            ServerFrame::Presence { user, online: true, last_seen_at: None },
            ServerFrame::Presence { user, online: false, last_seen_at: Some(moment()) },
            error(None),
            error(Some(message_id())),
            ServerFrame::Pong,
        ],
    )
}

#[test]
fn a_frame_that_is_not_known_is_read_as_such() {
    let read: ServerFrame = serde_json::from_str(r#"{"type":"unheard of","of":1}"#).unwrap();
    assert_eq!(server_name(&read), "server.unknown");
}
