//! Golden files of the envelope, as in `protocol/tests/golden`: `golden/v1/record.json` holds records as the first version
//! wrote them to the log, and what is read from it stays the same for ever. The payloads have golden files of their own.
//!
//! A later version that adds a field to the envelope keeps that file, and adds `golden/v2/record.json`.

use kafkatalk_log::Record;
use kafkatalk_protocol::{
    ConversationId, MessageId, Offset, Timestamp, UserId,
    event::{MessagePosted, ReceiptRead, SessionEnded},
};
use serde_json::Value;
use std::{fs, path::Path};
use uuid::Uuid;

/// One of each shape: with and without an author, keyed by its id and by another key, and what erases.
fn records() -> Vec<Record> {
    let (id, author) = (Uuid::from_u128(0x0199_4000_8000), UserId(Uuid::from_u128(0xa1)));
    let at: Timestamp = "2026-01-31T09:15:00.123Z".parse().unwrap();
    let conversation = ConversationId(Uuid::from_u128(0xc1));
    let said = MessagePosted {
        id: MessageId(Uuid::from_u128(0xd1)),
        body: "crème \"brûlée\"".parse().unwrap(),
        reply_to: None,
    };
    let read = ReceiptRead { conversation, user: author, offset: Offset(3) };
    let ended = SessionEnded { session: Uuid::from_u128(0x51).into() };
    vec![
        Record::of(id, Some(author), at, &said),
        Record::of(id, Some(author), at, &read).keyed(format!("{conversation}/{author}")),
        Record::of(id, None, at, &ended),
        Record::erasing(id, Uuid::from_u128(0xe1), None, at),
        Record::erasing(id, Uuid::from_u128(0xe1), Some("a key of its own".into()), at),
    ]
}

/// The golden files, oldest first.
fn golden() -> Vec<Vec<Value>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut versions: Vec<(u32, Vec<Value>)> = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let number =
            name.strip_prefix('v').and_then(|number| number.parse().ok()).expect("a version's folder");
        let text = fs::read_to_string(path.join("record.json")).unwrap();
        versions.push((number, serde_json::from_str(&text).unwrap()));
    }
    versions.sort_by_key(|(number, _)| *number);
    versions.into_iter().map(|(_, records)| records).collect()
}

#[test]
fn what_is_written_now_is_the_newest_golden_file() {
    let written: Vec<Value> = records().iter().map(|record| serde_json::to_value(record).unwrap()).collect();
    let newest = golden().pop().expect("a golden file");
    assert!(newest == written, "{}", serde_json::to_string_pretty(&written).unwrap());
}

#[test]
fn an_envelope_of_any_version_is_read_and_keeps_what_it_held() {
    for text in golden().into_iter().flatten() {
        let read: Record = serde_json::from_str(&text.to_string()).unwrap();
        let again = serde_json::to_value(&read).unwrap();
        for (name, held) in text.as_object().unwrap() {
            assert_eq!(again.get(name), Some(held), "{name} of {text}");
        }
    }
}
