//! Measures the embedded log: `cargo run --release -p kafkatalk-log --example embedded_load -- DIR [SECONDS] [RECORDS]`.
//!
//! Prints, for 500 appends a second and for 64 writers at full speed: the time to the acknowledgement, the time to the
//! tail, appends a second and processor time per append; beside them the floor, a plain write of 8 KiB and its flush to
//! disk at the same rate. With RECORDS, goes on to that many records in the log, and prints how long it takes to open
//! that log and to follow all of it. DIR must be on the disk that is meant, and empty.

use kafkatalk_log::embedded::{EmbeddedLog, EmbeddedOptions};
use kafkatalk_log::{Checkpoint, EventLog, Record, Stream};
use kafkatalk_protocol::{ConversationId, Timestamp, UserId};
use std::collections::HashMap;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use uuid::Uuid;

const STREAMS: u128 = 200;
const WRITERS: u128 = 64;
const PACED_PER_SECOND: u32 = 500;

type Sent = Arc<Mutex<HashMap<Uuid, Instant>>>;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let Some(dir) = arguments.next().map(PathBuf::from) else {
        say("usage: embedded_load DIR [SECONDS] [RECORDS]");
        return;
    };
    let mut number = || arguments.next().and_then(|text| text.parse::<u32>().ok());
    let (length, records) = (Duration::from_secs(number().unwrap_or(5).into()), number());
    let log = open(&dir);
    floor(&dir.join("floor"), length / 2);

    let (sent, delivered) = (Sent::default(), Arc::new(Mutex::new(Vec::new())));
    let following = tokio::spawn(follow(Arc::clone(&log), Arc::clone(&sent), Arc::clone(&delivered)));
    measure("500 appends a second", &delivered, paced(&log, &sent, length)).await;
    measure("64 writers", &delivered, flat_out(&log, &sent, length)).await;
    log.close().await;
    let read = following.await.expect("the tail runs");
    say(&format!("the tail handed out {read} records; memory {}", memory()));
    if let Some(records) = records {
        grow(&dir, records).await;
        reopen(&dir).await;
    }
}

fn open(dir: &Path) -> Arc<dyn EventLog> {
    let begun = Instant::now();
    let log = EmbeddedLog::open(dir, EmbeddedOptions::default()).expect("a folder");
    say(&format!("opened in {:?}; memory {}", begun.elapsed(), memory()));
    Arc::new(log)
}

/// What the disk alone takes.
fn floor(path: &Path, length: Duration) {
    let mut file = File::create(path).expect("a folder");
    let (begun, mut took) = (Instant::now(), Vec::new());
    while begun.elapsed() < length {
        let write = Instant::now();
        file.seek(SeekFrom::Start((took.len() as u64 % 256) * 8_192)).expect("a file");
        file.write_all(&[1; 8_192]).expect("room on the disk");
        file.sync_data().expect("a disk");
        took.push(write.elapsed());
        std::thread::sleep((Duration::from_secs(1) / PACED_PER_SECOND).saturating_sub(write.elapsed()));
    }
    say(&format!("floor: 8 KiB and a flush {}", percentiles(&mut took)));
    let _ = std::fs::remove_file(path);
}

/// Appends until there are so many records.
async fn grow(dir: &Path, records: u32) {
    let log = open(dir);
    let end = log.tail(Checkpoint::new()).await.expect("an open log").next().await.expect("an open log");
    let there = end.map_or(0, |batch| batch.lag + batch.entries.len() as u64);
    let missing = u128::from(u64::from(records).saturating_sub(there));
    let writers: Vec<_> = (0..1_024)
        .map(|writer| {
            let log = Arc::clone(&log);
            tokio::spawn(async move {
                for number in (writer..missing).step_by(1_024) {
                    append(&*log, &Sent::default(), number).await;
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.expect("no panics");
    }
    log.close().await;
}

/// Opens a log that has grown, and follows all of it.
async fn reopen(dir: &Path) {
    let log = open(dir);
    let (begun, mut read) = (Instant::now(), 0);
    let mut tail = log.tail(Checkpoint::new()).await.expect("an open log");
    while let Some(batch) = tail.next().await.expect("an open log") {
        read += batch.entries.len();
        if batch.caught_up {
            break;
        }
    }
    say(&format!("followed {read} records in {:?}; memory {}", begun.elapsed(), memory()));
    log.close().await;
}

fn say(line: &str) {
    // Whoever cut the pipe wants no more.
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn record(number: u128) -> Record {
    let payload = format!(r#"{{"id":"{}","body":"{}"}}"#, Uuid::from_u128(number), "x".repeat(150));
    Record {
        id: Uuid::now_v7(),
        key: None,
        kind: "message.posted".into(),
        author: Some(UserId(Uuid::from_u128(1))),
        at: Timestamp::from_millis(1_769_850_900_123),
        payload: serde_json::from_str(&payload).expect("JSON"),
    }
}

async fn append(log: &dyn EventLog, sent: &Sent, number: u128) -> Duration {
    let record = record(number);
    let begun = Instant::now();
    sent.lock().expect("no panics").insert(record.id, begun);
    log.append(Stream::Conversation(ConversationId(Uuid::from_u128(number % STREAMS))), record)
        .await
        .expect("appends go through");
    begun.elapsed()
}

async fn paced(log: &Arc<dyn EventLog>, sent: &Sent, length: Duration) -> Vec<Duration> {
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / PACED_PER_SECOND);
    let (begun, mut appends, mut number) = (Instant::now(), Vec::new(), 0);
    while begun.elapsed() < length {
        ticks.tick().await;
        number += 1;
        let (log, sent) = (Arc::clone(log), Arc::clone(sent));
        appends.push(tokio::spawn(async move { append(&*log, &sent, number).await }));
    }
    let mut took = Vec::new();
    for append in appends {
        took.push(append.await.expect("no panics"));
    }
    took
}

async fn flat_out(log: &Arc<dyn EventLog>, sent: &Sent, length: Duration) -> Vec<Duration> {
    let begun = Instant::now();
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (log, sent) = (Arc::clone(log), Arc::clone(sent));
            tokio::spawn(async move {
                let (mut took, mut number) = (Vec::new(), writer);
                while begun.elapsed() < length {
                    took.push(append(&*log, &sent, number).await);
                    number += WRITERS;
                }
                took
            })
        })
        .collect();
    let mut took = Vec::new();
    for writer in writers {
        took.extend(writer.await.expect("no panics"));
    }
    took
}

async fn follow(log: Arc<dyn EventLog>, sent: Sent, delivered: Arc<Mutex<Vec<Duration>>>) -> usize {
    let mut tail = log.tail(Checkpoint::new()).await.expect("an open log");
    let mut read = 0;
    while let Some(batch) = tail.next().await.expect("an open log") {
        let mut sent = sent.lock().expect("no panics");
        let mut delivered = delivered.lock().expect("no panics");
        read += batch.entries.len();
        delivered
            .extend(batch.entries.iter().filter_map(|entry| Some(sent.remove(&entry.record.id)?.elapsed())));
    }
    read
}

async fn measure(
    name: &str,
    delivered: &Arc<Mutex<Vec<Duration>>>,
    work: impl Future<Output = Vec<Duration>>,
) {
    delivered.lock().expect("no panics").clear();
    let (begun, (all_before, writer_before)) = (Instant::now(), processor());
    let mut took = work.await;
    let (elapsed, (all, writer)) = (begun.elapsed(), processor());
    let appends = u32::try_from(took.len()).unwrap_or(u32::MAX).max(1);
    say(&format!(
        "{name}: {:.0} appends a second, {:?} processor time each, the writer's part {:?}\n  acknowledged {}\n  on the tail  {}",
        f64::from(appends) / elapsed.as_secs_f64(),
        all.saturating_sub(all_before) / appends,
        writer.saturating_sub(writer_before) / appends,
        percentiles(&mut took),
        percentiles(&mut delivered.lock().expect("no panics")),
    ));
}

fn percentiles(took: &mut [Duration]) -> String {
    took.sort_unstable();
    let at = |per_mille: usize| took.get(took.len() * per_mille / 1000).copied().unwrap_or_default();
    format!(
        "p50 {:?} p99 {:?} p99.9 {:?} max {:?}",
        at(500),
        at(990),
        at(999),
        took.last().copied().unwrap_or_default()
    )
}

/// Processor time of this process, and of its writer thread alone, from `/proc`.
fn processor() -> (Duration, Duration) {
    let (mut all, mut writer) = (Duration::ZERO, Duration::ZERO);
    for thread in std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
        let read = |name: &str| std::fs::read_to_string(thread.path().join(name)).unwrap_or_default();
        let took = read("schedstat").split(' ').next().and_then(|nanos| nanos.parse().ok());
        let took = Duration::from_nanos(took.unwrap_or(0));
        all += took;
        if read("comm").trim() == "log-writer" {
            writer += took;
        }
    }
    (all, writer)
}

fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or("unknown");
    line.trim_start_matches("VmRSS:").trim().to_owned()
}
