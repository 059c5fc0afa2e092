//! What erasures cost those who write meanwhile: three nodes, the same load without and with erasures.
//!
//! `cargo run --release -p kafkatalk-log --example kafka_erase -- HOST:PORT[,..] [CONVERSATIONS RATE SECONDS PERCENT NODES]`
//!
//! Each append goes through one of the nodes in turn. Its time is from the call to the moment when that node's tail hands
//! the record out, which is what the server waits for before it acknowledges a message. Of so many records in a hundred
//! the node that wrote it has the log forget it, in the background, as the server does after a deletion.
#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use kafkatalk_log::kafka::{KafkaLog, KafkaOptions};
use kafkatalk_log::{Checkpoint, EventLog, Health, Record, RecordId, Stream, Tail};
use kafkatalk_protocol::{ConversationId, Timestamp};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::{
    sync::mpsc,
    task::{JoinHandle, JoinSet},
    time::{MissedTickBehavior, interval, sleep, timeout},
};
use uuid::Uuid;

const BODY_BYTES: usize = 200;
const WARM_UP_SECONDS: usize = 5;
/// How long after an erasure its conversation counts as one of those concerned.
const CONCERNED: Duration = Duration::from_secs(3);
/// How long a tail may be silent at the end, and how long the last erasures may take.
const DRAIN: Duration = Duration::from_mins(1);

#[derive(Clone)]
struct Load {
    bootstrap: String,
    conversations: usize,
    rate: u32,
    seconds: u32,
    percent: usize,
    nodes: usize,
}

/// When a record was asked for, and when its node's tail handed it out.
struct Written {
    stream: Stream,
    at: Instant,
    seen: Option<Instant>,
}

type Book = Arc<Mutex<HashMap<RecordId, Written>>>;

fn lock<T>(book: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    book.lock().unwrap_or_else(PoisonError::into_inner)
}

fn say(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at =
        |share: usize| times.get(times.len().saturating_sub(1) * share / 100).copied().unwrap_or_default();
    let count = times.len();
    println!(
        "  {what}: p50 {:.1?}, p90 {:.1?}, p99 {:.1?}, max {:.1?}, {count}",
        at(50),
        at(90),
        at(99),
        at(100)
    );
}

fn record() -> Record {
    let payload = format!(r#"{{"body":"{}"}}"#, "x".repeat(BODY_BYTES));
    let payload = serde_json::value::RawValue::from_string(payload).unwrap();
    let at = Timestamp::from_millis(0);
    Record { id: Uuid::now_v7(), key: None, kind: "message.posted".into(), author: None, at, payload }
}

async fn connect(load: &Load, prefix: &str) -> Arc<KafkaLog> {
    let options = KafkaOptions { topic_prefix: prefix.into(), ..KafkaOptions::new(&load.bootstrap) };
    let log = Arc::new(KafkaLog::connect(options).unwrap());
    log.health().wait_for(|health| *health == Health::Ready).await.unwrap();
    log
}

async fn follow(mut tail: Box<dyn Tail>, book: Book) {
    while let Ok(Some(batch)) = tail.next().await {
        let now = Instant::now();
        let mut book = lock(&book);
        for entry in batch.entries {
            if let Some(written) = book.get_mut(&entry.record.id) {
                written.seen.get_or_insert(now);
            }
        }
    }
}

/// As the server does: all conversations of which something is to be erased at once, and what comes meanwhile after that.
async fn erase(log: Arc<KafkaLog>, mut wanted: mpsc::UnboundedReceiver<(Stream, RecordId)>, times: Erased) {
    while let Some((stream, id)) = wanted.recv().await {
        let mut round: BTreeMap<Stream, Vec<(RecordId, Instant)>> = BTreeMap::new();
        round.entry(stream).or_default().push((id, Instant::now()));
        while let Ok((stream, id)) = wanted.try_recv() {
            round.entry(stream).or_default().push((id, Instant::now()));
        }
        let mut under_way = JoinSet::new();
        for (stream, records) in round {
            let (log, times) = (Arc::clone(&log), Arc::clone(&times));
            under_way.spawn(async move {
                let ids: Vec<_> = records.iter().map(|(id, _)| *id).collect();
                if let Err(error) = log.erase_all(stream, &ids, Timestamp::from_millis(1)).await {
                    println!("  not erased: {error}");
                }
                lock(&times).extend(records.iter().map(|(_, since)| (stream, *since, Instant::now())));
            });
        }
        under_way.join_all().await;
    }
}

/// What was erased: when it was wished for, and when it was done.
type Erased = Arc<Mutex<Vec<(Stream, Instant, Instant)>>>;

/// A node, and who erases there.
struct Node {
    log: Arc<KafkaLog>,
    book: Book,
    wants: mpsc::UnboundedSender<(Stream, RecordId)>,
    erasing: JoinHandle<()>,
}

impl Node {
    async fn start(load: &Load, prefix: &str, erased: &Erased) -> Self {
        let (log, book) = (connect(load, prefix).await, Book::default());
        tokio::spawn(follow(log.tail(Checkpoint::new()).await.unwrap(), Arc::clone(&book)));
        let (wants, wanted) = mpsc::unbounded_channel();
        let erasing = tokio::spawn(erase(Arc::clone(&log), wanted, Arc::clone(erased)));
        Self { log, book, wants, erasing }
    }

    /// Appends a record in the background, and perhaps has it erased once it is there.
    fn write(&self, stream: Stream, is_erased: bool, under_way: &mut JoinSet<()>) {
        let (log, book, wants) = (Arc::clone(&self.log), Arc::clone(&self.book), self.wants.clone());
        under_way.spawn(async move {
            let record = record();
            let id = record.id;
            lock(&book).insert(id, Written { stream, at: Instant::now(), seen: None });
            match log.append(stream, record).await {
                Ok(_) if is_erased => drop(wants.send((stream, id))),
                Ok(_) => {}
                Err(error) => println!("  not appended: {error}"),
            }
        });
    }

    /// How long a new conversation waits for its topic.
    fn open_conversation(&self) -> JoinHandle<Duration> {
        let log = Arc::clone(&self.log);
        tokio::spawn(async move {
            let at = Instant::now();
            let prepared = log.prepare(Stream::Conversation(ConversationId(Uuid::new_v4()))).await;
            prepared.map_or(DRAIN, |()| at.elapsed())
        })
    }
}

async fn measure(load: &Load) {
    let (prefix, erased) = (format!("erase-{}", Uuid::new_v4().simple()), Erased::default());
    let mut nodes = Vec::new();
    for _ in 0..load.nodes {
        nodes.push(Node::start(load, &prefix, &erased).await);
    }
    let streams: Vec<_> =
        (0..load.conversations).map(|_| Stream::Conversation(ConversationId(Uuid::new_v4()))).collect();
    for (number, stream) in streams.iter().enumerate() {
        nodes[number % nodes.len()].log.prepare(*stream).await.unwrap();
    }
    let mut tick = interval(Duration::from_secs(1) / load.rate);
    tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (rate, warm_up) = (load.rate as usize, load.rate as usize * WARM_UP_SECONDS);
    let (mut appends, mut opened, mut started) = (JoinSet::new(), Vec::new(), Instant::now());
    for number in 0..warm_up + rate * load.seconds as usize {
        tick.tick().await;
        if number == warm_up {
            started = Instant::now();
        }
        let node = &nodes[number % nodes.len()];
        if number > warm_up && number % rate == 0 {
            opened.push(node.open_conversation());
        }
        let is_erased = number > warm_up && number % 100 < load.percent;
        node.write(streams[scattered(number) % streams.len()], is_erased, &mut appends);
    }
    let ended = Instant::now();
    appends.join_all().await;
    let mut books = Vec::new();
    for Node { log, book, wants, erasing } in nodes {
        drop(wants);
        if timeout(DRAIN * 5, erasing).await.is_err() {
            println!("  erasures do not end");
        }
        books.push((log, book));
    }
    println!("  erasures done {:.1?} after the load", ended.elapsed());
    let until = Instant::now() + DRAIN;
    while books.iter().any(|(_, book)| is_behind(book)) && Instant::now() < until {
        sleep(Duration::from_millis(100)).await;
    }
    let written = books.iter().flat_map(|(_, book)| std::mem::take(&mut *lock(book)).into_values());
    tell(written.filter(|it| it.at >= started), &lock(&erased));
    let mut times = Vec::new();
    for one in opened {
        times.push(one.await.unwrap());
    }
    say("a new conversation's topic", times);
    for (log, _) in books {
        log.close().await;
    }
}

fn is_behind(book: &Book) -> bool {
    lock(book).values().any(|written| written.seen.is_none())
}

fn tell(written: impl Iterator<Item = Written>, erased: &[(Stream, Instant, Instant)]) {
    let (mut calm, mut concerned, mut unseen) = (Vec::new(), Vec::new(), 0);
    for Written { stream, at, seen } in written {
        let Some(seen) = seen else {
            unseen += 1;
            continue;
        };
        let mut of_stream = erased.iter().filter(|(of, ..)| *of == stream);
        let is_concerned = of_stream.any(|(_, from, to)| *from <= seen && at <= *to + CONCERNED);
        let times = if is_concerned { &mut concerned } else { &mut calm };
        times.push(seen - at);
    }
    if !erased.is_empty() {
        say("append to own tail, in conversations with an erasure", concerned);
        say("erasure, from its wish to its end", erased.iter().map(|(_, from, to)| *to - *from).collect());
    }
    say("append to own tail, in others", calm);
    if unseen > 0 {
        println!("  {unseen} not seen");
    }
}

/// A number that looks random and is always the same.
fn scattered(number: usize) -> usize {
    number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20
}

#[tokio::main(worker_threads = 2)]
async fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default: u32| args.get(at).and_then(|it| it.parse().ok()).unwrap_or(default);
    let Some(bootstrap) = args.first().cloned() else {
        println!("kafka_erase HOST:PORT [CONVERSATIONS RATE SECONDS PERCENT NODES]");
        return;
    };
    let load = Load {
        bootstrap,
        conversations: number(1, 60) as usize,
        rate: number(2, 100),
        seconds: number(3, 20),
        percent: number(4, 3) as usize,
        nodes: number(5, 3) as usize,
    };
    let Load { conversations, rate, seconds, percent, nodes, .. } = load;
    println!("{conversations} conversations, {rate} records/s for {seconds} s, {nodes} nodes");
    println!("without erasures");
    measure(&Load { percent: 0, ..load.clone() }).await;
    println!("with {percent} erasures in 100 records");
    measure(&load).await;
}
