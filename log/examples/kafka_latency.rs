//! What the Kafka adapter costs beside its floor, measured one after the other on the same broker.
//!
//! `cargo run --release -p kafkatalk-log --example kafka_latency -- HOST:PORT [CONVERSATIONS RATE SECONDS]`
//!
//! The floor is a plain producer and a plain consumer on one topic. Times are from the call of produce or append.
#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use kafkatalk_log::kafka::{KafkaLog, KafkaOptions};
use kafkatalk_log::{Checkpoint, EventLog, Health, Record, Stream, Tail};
use kafkatalk_protocol::{ConversationId, Timestamp};
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer},
    producer::{BaseRecord, DefaultProducerContext, ThreadedProducer},
};
use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::time::{MissedTickBehavior, interval, timeout};
use uuid::Uuid;

const BODY_BYTES: usize = 200;
const WARM_UP: Duration = Duration::from_secs(2);

struct Load {
    bootstrap: String,
    conversations: usize,
    rate: u32,
    seconds: u32,
}

impl Load {
    fn messages(&self) -> usize {
        (self.rate * self.seconds) as usize
    }
    fn tick(&self) -> tokio::time::Interval {
        let mut tick = interval(Duration::from_secs(1) / self.rate);
        tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
        tick
    }
}

/// CPU time of this process so far.
fn cpu() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u64 =
        after_name.split_whitespace().skip(11).take(2).filter_map(|t| t.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

fn say(what: &str, mut times: Vec<Duration>, cpu: Option<Duration>, expected: usize) {
    times.sort_unstable();
    let at =
        |share: usize| times.get(times.len().saturating_sub(1) * share / 1_000).copied().unwrap_or_default();
    let cpu = cpu.map_or_else(String::new, |cpu| {
        format!(", {:?} CPU a message", cpu / u32::try_from(times.len().max(1)).unwrap_or(1))
    });
    println!(
        "{what}: p50 {:.2?}, p99 {:.2?}, p99.9 {:.2?}{cpu}, {} of {expected}",
        at(500),
        at(990),
        at(999),
        times.len()
    );
}

async fn floor(load: &Load, started: Instant) -> Vec<Duration> {
    let topic = format!("floor-{}", Uuid::new_v4().simple());
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &load.bootstrap);
    let admin: AdminClient<DefaultClientContext> = config.create().unwrap();
    let new = NewTopic::new(&topic, 16, TopicReplication::Fixed(1));
    admin.create_topics([&new], &AdminOptions::new()).await.unwrap();
    let mut producing = config.clone();
    producing.set("enable.idempotence", "true").set("linger.ms", "0");
    let producer: ThreadedProducer<DefaultProducerContext> = producing.create().unwrap();
    let consumer: BaseConsumer = config.set("group.id", "floor").create().unwrap();
    let mut list = TopicPartitionList::new();
    for partition in 0..16 {
        list.add_partition_offset(&topic, partition, Offset::Beginning).unwrap();
    }
    consumer.assign(&list).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let consuming = std::thread::spawn(move || {
        let mut times = Vec::new();
        while !stopped.load(Ordering::Relaxed) {
            if let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) {
                let payload = message.payload().unwrap_or_default();
                let sent = u64::from_le_bytes(payload[..8].try_into().unwrap());
                times.push(started.elapsed().saturating_sub(Duration::from_nanos(sent)));
            }
        }
        times
    });
    let mut tick = load.tick();
    let warm_up = warm_up_messages(load);
    for number in 0..warm_up + load.messages() {
        tick.tick().await;
        let mut payload = [b'x'; BODY_BYTES + 150];
        let nanos = u64::try_from(started.elapsed().as_nanos()).unwrap();
        payload[..8].copy_from_slice(&nanos.to_le_bytes());
        let key = number.to_le_bytes();
        let record = BaseRecord::to(&topic).key(&key[..]).payload(&payload[..]);
        producer.send(record.partition(i32::try_from(number % 16).unwrap())).map_err(|(e, _)| e).unwrap();
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    stop.store(true, Ordering::Relaxed);
    consuming.join().unwrap().split_off(warm_up)
}

fn warm_up_messages(load: &Load) -> usize {
    usize::try_from(u128::from(load.rate) * WARM_UP.as_millis() / 1_000).unwrap()
}

async fn connect(load: &Load, prefix: &str) -> Arc<KafkaLog> {
    let log =
        KafkaLog::connect(KafkaOptions { topic_prefix: prefix.into(), ..KafkaOptions::new(&load.bootstrap) });
    let log = Arc::new(log.unwrap());
    log.health().wait_for(|health| *health == Health::Ready).await.unwrap();
    log
}

fn record(started: Instant) -> Record {
    let nanos = started.elapsed().as_nanos();
    let payload = format!(r#"{{"sent":{nanos},"body":"{}"}}"#, "x".repeat(BODY_BYTES));
    let payload = serde_json::value::RawValue::from_string(payload).unwrap();
    let at = Timestamp::from_millis(0);
    Record { id: Uuid::now_v7(), key: None, kind: "message.posted".into(), author: None, at, payload }
}

/// Follows a tail until it falls silent; how long after its append each record came.
async fn follow(mut tail: Box<dyn Tail>, started: Instant) -> Vec<Duration> {
    let mut times = Vec::new();
    while let Ok(Ok(Some(batch))) = timeout(Duration::from_secs(3), tail.next()).await {
        let now = started.elapsed();
        for entry in batch.entries {
            let text = entry.record.payload.get();
            let sent = text[8..].split(',').next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0);
            times.push(now.saturating_sub(Duration::from_nanos(sent)));
        }
    }
    times
}

async fn adapter(load: &Load, started: Instant, nodes: usize) {
    let prefix = format!("latency-{}", Uuid::new_v4().simple());
    let mut logs = Vec::new();
    for _ in 0..nodes {
        logs.push(connect(load, &prefix).await);
    }
    let ids: Vec<_> =
        (0..load.conversations).map(|_| Stream::Conversation(ConversationId(Uuid::new_v4()))).collect();
    let preparing = Instant::now();
    let prepared: Vec<_> = ids
        .iter()
        .map(|id| {
            let (log, id) = (Arc::clone(&logs[0]), *id);
            tokio::spawn(async move { log.prepare(id).await.unwrap() })
        })
        .collect();
    for prepared in prepared {
        prepared.await.unwrap();
    }
    println!("{} topics prepared in {:.2?}", ids.len(), preparing.elapsed());
    let mut first = Vec::new();
    for id in &ids {
        let at = Instant::now();
        logs[0].append(*id, record(started)).await.unwrap();
        first.push(at.elapsed());
    }
    say("first append to a prepared topic", first, None, ids.len());
    let mut tails = Vec::new();
    for log in &logs {
        tails.push(tokio::spawn(follow(log.tail(Checkpoint::new()).await.unwrap(), started)));
    }
    let (mut tick, mut appends) = (load.tick(), Vec::new());
    let warm_up = warm_up_messages(load);
    let mut before = cpu();
    for number in 0..warm_up + load.messages() {
        tick.tick().await;
        if number == warm_up {
            before = cpu();
        }
        let (log, id) = (Arc::clone(&logs[0]), ids[number.wrapping_mul(7_919) % ids.len()]);
        appends.push(tokio::spawn(async move {
            let record = record(started);
            let at = Instant::now();
            log.append(id, record).await.map(|_| at.elapsed())
        }));
    }
    let mut acknowledged = Vec::new();
    for append in appends {
        acknowledged.push(append.await.unwrap().unwrap());
    }
    let cpu = cpu().saturating_sub(before);
    say("append to acknowledgement", acknowledged.split_off(warm_up), Some(cpu), load.messages());
    for (node, tail) in tails.into_iter().enumerate() {
        let what = if node == 0 { "append to own tail" } else { "append to another node's tail" };
        say(what, tail.await.unwrap().split_off(warm_up + load.conversations), None, load.messages());
    }
    for log in logs {
        log.close().await;
    }
}

/// How fast a node that holds nothing is handed everything.
async fn rebuild(load: &Load, started: Instant, records: usize) {
    let prefix = format!("rebuild-{}", Uuid::new_v4().simple());
    let log = connect(load, &prefix).await;
    let ids: Vec<_> =
        (0..load.conversations).map(|_| Stream::Conversation(ConversationId(Uuid::new_v4()))).collect();
    let writing = Instant::now();
    let mut written = tokio::task::JoinSet::new();
    for number in 0..records {
        if written.len() >= 1_000 {
            written.join_next().await;
        }
        let (log, id) = (Arc::clone(&log), ids[number % ids.len()]);
        written.spawn(async move { log.append(id, record(started)).await.unwrap() });
    }
    while written.join_next().await.is_some() {}
    let rate = |since: Instant| records as u128 * 1_000 / since.elapsed().as_millis().max(1);
    println!("{records} records written, 1,000 at a time: {} a second", rate(writing));
    log.close().await;
    let log = connect(load, &prefix).await;
    let (reading, mut count) = (Instant::now(), 0);
    let mut tail = log.tail(Checkpoint::new()).await.unwrap();
    while count < records {
        match timeout(Duration::from_secs(30), tail.next()).await {
            Ok(Ok(Some(batch))) => count += batch.entries.len(),
            _ => break,
        }
    }
    println!("{count} of them handed to an empty node: {} a second", rate(reading));
    log.close().await;
}

#[tokio::main(worker_threads = 2)]
async fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default| args.get(at).and_then(|text| text.parse().ok()).unwrap_or(default);
    let Some(bootstrap) = args.first().cloned() else {
        println!("kafka_latency HOST:PORT [CONVERSATIONS RATE SECONDS]");
        return;
    };
    let (conversations, rate, seconds) = (number(1, 200), number(2, 500), number(3, 5));
    let load = Load { bootstrap, conversations: conversations as usize, rate, seconds };
    println!("{conversations} conversations, {rate} messages/s for {seconds} s, {BODY_BYTES} bytes");
    let started = Instant::now();
    let before = cpu();
    let times = floor(&load, started).await;
    say("floor, produce to consume", times, Some(cpu().saturating_sub(before)), load.messages());
    adapter(&load, started, 1).await;
    adapter(&load, started, 2).await;
    rebuild(&load, started, 50_000).await;
}
