//! Forgetting on request.

use super::Harness;
use super::support::{at, conversation, follow, message, next, raw, read_all, say, texts};
use kafkatalk_log::{Checkpoint, Entry, EventLog, Ledger, Record, RecordId, Stream};
use kafkatalk_protocol::Offset;
use std::path::Path;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Between two looks at what a log still knows.
const LOOK_EVERY: Duration = Duration::from_millis(50);

async fn append(log: &dyn EventLog, stream: Stream, text: &str) -> (RecordId, Offset) {
    let record = message(text);
    (record.id, log.append(stream, record).await.unwrap())
}

/// Reads a stream until the record at an offset has become a hole.
async fn until_hole<H: Harness>(log: &dyn EventLog, stream: Stream, offset: Offset) -> Vec<Entry> {
    let begun = Instant::now();
    loop {
        let entries = read_all(log, stream).await;
        if entries.iter().all(|entry| entry.offset != offset) {
            return entries;
        }
        assert!(begun.elapsed() < H::FORGETS_WITHIN, "the record is still there");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// The files below a folder that hold these bytes.
pub fn files_with(dir: &Path, needle: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files_with(&path, needle));
        } else if std::fs::read(&path)
            .is_ok_and(|bytes| bytes.windows(needle.len()).any(|part| part == needle))
        {
            found.push(path.display().to_string());
        }
    }
    found
}

pub async fn an_erased_record_becomes_a_hole_and_a_record_says_so<H: Harness>(harness: H) {
    let log = harness.open().await;
    say(&*log, conversation(1), "a").await;
    let (id, offset) = append(&*log, conversation(1), "secret").await;
    say(&*log, conversation(1), "c").await;
    assert_eq!(log.erase(conversation(1), id, at()).await.unwrap(), Offset(3));
    let entries = until_hole::<H>(&*log, conversation(1), offset).await;
    let offsets: Vec<_> = entries.iter().map(|entry| entry.offset.0).collect();
    assert_eq!(offsets, [0, 2, 3]);
    assert_eq!(texts(&entries[..2]), ["a", "c"]);
    let erasing: &Record = &entries[2].record;
    assert_eq!(&*erasing.kind, Record::ERASED);
    assert_eq!(erasing.key.as_deref(), Some(&*id.to_string()));
    assert_eq!((erasing.at, erasing.author), (at(), None));
    assert_eq!(erasing.payload.get(), format!(r#"{{"erased":"{id}"}}"#));
}

pub async fn several_records_of_a_stream_are_erased_together<H: Harness>(harness: H) {
    let log = harness.open().await;
    let mut said = Vec::new();
    for text in ["first", "second", "kept", "third"] {
        said.push(append(&*log, conversation(1), text).await);
    }
    let [first, second, third] = [0, 1, 3].map(|at| said[at]);
    let ids = [second.0, first.0, third.0];
    let offsets = log.erase_all(conversation(1), &ids, at()).await.unwrap();
    assert_eq!(offsets, [Offset(4), Offset(5), Offset(6)], "in the order asked for");
    for (_, offset) in [first, second, third] {
        until_hole::<H>(&*log, conversation(1), offset).await;
    }
    let entries = read_all(&*log, conversation(1)).await;
    assert_eq!(texts(&entries[..1]), ["kept"]);
    let erased: Vec<_> = entries[1..].iter().map(|entry| entry.record.key.clone().unwrap()).collect();
    assert_eq!(erased.iter().map(|key| &**key).collect::<Vec<_>>(), ids.map(|id| id.to_string()));
    assert_eq!(log.erase_all(conversation(1), &[], at()).await.unwrap(), []);
}

pub async fn a_page_that_begins_at_a_hole_goes_on_behind_it<H: Harness>(harness: H) {
    let log = harness.open().await;
    let mut last = Offset(0);
    for number in 0..3 {
        let (id, offset) = append(&*log, conversation(1), &number.to_string()).await;
        log.erase(conversation(1), id, at()).await.unwrap();
        last = offset;
    }
    say(&*log, conversation(1), "kept").await;
    until_hole::<H>(&*log, conversation(1), last).await;
    let (mut from, mut kinds) = (Offset(0), Vec::new());
    loop {
        let page = log.read(conversation(1), from, 1).await.unwrap();
        kinds.extend(page.entries.iter().map(|entry| entry.record.kind.to_string()));
        if page.next == page.end {
            break;
        }
        assert!(page.next > from);
        from = page.next;
    }
    assert_eq!(kinds, [Record::ERASED, Record::ERASED, Record::ERASED, "message.posted"]);
}

pub async fn a_tail_steps_over_what_was_erased<H: Harness>(harness: H) {
    let log = harness.open().await;
    let (id, offset) = append(&*log, conversation(1), "secret").await;
    log.erase(conversation(1), id, at()).await.unwrap();
    // The next offset, or a later one: to forget, an adapter may have to leave a hole.
    let after = say(&*log, conversation(1), "after").await;
    until_hole::<H>(&*log, conversation(1), offset).await;
    let begun = Instant::now();
    loop {
        let mut tail = log.tail(Checkpoint::new()).await.unwrap();
        let mut offsets = Vec::new();
        while !offsets.contains(&after) {
            offsets.extend(next(&mut *tail).await.entries.iter().map(|entry| entry.offset));
        }
        if offsets == [Offset(1), after] {
            return;
        }
        assert!(begun.elapsed() < H::FORGETS_WITHIN, "the tail still hands it out: {offsets:?}");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

pub async fn a_live_tail_hears_of_an_erasure<H: Harness>(harness: H) {
    let log = harness.open().await;
    let mut tail = log.tail(Checkpoint::new()).await.unwrap();
    let (id, _) = append(&*log, conversation(1), "secret").await;
    follow(&mut *tail, &mut Checkpoint::new(), 1).await;
    log.erase(conversation(1), id, at()).await.unwrap();
    let entries = follow(&mut *tail, &mut Checkpoint::new(), 1).await;
    assert_eq!((&*entries[0].record.kind, entries[0].offset), (Record::ERASED, Offset(1)));
}

pub async fn what_was_erased_stays_erased_after_opening_again<H: Harness>(harness: H) {
    let log = harness.open().await;
    let (id, offset) = append(&*log, conversation(1), "secret").await;
    log.erase(conversation(1), id, at()).await.unwrap();
    until_hole::<H>(&*log, conversation(1), offset).await;
    log.close().await;
    let log = harness.open().await;
    let offsets: Vec<_> = read_all(&*log, conversation(1)).await.iter().map(|entry| entry.offset.0).collect();
    assert_eq!(offsets, [1]);
}

pub async fn erasing_what_is_not_there_changes_nothing_else<H: Harness>(harness: H) {
    let log = harness.open().await;
    let (id, _) = append(&*log, conversation(1), "kept").await;
    log.erase(conversation(1), Uuid::now_v7(), at()).await.unwrap();
    // The id is of a record in another stream.
    log.erase(conversation(2), id, at()).await.unwrap();
    log.erase(Stream::Ledger(Ledger::Users), id, at()).await.unwrap();
    assert_eq!(texts(&read_all(&*log, conversation(1)).await[..1]), ["kept"]);
    assert_eq!(say(&*log, conversation(1), "next").await, Offset(2));
}

/// A payload that says a word in all its length, whole pages of the files full of it.
fn repeating(word: &str, times: usize) -> Record {
    raw(&format!(r#"{{"body":"{}"}}"#, format!("{word} ").repeat(times)))
}

pub async fn erased_content_is_gone_from_the_files<H: Harness>(harness: H) {
    let log = harness.open().await;
    let mut secrets = Vec::new();
    for number in 0..H::SIZES.erasures {
        // Short ones, and such as need more than a page.
        let (secret, kept) = (repeating("zanzibar", 1 + number * 97), repeating("marigold", 3));
        secrets.push(secret.id);
        log.append(conversation(number as u128 % 3), secret).await.unwrap();
        log.append(conversation(number as u128 % 3), kept).await.unwrap();
    }
    let dirs = harness.files();
    let found = |word: &str| dirs.iter().flat_map(|dir| files_with(dir, word.as_bytes())).collect::<Vec<_>>();
    assert!(dirs.is_empty() || !found("zanzibar").is_empty(), "the test looks at the wrong files");
    // While it is read, not only when all is quiet.
    let mut tail = log.tail(Checkpoint::new()).await.unwrap();
    follow(&mut *tail, &mut Checkpoint::new(), secrets.len()).await;
    for (number, secret) in secrets.into_iter().enumerate() {
        log.erase(conversation(number as u128 % 3), secret, at()).await.unwrap();
    }
    let begun = Instant::now();
    while !found("zanzibar").is_empty() {
        assert!(begun.elapsed() < H::FORGETS_WITHIN, "still in {:?}", found("zanzibar"));
        // Some adapters forget as new records come in.
        say(&*log, conversation(9), "and life goes on").await;
        tokio::time::sleep(LOOK_EVERY).await;
    }
    assert!(dirs.is_empty() || !found("marigold").is_empty(), "it forgot what it should keep");
}
