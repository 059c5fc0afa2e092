//! Appending and reading back.

use super::Harness;
use super::support::{assert_dense, conversation, message, next, raw, read_all, say, texts};
use kafkatalk_log::limits::RECORD_BYTES_MAX;
use kafkatalk_log::{AppendError, Checkpoint, Health, Ledger, Record, Stream};
use kafkatalk_protocol::{ConversationId, Offset};
use std::sync::Arc;
use std::task::{Context, Waker};
use uuid::Uuid;

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

pub async fn every_ledger_is_a_stream_of_its_own<H: Harness>(harness: H) {
    let log = harness.open().await;
    for ledger in Ledger::ALL {
        let record = message(ledger.as_str()).keyed("key");
        assert_eq!(log.append(Stream::Ledger(ledger), record).await.unwrap(), Offset(0));
    }
    for ledger in Ledger::ALL {
        let entries = read_all(&*log, Stream::Ledger(ledger)).await;
        assert_eq!(texts(&entries), [ledger.as_str()]);
        assert_eq!(entries[0].record.key.as_deref(), Some("key"));
    }
}

pub async fn any_id_names_a_conversation<H: Harness>(harness: H) {
    let log = harness.open().await;
    let ids = [Uuid::nil(), Uuid::max(), Uuid::from_bytes(*b"users/receipts/x"), Uuid::from_u128(1)];
    for id in ids {
        say(&*log, Stream::Conversation(ConversationId(id)), &id.to_string()).await;
    }
    for id in ids {
        let entries = read_all(&*log, Stream::Conversation(ConversationId(id))).await;
        assert_eq!(texts(&entries), [id.to_string()]);
    }
}

pub async fn preparing_a_stream_twice_changes_nothing_in_it<H: Harness>(harness: H) {
    let log = harness.open().await;
    log.prepare(conversation(1)).await.unwrap();
    assert!(read_all(&*log, conversation(1)).await.is_empty());
    assert_eq!(say(&*log, conversation(1), "first").await, Offset(0));
    log.prepare(conversation(1)).await.unwrap();
    assert_eq!(texts(&read_all(&*log, conversation(1)).await), ["first"]);
}

pub async fn a_record_past_the_limit_is_refused_and_not_written<H: Harness>(harness: H) {
    let log = harness.open().await;
    let of_bytes = |bytes: usize| {
        let envelope = message("").bytes();
        message(&"x".repeat(bytes - envelope))
    };
    let refused = log.append(conversation(1), of_bytes(RECORD_BYTES_MAX + 1)).await;
    assert!(
        matches!(refused, Err(AppendError::TooLarge { bytes, max }) if bytes == max + 1 && max == RECORD_BYTES_MAX),
        "{refused:?}"
    );
    assert_eq!(log.append(conversation(1), of_bytes(RECORD_BYTES_MAX)).await.unwrap(), Offset(0));
    assert_eq!(read_all(&*log, conversation(1)).await[0].record.bytes(), RECORD_BYTES_MAX);
}

pub async fn what_was_appended_is_there_after_opening_again<H: Harness>(harness: H) {
    let log = harness.open().await;
    for text in ["a", "b"] {
        say(&*log, conversation(1), text).await;
    }
    log.close().await;
    let log = harness.open().await;
    assert_eq!(say(&*log, conversation(1), "c").await, Offset(2));
    assert_eq!(texts(&read_all(&*log, conversation(1)).await), ["a", "b", "c"]);
}

pub async fn an_append_that_nobody_waits_for_is_written_once_or_not_at_all<H: Harness>(harness: H) {
    let log = harness.open().await;
    for number in 0..50 {
        let mut append = log.append(conversation(1), message(&format!("dropped {number}")));
        let _ = append.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        drop(append);
    }
    let last = say(&*log, conversation(1), "kept").await;
    let entries = read_all(&*log, conversation(1)).await;
    assert_dense(&entries, 0);
    let texts = texts(&entries);
    assert_eq!(texts.get(usize::try_from(last.0).unwrap()).map(String::as_str), Some("kept"));
    let distinct: std::collections::HashSet<_> = texts.iter().collect();
    assert_eq!(distinct.len(), texts.len());
}

pub async fn an_append_in_a_race_with_close_says_truly_what_became_of_it<H: Harness>(harness: H) {
    let log = harness.open().await;
    say(&*log, conversation(1), "first").await;
    let appends: Vec<_> = (0..200)
        .map(|number| {
            let (log, record): (_, Record) = (Arc::clone(&log), message(&number.to_string()));
            tokio::spawn(async move { (record.id, log.append(conversation(1), record).await) })
        })
        .collect();
    log.close().await;
    let mut outcomes = Vec::new();
    for append in appends {
        outcomes.push(append.await.unwrap());
    }
    let log = harness.open().await;
    let entries = read_all(&*log, conversation(1)).await;
    assert_dense(&entries, 0);
    for (id, outcome) in outcomes {
        let places: Vec<_> =
            entries.iter().filter(|entry| entry.record.id == id).map(|entry| entry.offset).collect();
        match outcome {
            Ok(offset) => assert_eq!(places, [offset]),
            Err(error) if error.may_be_written() => assert!(places.len() <= 1, "{places:?}"),
            Err(error) => assert!(places.is_empty(), "{error}, but it is at {places:?}"),
        }
    }
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
