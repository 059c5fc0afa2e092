//! Random work, compared with a model that is too simple to be wrong.

use super::Harness;
use super::support::{WAIT_MAX, conversation, next, say, text_of};
use kafkatalk_log::{Checkpoint, EventLog, Stream, Tail};
use kafkatalk_protocol::Offset;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::runtime::Handle;

/// Streams of one case.
const STREAMS: u8 = 4;

/// One step of random work.
#[derive(Clone, Debug)]
enum Step {
    /// Appends to a stream, this many at once.
    Append { stream: u8, count: u8 },
    /// Reads a part of a stream.
    Read { stream: u8, from: u64, limit: usize },
    /// Follows the tail to the end.
    Follow,
    /// Goes back to the checkpoint that the reader had so many batches ago.
    Return { batches: usize },
    /// Closes the log and opens it again.
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let stream = 0..STREAMS;
    let step = prop_oneof![
        8 => (stream.clone(), 1_u8..20).prop_map(|(stream, count)| Step::Append { stream, count }),
        4 => (stream, 0_u64..50, 1_usize..20).prop_map(|(stream, from, limit)| Step::Read { stream, from, limit }),
        4 => Just(Step::Follow),
        2 => (0_usize..6).prop_map(|batches| Step::Return { batches }),
        1 => Just(Step::Reopen),
    ];
    prop::collection::vec(step, 1..30)
}

/// The model, and what is compared with it.
struct Model<'a, H> {
    harness: &'a H,
    /// Each stream's texts, in order.
    streams: HashMap<Stream, Vec<String>>,
    log: Arc<dyn EventLog>,
    tail: Box<dyn Tail>,
    /// After each batch: the checkpoint, and how many records of each stream the reader held.
    history: Vec<(Checkpoint, HashMap<Stream, u64>)>,
    appended: u64,
}

impl<'a, H: Harness> Model<'a, H> {
    async fn new(harness: &'a H) -> Self {
        let log = harness.open().await;
        let (mut checkpoint, mut held) = (Checkpoint::new(), HashMap::new());
        let mut tail = log.tail(Checkpoint::new()).await.unwrap();
        // What earlier cases left is passed over.
        loop {
            let batch = next(&mut *tail).await;
            checkpoint.extend(batch.progress);
            for entry in batch.entries {
                held.insert(entry.stream, entry.offset.0 + 1);
            }
            if batch.caught_up {
                break;
            }
        }
        let history = vec![(checkpoint, held)];
        Self { harness, streams: HashMap::new(), log, tail, history, appended: 0 }
    }

    /// A case's streams are its own, so that all cases can share one log.
    async fn run(&mut self, case: u32, steps: Vec<Step>) {
        let stream = |number: u8| conversation(u128::from(case) * 1_000 + u128::from(number));
        for step in steps {
            match step {
                Step::Append { stream: number, count } => self.append(stream(number), count).await,
                Step::Read { stream: number, from, limit } => self.read(stream(number), from, limit).await,
                Step::Follow => self.follow().await,
                Step::Return { batches } => {
                    let keep = self.history.len().saturating_sub(batches).max(1);
                    self.history.truncate(keep);
                    self.open_tail().await;
                }
                Step::Reopen => {
                    self.log.close().await;
                    self.log = self.harness.open().await;
                    self.open_tail().await;
                }
            }
        }
        self.follow().await;
        self.log.close().await;
    }

    async fn open_tail(&mut self) {
        let (checkpoint, _) = &self.history[self.history.len() - 1];
        self.tail = self.log.tail(checkpoint.clone()).await.unwrap();
    }

    async fn append(&mut self, stream: Stream, count: u8) {
        let appends: Vec<_> = (0..count)
            .map(|_| {
                self.appended += 1;
                let (log, text) = (Arc::clone(&self.log), self.appended.to_string());
                tokio::spawn(async move { (say(&*log, stream, &text).await, text) })
            })
            .collect();
        let mut written = Vec::new();
        for append in appends {
            written.push(append.await.unwrap());
        }
        written.sort();
        let texts = self.streams.entry(stream).or_default();
        for (offset, text) in written {
            assert_eq!(offset.0, texts.len() as u64, "offsets are dense");
            texts.push(text);
        }
    }

    async fn read(&self, stream: Stream, from: u64, limit: usize) {
        let page = self.log.read(stream, Offset(from), limit).await.unwrap();
        let texts = self.streams.get(&stream).map(Vec::as_slice).unwrap_or_default();
        let end = texts.len() as u64;
        assert_eq!(page.end.0, end);
        let expected = texts.iter().zip(0_u64..).skip(usize::try_from(from).unwrap()).take(limit);
        let expected: Vec<_> = expected.map(|(text, offset)| (offset, text.clone())).collect();
        let read: Vec<_> =
            page.entries.iter().map(|entry| (entry.offset.0, text_of(&entry.record))).collect();
        assert_eq!(read[..], expected[..read.len()]);
        assert_eq!(page.next.0, if from >= end { end } else { from + read.len() as u64 });
        assert!(from >= end || !read.is_empty(), "no progress");
    }

    /// Follows until the reader holds all that was appended in this case.
    async fn follow(&mut self) {
        let whole = |streams: &HashMap<Stream, Vec<String>>, held: &HashMap<Stream, u64>| {
            streams.iter().all(|(stream, texts)| held.get(stream).copied().unwrap_or(0) == texts.len() as u64)
        };
        loop {
            let (mut checkpoint, mut held) = self.history[self.history.len() - 1].clone();
            if whole(&self.streams, &held) {
                return;
            }
            let batch = tokio::time::timeout(WAIT_MAX, self.tail.next()).await.unwrap().unwrap().unwrap();
            checkpoint.extend(batch.progress);
            for entry in batch.entries {
                let due = held.entry(entry.stream).or_insert(0);
                assert_eq!(entry.offset.0, *due, "a gap or a repeat in {}", entry.stream);
                let texts = self.streams.get(&entry.stream).expect("a record of this case");
                assert_eq!(Some(&text_of(&entry.record)), texts.get(usize::try_from(*due).unwrap()));
                *due += 1;
            }
            self.history.push((checkpoint, held));
        }
    }
}

pub async fn random_work_agrees_with_a_model<H: Harness>(harness: H) {
    let handle = Handle::current();
    let config = Config {
        cases: H::SIZES.cases,
        failure_persistence: None,
        max_shrink_iters: 200,
        ..Config::default()
    };
    let run = move || {
        let cases = Cell::new(0);
        TestRunner::new(config).run(&steps(), |steps| {
            cases.set(cases.get() + 1);
            handle.block_on(async { Model::new(&harness).await.run(cases.get(), steps).await });
            Ok(())
        })
    };
    tokio::task::spawn_blocking(run).await.unwrap().unwrap();
}
