//! Reading by offset.

use super::Harness;
use super::support::{conversation, message, say, texts};
use kafkatalk_log::limits::{PAGE_BYTES_MAX, RECORD_BYTES_MAX};
use kafkatalk_protocol::Offset;

pub async fn pages_lead_through_a_stream_to_its_end<H: Harness>(harness: H) {
    let log = harness.open().await;
    for number in 0..10 {
        say(&*log, conversation(1), &number.to_string()).await;
        say(&*log, conversation(2), "of another stream").await;
    }
    let (mut from, mut all, mut pages) = (Offset(0), Vec::new(), 0);
    while from != Offset(10) {
        let page = log.read(conversation(1), from, 4).await.unwrap();
        assert!(page.entries.len() <= 4);
        assert_eq!(page.end, Offset(10));
        assert!(page.next > from);
        all.extend(texts(&page.entries));
        (from, pages) = (page.next, pages + 1);
    }
    assert_eq!(all, (0..10).map(|number| number.to_string()).collect::<Vec<_>>());
    assert!(pages >= 3);
}

pub async fn a_read_begins_at_any_offset<H: Harness>(harness: H) {
    let log = harness.open().await;
    for number in 0..6 {
        say(&*log, conversation(1), &number.to_string()).await;
    }
    for from in 0..6 {
        let page = log.read(conversation(1), Offset(from), 1).await.unwrap();
        assert_eq!(texts(&page.entries), [from.to_string()]);
        assert_eq!((page.entries[0].offset, page.next), (Offset(from), Offset(from + 1)));
    }
}

pub async fn a_read_from_the_end_or_beyond_is_empty<H: Harness>(harness: H) {
    let log = harness.open().await;
    say(&*log, conversation(1), "only").await;
    for from in [1, 2, 1_000, u64::MAX] {
        let page = log.read(conversation(1), Offset(from), 10).await.unwrap();
        assert_eq!((page.entries.len(), page.next, page.end), (0, Offset(1), Offset(1)), "from {from}");
    }
}

pub async fn a_page_of_large_records_ends_early_and_leads_on<H: Harness>(harness: H) {
    let log = harness.open().await;
    let count = PAGE_BYTES_MAX as u64 / RECORD_BYTES_MAX as u64 + 3;
    for _ in 0..count {
        log.append(conversation(1), message(&"x".repeat(RECORD_BYTES_MAX - 1_000))).await.unwrap();
    }
    let (mut from, mut read) = (Offset(0), 0);
    while from != Offset(count) {
        let page = log.read(conversation(1), from, 1_000).await.unwrap();
        let bytes: usize = page.entries.iter().map(|entry| entry.record.bytes()).sum();
        assert!(bytes <= PAGE_BYTES_MAX + RECORD_BYTES_MAX, "{bytes} bytes in a page");
        assert!(page.next > from);
        (from, read) = (page.next, read + page.entries.len() as u64);
    }
    assert_eq!(read, count);
}

pub async fn a_read_sees_every_append_that_returned_before_it<H: Harness>(harness: H) {
    let log = harness.open().await;
    for number in 0..50 {
        let offset = say(&*log, conversation(1), &number.to_string()).await;
        let page = log.read(conversation(1), offset, 1).await.unwrap();
        assert_eq!(texts(&page.entries), [number.to_string()]);
    }
}
