//! Payloads of records. Their envelope is the `log` crate's, and so are its golden files.

use super::{
    kind::Kind,
    people::{SAID, body, conversation, message_id, session, user},
};
use kafkatalk_protocol::{
    Offset,
    event::{
        ConversationCreated, Event, MessagePosted, ReceiptRead, SessionEnded, SessionStarted, UserClaimed,
    },
};

fn kind<E: Event>(samples: &[E]) -> Kind {
    Kind::of(format!("event.{}", E::KIND), samples)
}

pub(super) fn kinds() -> Vec<Kind> {
    let started = SessionStarted {
        session: session(),
        user: user(1),
        token_hash: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into(),
        user_agent: Some("Mozilla/5.0 (X11; Linux x86_64)".into()),
    };
    vec![
        kind(&[
            MessagePosted { id: message_id(), body: body("hello") },
            MessagePosted { id: message_id(), body: body(SAID) },
        ]),
        kind(&[UserClaimed {
            user: user(1),
            username: "person-1".parse().unwrap(),
            password_hash: "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2g".into(),
        }]),
        kind(&[started.clone(), SessionStarted { user_agent: None, ..started }]),
        kind(&[SessionEnded { session: session() }]),
        kind(&[
            ConversationCreated { conversation: conversation(), members: vec![user(1), user(2)] },
            ConversationCreated { conversation: conversation(), members: vec![user(3), user(1), user(2)] },
        ]),
        kind(&[ReceiptRead { conversation: conversation(), user: user(1), offset: Offset(4_294_967_295) }]),
    ]
}

/// The kinds that the crate declares: `"kind" => Type` in an `events!` block, wherever that stands.
pub(super) fn names() -> Vec<String> {
    let sources = super::bodies::sources();
    let blocks = sources.iter().flat_map(|text| text.split("\nevents! {").skip(1));
    let lines = blocks.flat_map(|block| block.lines().take_while(|line| !line.starts_with('}')));
    let names: Vec<String> = lines
        .filter_map(|line| line.split_once(" => "))
        .map(|(kind, _)| format!("event.{}", kind.trim().trim_matches('"')))
        .collect();
    assert!(names.len() >= 6, "the kinds of events are no longer declared where this looks: {names:?}");
    names
}
