//! Frames that somebody made up, or that were changed on their way.

use super::*;
use proptest::{prelude::*, sample::Index};
use serde_json::{Value, json};

const ID: &str = "00000000-0000-0000-0000-000000000007";

/// One of each kind that clients send.
fn client_frames() -> Vec<Value> {
    vec![
        json!({"type": "hello", "positions": {ID: 1}, "records": {ID: 2}, "signals": true}),
        json!({"type": "send", "conversation": ID, "id": ID, "body": "hi", "reply_to": 3}),
        json!({"type": "edit", "conversation": ID, "id": ID, "message": 3, "body": "hi"}),
        json!({"type": "delete", "conversation": ID, "id": ID, "message": 3}),
        json!({"type": "react", "conversation": ID, "id": ID, "message": 3, "emoji": "👍", "on": true}),
        json!({"type": "read", "conversation": ID, "offset": 3}),
        json!({"type": "typing", "conversation": ID}),
        json!({"type": "ping"}),
    ]
}

fn frames() -> Vec<Value> {
    let server = server_frames().into_iter().map(|frame| serde_json::to_value(frame).unwrap());
    client_frames().into_iter().chain(server).collect()
}

/// Any JSON, of pieces that frames have too.
fn value() -> impl Strategy<Value = Value> {
    let tags = [ClientFrame::TAGS, ServerFrame::TAGS].concat();
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        Just(Value::from(u64::MAX)),
        Just(Value::from(ID)),
        prop::sample::select(tags).prop_map(Value::from),
    ];
    let keys = prop_oneof![
        Just("type".to_owned()),
        Just("conversation".into()),
        Just("id".into()),
        Just("body".into()),
        Just("message".into()),
        Just("records".into()),
        Just(ID.into()),
        any::<String>(),
    ];
    leaf.prop_recursive(3, 24, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(keys.clone(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Both readers take the same, and what is taken is written and read again as the same.
fn check(text: &str) {
    if text.trim_start().starts_with('[') {
        assert!(ClientFrame::from_json(text).is_err() && ServerFrame::from_json(text).is_err(), "{text}");
        return;
    }
    let by_hand = ClientFrame::from_json(text);
    let derived = serde_json::from_str::<ClientFrame>(text);
    assert_eq!(by_hand.is_ok(), derived.is_ok(), "{text}: {by_hand:?}, {derived:?}");
    match by_hand {
        Ok(frame) => {
            assert_eq!(frame, derived.unwrap());
            let written = serde_json::to_string(&frame).unwrap();
            assert_eq!(ClientFrame::from_json(&written).unwrap(), frame);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    if let Ok(frame) = ServerFrame::from_json(text)
        && frame != ServerFrame::Unknown
    {
        assert_eq!(serde_json::from_str::<ServerFrame>(text).unwrap(), frame);
        let written = serde_json::to_string(&frame).unwrap();
        assert_eq!(ServerFrame::from_json(&written).unwrap(), frame);
    }
}

#[test]
fn a_list_is_no_frame() {
    for text in [r#"["ping"]"#, r#" ["hello"]"#, r#"["hello", {}]"#, "[]"] {
        check(text);
    }
}

proptest! {
    #[test]
    fn any_json_is_a_frame_to_both_readers_or_to_none(value in value()) {
        check(&value.to_string());
    }

    #[test]
    fn any_text_is_refused_with_a_reason_or_read(text in any::<String>()) {
        check(&text);
    }

    #[test]
    fn a_frame_with_one_field_changed_is_a_frame_to_both_readers_or_to_none(
        which in any::<Index>(), field in any::<Index>(), value in prop::option::of(value()),
    ) {
        let mut frame = which.get(&frames()).clone();
        let fields = frame.as_object_mut().unwrap();
        let name = fields.keys().nth(field.index(fields.len())).unwrap().clone();
        match value {
            Some(value) => drop(fields.insert(name, value)),
            None => drop(fields.remove(&name)),
        }
        check(&frame.to_string());
    }

    #[test]
    fn a_frame_cut_or_with_a_byte_changed_is_a_frame_to_both_readers_or_to_none(
        which in any::<Index>(), at in any::<Index>(), byte in any::<u8>(), cut in any::<bool>(),
    ) {
        let mut bytes = which.get(&frames()).to_string().into_bytes();
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] = byte }
        check(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn a_field_that_nobody_knows_changes_nothing(which in any::<Index>(), value in value()) {
        let mut frame = which.get(&frames()).clone();
        let known = frame.to_string();
        frame.as_object_mut().unwrap().insert("of_a_later_version".into(), value);
        let told = frame.to_string();
        prop_assert_eq!(ClientFrame::from_json(&told).ok(), ClientFrame::from_json(&known).ok());
        prop_assert_eq!(ServerFrame::from_json(&told).ok(), ServerFrame::from_json(&known).ok());
    }
}
