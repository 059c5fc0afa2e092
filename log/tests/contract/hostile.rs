//! Names and payloads that somebody made up to break things.

use super::Harness;
use super::support::{conversation, follow, message, raw, read_all};
use kafkatalk_log::{Checkpoint, Record};
use kafkatalk_protocol::{Timestamp, UserId};
use uuid::Uuid;

/// As a stranger would read it: two records that look the same are the same.
fn letters(record: &Record) -> String {
    serde_json::to_string(record).unwrap()
}

/// Asserts that records come back to the letter, by reading and on the tail.
async fn comes_back<H: Harness>(harness: H, records: Vec<Record>) {
    let log = harness.open().await;
    for record in &records {
        log.append(conversation(1), record.clone()).await.unwrap();
    }
    let mut tail = log.tail(Checkpoint::new()).await.unwrap();
    let followed = follow(&mut *tail, &mut Checkpoint::new(), records.len()).await;
    let read = read_all(&*log, conversation(1)).await;
    assert_eq!((read.len(), followed.len()), (records.len(), records.len()));
    for ((record, read), followed) in records.iter().zip(&read).zip(&followed) {
        // Not assert_eq: some of them are very long.
        assert!(letters(record) == letters(&read.record), "read back otherwise: {record:?}");
        assert!(letters(record) == letters(&followed.record), "followed otherwise: {record:?}");
    }
}

pub async fn any_json_is_kept_to_the_letter<H: Harness>(harness: H) {
    let deep = |open: &str, close: &str, middle: &str| open.repeat(5_000) + middle + &close.repeat(5_000);
    let payloads = [
        "null".to_owned(),
        "{}".into(),
        "\"\"".into(),
        "-0.0e-999".into(),
        "123456789012345678901234567890.10".into(),
        r#"{ "b" : 1,  "a" : 2 , "b" : 3 }"#.into(),
        "[\n\t1 ,\r\n 2 ]".into(),
        r#""nul \u0000 and \u0001, \ud83d\ude42, half a pair \ud83d, \/ \u002f""#.into(),
        "\"\u{feff}\u{202e}\u{200d}\u{0301}\u{10ffff}\u{7f}\u{85}\u{2028}\"".into(),
        "\"'; DROP TABLE records; -- \"".into(),
        r#"{"kind":"record.erased","id":"00000000-0000-0000-0000-000000000000","payload":{}}"#.into(),
        format!("\"{}\"", "🙂".repeat(100_000)),
        format!("\"{}\"", r"\u0000".repeat(100_000)),
        deep("[", "]", "1"),
        deep(r#"{"a":"#, "}", "[]"),
    ];
    comes_back(harness, payloads.iter().map(|payload| raw(payload)).collect()).await;
}

pub async fn any_kind_and_key_is_kept_to_the_letter<H: Harness>(harness: H) {
    let names = [
        "",
        " ",
        "\0",
        "a\0b",
        "\n\r\t\"\\\u{7f}",
        "../../../etc/passwd",
        "%s%n$(id)`id`",
        "'; DROP TABLE records; --",
        "\u{feff}\u{202e}🙂\u{10ffff}",
        "record.erase",
        &"k".repeat(30_000),
    ];
    let records = names.iter().flat_map(|name| {
        let mut keyed = message("of any kind").keyed(*name);
        keyed.kind = (*name).into();
        let mut unkeyed = message("without a key");
        unkeyed.kind = (*name).into();
        [keyed, unkeyed]
    });
    comes_back(harness, records.collect()).await;
}

pub async fn any_id_author_and_time_is_kept<H: Harness>(harness: H) {
    let mut records = Vec::new();
    for (id, millis) in [(Uuid::nil(), 0), (Uuid::max(), i64::MAX), (Uuid::from_u128(1), 1)] {
        for author in [None, Some(UserId(id))] {
            let mut record = message("at the edges");
            record.author = author;
            record.at = Timestamp::from_millis(millis);
            records.push(record);
        }
    }
    comes_back(harness, records).await;
}
