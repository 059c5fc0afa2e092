//! Many at once.

use super::Harness;
use super::support::{assert_dense, conversation, follow, message, next, read_all, say, text_of, texts};
use kafkatalk_log::{AppendError, Checkpoint, Entry, EventLog, Stream};
use kafkatalk_protocol::Offset;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// Writers of these tests.
const WRITERS: usize = 16;
/// Streams that they write to.
const STREAMS: usize = 5;

/// Writers that together append so many records; each says what it appended where.
fn spawn_writers(log: &Arc<dyn EventLog>, records: usize) -> Vec<JoinHandle<Vec<(Stream, Offset, String)>>> {
    (0..WRITERS)
        .map(|writer| {
            let log = Arc::clone(log);
            tokio::spawn(async move {
                let mut written = Vec::new();
                for number in 0..records / WRITERS {
                    let stream = conversation(((writer + number) % STREAMS) as u128);
                    let text = format!("{writer}-{number}");
                    written.push((stream, say(&*log, stream, &text).await, text));
                }
                written
            })
        })
        .collect()
}

fn by_place(entries: &[Entry]) -> HashMap<(Stream, Offset), String> {
    entries.iter().map(|entry| ((entry.stream, entry.offset), text_of(&entry.record))).collect()
}

pub async fn many_writers_and_several_tails_agree_on_one_order<H: Harness>(harness: H) {
    let log = harness.open().await;
    let records = H::SIZES.records / WRITERS * WRITERS;
    let spawn_tail = |log: Arc<dyn EventLog>| {
        tokio::spawn(async move {
            let mut tail = log.tail(Checkpoint::new()).await.unwrap();
            follow(&mut *tail, &mut Checkpoint::new(), records).await
        })
    };
    let mut tails = vec![spawn_tail(Arc::clone(&log)), spawn_tail(Arc::clone(&log))];
    let mut written = HashMap::new();
    for (number, writer) in spawn_writers(&log, records).into_iter().enumerate() {
        for (stream, offset, text) in writer.await.unwrap() {
            assert_eq!(written.insert((stream, offset), text), None, "one offset for two records");
        }
        if number < 2 {
            // Opened in the middle of it all.
            tails.push(spawn_tail(Arc::clone(&log)));
        }
    }
    for tail in tails {
        let entries = tail.await.unwrap();
        assert_dense(&entries, 0);
        assert_eq!(entries.len(), records);
        assert_eq!(by_place(&entries), written);
    }
}

pub async fn a_reader_that_is_broken_off_and_begins_again_misses_and_repeats_nothing<H: Harness>(harness: H) {
    let log = harness.open().await;
    let records = H::SIZES.records / WRITERS * WRITERS;
    let writers = spawn_writers(&log, records);
    let (mut checkpoint, mut entries, mut rounds) = (Checkpoint::new(), Vec::new(), 0);
    while entries.len() < records {
        let mut tail = log.tail(checkpoint.clone()).await.unwrap();
        for _ in 0..rounds % 4 {
            let batch = next(&mut *tail).await;
            checkpoint.extend(batch.progress);
            entries.extend(batch.entries);
            if entries.len() >= records {
                break;
            }
        }
        rounds += 1;
    }
    for writer in writers {
        writer.await.unwrap();
    }
    assert_dense(&entries, 0);
    assert_eq!(entries.len(), records);
}

pub async fn a_wait_for_the_tail_that_is_cancelled_loses_nothing<H: Harness>(harness: H) {
    let log = harness.open().await;
    let records = H::SIZES.records / WRITERS * WRITERS;
    let writers = spawn_writers(&log, records);
    let mut tail = log.tail(Checkpoint::new()).await.unwrap();
    let (mut entries, mut patience) = (Vec::new(), 0);
    while entries.len() < records {
        patience = (patience + 1) % 7;
        let wait = Duration::from_micros(50 * patience * patience * patience);
        if let Ok(batch) = tokio::time::timeout(wait, tail.next()).await {
            entries.extend(batch.unwrap().unwrap().entries);
        }
    }
    for writer in writers {
        writer.await.unwrap();
    }
    assert_dense(&entries, 0);
    assert_eq!(entries.len(), records);
}

pub async fn a_tail_that_is_not_read_holds_up_nobody_and_misses_nothing<H: Harness>(harness: H) {
    let log = harness.open().await;
    let records = H::SIZES.records / WRITERS * WRITERS;
    let mut idle = log.tail(Checkpoint::new()).await.unwrap();
    let mut live = log.tail(Checkpoint::new()).await.unwrap();
    for writer in spawn_writers(&log, records) {
        writer.await.unwrap();
    }
    let live = follow(&mut *live, &mut Checkpoint::new(), records).await;
    let idle = follow(&mut *idle, &mut Checkpoint::new(), records).await;
    assert_dense(&idle, 0);
    assert_eq!(by_place(&idle), by_place(&live));
}

pub async fn a_flood_of_appends_is_taken_or_refused_and_never_half<H: Harness>(harness: H) {
    let log = harness.open().await;
    let floods: Vec<_> = (0..H::SIZES.flood)
        .map(|number| {
            let log = Arc::clone(&log);
            tokio::spawn(async move {
                let text = number.to_string();
                let outcome = log.append(conversation((number % STREAMS) as u128), message(&text)).await;
                (text, outcome)
            })
        })
        .collect();
    let (mut taken, mut unknown) = (HashSet::new(), HashSet::new());
    for append in floods {
        match append.await.unwrap() {
            (text, Ok(_)) => assert!(taken.insert(text)),
            (_, Err(AppendError::Unavailable(_))) => {}
            (text, Err(AppendError::Unknown(_))) => assert!(unknown.insert(text)),
            (_, Err(error)) => panic!("{error}"),
        }
    }
    let mut kept = Vec::new();
    for stream in 0..STREAMS {
        kept.extend(texts(&read_all(&*log, conversation(stream as u128)).await));
    }
    let distinct: HashSet<_> = kept.iter().cloned().collect();
    assert_eq!(distinct.len(), kept.len(), "one append was written twice");
    assert!(taken.is_subset(&distinct), "an acknowledged append is not there");
    let refused = distinct.iter().find(|text| !taken.contains(*text) && !unknown.contains(*text));
    assert_eq!(refused, None, "a refused append was written");
    say(&*log, conversation(0), "after the flood").await;
}

pub async fn ten_thousand_streams_are_followed_as_one<H: Harness>(harness: H) {
    let log = harness.open().await;
    let streams = H::SIZES.streams;
    let mut tail = log.tail(Checkpoint::new()).await.unwrap();
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let log = Arc::clone(&log);
            tokio::spawn(async move {
                for number in (writer..streams).step_by(WRITERS) {
                    log.prepare(conversation(number as u128)).await.unwrap();
                    assert_eq!(
                        say(&*log, conversation(number as u128), &number.to_string()).await,
                        Offset(0)
                    );
                }
            })
        })
        .collect();
    let mut followed: Vec<usize> = follow(&mut *tail, &mut Checkpoint::new(), streams)
        .await
        .iter()
        .map(|entry| text_of(&entry.record).parse().unwrap())
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    followed.sort_unstable();
    assert_eq!(followed, (0..streams).collect::<Vec<_>>());
    for number in (0..streams).step_by(streams / 10) {
        let entries = read_all(&*log, conversation(number as u128)).await;
        assert_eq!(texts(&entries), [number.to_string()]);
    }
}
