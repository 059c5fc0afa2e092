//! Load on a log: writers who wait for each answer, erasures, and people who read meanwhile.

use super::facts::{Fact, History, Sent};
use kafkatalk_log::embedded::EmbeddedLog;
use kafkatalk_log::{Checkpoint, EventLog, Ledger, Record, RecordId, Stream};
use kafkatalk_protocol::{ConversationId, Offset, Timestamp};
use kafkatalk_recorder::Recording;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use uuid::Uuid;

pub(crate) const WRITERS: usize = 6;
const CONVERSATIONS: u128 = 5;

/// What writers share.
pub(crate) struct Load {
    pub(crate) log: Arc<EmbeddedLog>,
    pub(crate) recording: Arc<Recording>,
    pub(crate) history: Mutex<History>,
    done: AtomicBool,
}

pub(crate) fn at() -> Timestamp {
    Timestamp::from_millis(1_769_850_900_123)
}

/// One of the streams that are written to.
pub(crate) fn any_stream(rng: &mut fastrand::Rng) -> Stream {
    match rng.u128(0..=CONVERSATIONS) {
        0 => Stream::Ledger(Ledger::Receipts),
        number => Stream::Conversation(ConversationId(Uuid::from_u128(number))),
    }
}

/// A record whose payload says its id, and is mostly short.
pub(crate) fn record(rng: &mut fastrand::Rng) -> Record {
    let id = Uuid::now_v7();
    let length = match rng.u8(0..20) {
        0 => rng.usize(10_000..40_000),
        1..=4 => rng.usize(1_000..6_000),
        _ => rng.usize(0..500),
    };
    let filler: String = std::iter::repeat_with(|| rng.alphanumeric()).take(length).collect();
    let payload = serde_json::from_str(&format!("\"power-{id} {filler}\"")).unwrap();
    Record { id, key: None, kind: "message.posted".into(), author: None, at: at(), payload }
}

impl Load {
    /// Writes so many records with each writer, and what it learned into the history.
    pub(crate) async fn run(
        log: Arc<EmbeddedLog>,
        recording: Arc<Recording>,
        history: History,
        rng: &mut fastrand::Rng,
        appends: usize,
    ) -> History {
        let load =
            Arc::new(Self { log, recording, history: Mutex::new(history), done: AtomicBool::new(false) });
        let first = load.history.lock().unwrap().sent.len();
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| tokio::spawn(Arc::clone(&load).write(writer, first, appends, rng.fork())))
            .collect();
        let readers =
            [tokio::spawn(Arc::clone(&load).read(rng.fork())), tokio::spawn(Arc::clone(&load).follow())];
        for writer in writers {
            writer.await.unwrap();
        }
        load.done.store(true, Ordering::Relaxed);
        // The tail ends with the log; this is one more record for it, so that it looks up.
        let _ = load.append(WRITERS, first, &mut rng.fork()).await;
        for reader in readers {
            reader.await.unwrap();
        }
        load.log.close().await;
        let Ok(load) = Arc::try_unwrap(load).map_err(|_| "somebody still uses the log") else {
            unreachable!()
        };
        load.history.into_inner().unwrap()
    }

    fn note(&self, fact: Fact) {
        let position = self.recording.position();
        self.history.lock().unwrap().known.push((position, fact));
    }

    async fn append(&self, writer: usize, number: usize, rng: &mut fastrand::Rng) -> (Stream, RecordId) {
        let (stream, record) = (any_stream(rng), record(rng));
        let id = record.id;
        let sent = Sent { stream, payload: record.payload.get().to_owned(), writer, number };
        self.history.lock().unwrap().sent.insert(id, sent);
        let offset = self.log.append(stream, record).await.unwrap().0;
        self.note(Fact::There { id, offset });
        (stream, id)
    }

    async fn write(self: Arc<Self>, writer: usize, first: usize, appends: usize, mut rng: fastrand::Rng) {
        let mut mine = Vec::new();
        for number in first..first + appends {
            mine.push(self.append(writer, number, &mut rng).await);
            if rng.u8(0..8) == 0 {
                let (stream, id) = mine.swap_remove(rng.usize(0..mine.len()));
                self.note(Fact::ErasureAsked { id });
                let offset = self.log.erase(stream, id, at()).await.unwrap().0;
                self.note(Fact::Erased { id, stream, offset });
            }
        }
    }

    async fn read(self: Arc<Self>, mut rng: fastrand::Rng) {
        while !self.done.load(Ordering::Relaxed) {
            self.log.read(any_stream(&mut rng), Offset(0), 50).await.unwrap();
            tokio::task::yield_now().await;
        }
    }

    async fn follow(self: Arc<Self>) {
        let mut tail = self.log.tail(Checkpoint::new()).await.unwrap();
        while !self.done.load(Ordering::Relaxed) {
            tail.next().await.unwrap().unwrap();
        }
    }
}
