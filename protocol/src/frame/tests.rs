mod mutated;

use super::*;
use crate::{reaction::Reaction, reply::Quote};

#[test]
fn unknown_fields_and_types_are_ignored() {
    let pong: ServerFrame = serde_json::from_str(r#"{"type":"pong","later":1}"#).unwrap();
    assert_eq!(pong, ServerFrame::Pong);
    let later: ServerFrame = serde_json::from_str(r#"{"type":"reaction","emoji":"x"}"#).unwrap();
    assert_eq!(later, ServerFrame::Unknown);
    assert_eq!(ServerFrame::from_json(r#"{"type":"reaction","emoji":"x"}"#).unwrap(), ServerFrame::Unknown);
    assert!(ServerFrame::from_json(r#"{"emoji":"x"}"#).is_err());
    assert!(ServerFrame::from_json(r#"{"type":"typing"}"#).is_err());
}

/// One of every kind.
fn server_frames() -> Vec<ServerFrame> {
    let (user, conversation) = (UserId(uuid::Uuid::from_u128(1)), ConversationId(uuid::Uuid::from_u128(2)));
    let (id, offset, sent_at) = (MessageId(uuid::Uuid::from_u128(3)), Offset(4), Timestamp::from_millis(5));
    let person = User { id: user, username: "ada".parse().unwrap() };
    let mut message =
        Message::new(conversation, offset, id, person.clone(), sent_at, "hello".parse().unwrap());
    message.previous = Some(Offset(3));
    message.revision = Some(Offset(9));
    message.edited_at = Some(Timestamp::from_millis(8));
    message.deleted = true;
    let excerpt = Some("hello".into());
    message.reply_to = Some(Quote { offset: Offset(3), sender: Some(person.clone()), excerpt });
    message.reactions = vec![Reaction { emoji: "👍".parse().unwrap(), users: vec![user] }];
    let limits = Limits {
        body_chars: 1,
        body_bytes: 2,
        frame_bytes: 3,
        group_members: Some(5),
        messages_per_second: Some(4),
        messages_burst: None,
    };
    let told = Conversation {
        last_message: Some(message.clone()),
        unread: 7,
        read: [(user, offset)].into(),
        record: Some(Offset(9)),
        sees_from: Some(Offset(1)),
        group: true,
        name: "Climbing".parse().ok(),
        roles: [(user, Role::Owner)].into(),
        ..Conversation::new(conversation, vec![person.clone()], sent_at)
    };
    vec![
        ServerFrame::Ready { user: person.clone(), session: SessionId(uuid::Uuid::from_u128(6)), limits },
        ServerFrame::Ack { id, conversation, offset, sent_at },
        ServerFrame::Message { message: message.clone(), record: None, previous_record: None },
        ServerFrame::Message {
            message: message.clone(),
            record: Some(offset),
            previous_record: Some(Offset(2)),
        },
        ServerFrame::Changed { message, record: Some(Offset(9)), previous_record: Some(offset) },
        ServerFrame::Record { conversation, record: Offset(10), previous_record: None },
        ServerFrame::CaughtUp { conversation, record: Offset(10) },
        ServerFrame::Behind { conversation, after: None, latest: offset, changed_after: None },
        ServerFrame::Behind { conversation, after: None, latest: offset, changed_after: Some(Offset(1)) },
        ServerFrame::Conversation { conversation: told },
        ServerFrame::Group {
            conversation,
            members: vec![person.clone()],
            roles: [(user, Role::Admin)].into(),
            name: None,
            revision: Offset(11),
            notice: None,
            record: Some(Offset(11)),
            previous_record: Some(Offset(10)),
        },
        ServerFrame::Left { conversation },
        ServerFrame::Read { conversation, user, offset },
        ServerFrame::Delivered { conversation, user, offset },
        ServerFrame::Typing { conversation, user },
        ServerFrame::Presence(Presence { user, online: true, last_seen_at: None }),
        ServerFrame::Presences {
            people: vec![Presence { user, online: false, last_seen_at: Some(sent_at) }],
        },
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
    let nothing = BTreeMap::new;
    assert_eq!(hello, ClientFrame::Hello { positions: nothing(), records: BTreeMap::new(), signals: false });
}

#[test]
fn a_hello_names_its_positions_by_conversation() {
    let id = ConversationId(uuid::Uuid::from_u128(7));
    let (positions, records) = ([(id, Offset(41))].into(), BTreeMap::new());
    let hello = ClientFrame::Hello { positions, records, signals: false };
    let json = serde_json::to_string(&hello).unwrap();
    assert_eq!(json, format!(r#"{{"type":"hello","positions":{{"{id}":41}}}}"#));
    assert_eq!(serde_json::from_str::<ClientFrame>(&json).unwrap(), hello);
}
