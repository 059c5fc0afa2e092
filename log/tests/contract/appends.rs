//! Appending and reading back.

use super::Harness;
use super::support::{conversation, message, next, raw, read_all, say, texts};
use kafkatalk_log::{AppendError, Checkpoint, Health};
use kafkatalk_protocol::Offset;

pub async fn a_stream_counts_its_offsets_from_zero<H: Harness>(harness: H) {
    let log = harness.open().await;
    for expected in 0..5 {
        assert_eq!(say(&*log, conversation(1), "one").await, Offset(expected));
    }
    assert_eq!(say(&*log, conversation(2), "another").await, Offset(0));
}

pub async fn what_was_appended_is_read_back_to_the_letter<H: Harness>(harness: H) {
    let log = harness.open().await;
    let record = raw(r#"{ "body" : "a\u0000b", "later": [1, 2.50, null] }"#);
    log.append(conversation(1), record.clone()).await.unwrap();
    let page = log.read(conversation(1), Offset(0), 10).await.unwrap();
    assert_eq!((page.next, page.end), (Offset(1), Offset(1)));
    let [entry] = &page.entries[..] else { panic!("one entry, not {}", page.entries.len()) };
    assert_eq!((entry.stream, entry.offset), (conversation(1), Offset(0)));
    assert_eq!(serde_json::to_string(&*entry.record).unwrap(), serde_json::to_string(&record).unwrap());
}

pub async fn a_stream_that_was_never_written_to_reads_as_empty<H: Harness>(harness: H) {
    let log = harness.open().await;
    let page = log.read(conversation(99), Offset(0), 10).await.unwrap();
    assert_eq!((page.entries.len(), page.next, page.end), (0, Offset(0), Offset(0)));
}

pub async fn records_of_the_same_message_are_both_kept<H: Harness>(harness: H) {
    let log = harness.open().await;
    let payload = r#"{"id":"00000000-0000-4000-8000-000000000001","body":"twice"}"#;
    assert_eq!(log.append(conversation(1), raw(payload)).await.unwrap(), Offset(0));
    assert_eq!(log.append(conversation(1), raw(payload)).await.unwrap(), Offset(1));
    assert_eq!(texts(&read_all(&*log, conversation(1)).await), ["twice", "twice"]);
}

pub async fn a_closed_log_refuses_appends_and_ends_its_tails<H: Harness>(harness: H) {
    let log = harness.open().await;
    say(&*log, conversation(1), "before").await;
    let mut tail = log.tail(Checkpoint::new()).await.unwrap();
    next(&mut *tail).await;
    log.close().await;
    let refused = log.append(conversation(1), message("after")).await;
    assert!(matches!(refused, Err(AppendError::Unavailable(_))), "{refused:?}");
    while tail.next().await.unwrap().is_some() {}
    assert!(matches!(*log.health().borrow(), Health::Unavailable(_)));
}
