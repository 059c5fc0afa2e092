//! A disk that is full, and a database that somebody else holds.

use crate::contract::erasure::files_with;
use crate::contract::support::{WAIT_MAX, at, conversation, follow, message, read_all, say, text_of, texts};
use kafkatalk_log::embedded::{EmbeddedLog, EmbeddedOptions};
use kafkatalk_log::limits::FORGET_WITHIN;
use kafkatalk_log::{AppendError, Checkpoint, EventLog, Health};
use rusqlite::Connection;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Tells a child process that it is one, and where its log is.
const CHILD: &str = "KAFKATALK_TEST_SMALL_DISK";
/// What a child says when it has erased.
const ERASED: &str = "erased";
/// Largest size of a file on the small disk.
const SMALL_DISK_BYTES: u64 = 600_000;

async fn until(log: &dyn EventLog, healthy: bool) {
    let mut health = log.health();
    let changed = health.wait_for(|health| (*health == Health::Ready) == healthy);
    tokio::time::timeout(WAIT_MAX, changed).await.expect("the health does not change").unwrap();
}

fn limit_files(bytes: Option<u64>) {
    let maximum = getrlimit(Resource::Fsize).maximum;
    setrlimit(Resource::Fsize, Rlimit { current: bytes.or(maximum), maximum }).unwrap();
}

#[test]
fn a_full_disk_is_told_truly_and_recovered_from() {
    let dir = TempDir::new().unwrap();
    // The shell makes a write beyond the limit fail, where it would end the process.
    let output = Command::new("sh")
        .args(["-c", r#"trap "" XFSZ; exec "$0" "$@""#])
        .arg(std::env::current_exe().unwrap())
        .args(["faults::child_with_a_small_disk", "--exact", "--ignored", "--nocapture"])
        .env(CHILD, dir.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Not a test of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run by another test, in a process whose files may not grow"]
async fn child_with_a_small_disk() {
    let Ok(dir) = std::env::var(CHILD) else { return };
    let log: Arc<dyn EventLog> = Arc::new(EmbeddedLog::open(&dir, EmbeddedOptions::default()).unwrap());
    limit_files(Some(SMALL_DISK_BYTES));
    let (mut kept, mut refused) = (Vec::new(), HashSet::new());
    let begun = Instant::now();
    for number in 0.. {
        let text = format!("{number} {}", "x".repeat(5_000));
        match log.append(conversation(1), message(&text)).await {
            Ok(_) => kept.push(text),
            Err(AppendError::Unavailable(_)) => {
                refused.insert(text);
                // The log copies what it has and goes on, until there is no room at all.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(AppendError::Unknown(_)) => {}
            Err(error) => panic!("{error}"),
        }
        let unhealthy = *log.health().borrow() != Health::Ready;
        if unhealthy && begun.elapsed() > Duration::from_secs(2) {
            break;
        }
        assert!(begun.elapsed() < WAIT_MAX, "the disk does not fill up");
    }
    assert!(!kept.is_empty() && !refused.is_empty());
    let Health::Unavailable(reason) = log.health().borrow().clone() else { panic!("it is full") };
    assert!(reason.contains(&dir), "an operator learns where: {reason}");

    // What was acknowledged can be read, and followed, all the while.
    let mut tail = log.tail(Checkpoint::new()).await.unwrap();
    let followed = follow(&mut *tail, &mut Checkpoint::new(), kept.len()).await;
    let read = read_all(&*log, conversation(1)).await;
    for entries in [followed, read] {
        let there: HashSet<_> = entries.iter().map(|entry| text_of(&entry.record)).collect();
        assert!(kept.iter().all(|text| there.contains(text)), "an acknowledged record is lost");
        assert!(refused.is_disjoint(&there), "a refused record is there");
    }

    limit_files(None);
    until(&*log, true).await;
    say(&*log, conversation(1), "there is room again").await;
    log.close().await;
    let log = EmbeddedLog::open(&dir, EmbeddedOptions::default()).unwrap();
    let there = texts(&read_all(&log, conversation(1)).await);
    assert_eq!(there.last().map(String::as_str), Some("there is room again"));
    let distinct: HashSet<_> = there.iter().cloned().collect();
    assert_eq!(distinct.len(), there.len(), "something is there twice");
    assert!(kept.iter().all(|text| distinct.contains(text)) && refused.is_disjoint(&distinct));
    log.close().await;
}

/// Not a test of its own: erases something, says so, and waits for its end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run by another test, in a process that it kills"]
async fn child_that_erases() {
    let Ok(dir) = std::env::var(CHILD) else { return };
    let log = EmbeddedLog::open(&dir, EmbeddedOptions::default()).unwrap();
    let record = message("zanzibar");
    let id = record.id;
    log.append(conversation(1), record).await.unwrap();
    log.erase(conversation(1), id, at()).await.unwrap();
    writeln!(std::io::stderr(), "{ERASED}").unwrap();
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn what_was_erased_just_before_the_process_was_killed_is_gone_after_the_next_start() {
    let dir = TempDir::new().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["faults::child_that_erases", "--exact", "--ignored", "--nocapture"])
        .env(CHILD, dir.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let erased = lines.any(|line| line.unwrap() == ERASED);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(erased, "the child died by itself");
    let log = EmbeddedLog::open(dir.path(), EmbeddedOptions::default()).unwrap();
    let begun = Instant::now();
    while !files_with(dir.path(), b"zanzibar").is_empty() {
        assert!(begun.elapsed() < FORGET_WITHIN, "still in {:?}", files_with(dir.path(), b"zanzibar"));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    log.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_somebody_else_holds_the_database_appends_wait_up_to_a_limit_and_others_are_refused_at_once() {
    let dir = TempDir::new().unwrap();
    let options = EmbeddedOptions { append_queue_records_max: 2, ..EmbeddedOptions::default() };
    let log: Arc<dyn EventLog> = Arc::new(EmbeddedLog::open(dir.path(), options).unwrap());
    say(&*log, conversation(1), "before").await;
    let other = Connection::open(dir.path().join("log.sqlite3")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();

    let append = |text: &str| {
        let (log, record) = (Arc::clone(&log), message(text));
        tokio::spawn(async move { log.append(conversation(1), record).await })
    };
    let mut waiting = Vec::new();
    let refused = loop {
        let begun = Instant::now();
        let mut append = append(&waiting.len().to_string());
        // One is with the writer, two are in its queue; the next one gets its answer at once.
        match tokio::time::timeout(Duration::from_millis(100), &mut append).await {
            Err(_) => waiting.push(append),
            Ok(answer) => break (answer.unwrap(), begun.elapsed()),
        }
        assert!(waiting.len() < 5, "the queue is not bounded");
    };
    assert!(matches!(refused, (Err(AppendError::Unavailable(_)), _)), "{refused:?}");
    assert_eq!(waiting.len(), 3);

    other.execute_batch("ROLLBACK").unwrap();
    for append in waiting {
        append.await.unwrap().unwrap();
    }
    assert_eq!(texts(&read_all(&*log, conversation(1)).await), ["before", "0", "1", "2"]);
    log.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_held_for_long_makes_the_log_unavailable_until_it_is_free() {
    let dir = TempDir::new().unwrap();
    let log: Arc<dyn EventLog> = Arc::new(EmbeddedLog::open(dir.path(), EmbeddedOptions::default()).unwrap());
    say(&*log, conversation(1), "before").await;
    let other = Connection::open(dir.path().join("log.sqlite3")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = log.append(conversation(1), message("meanwhile")).await;
    assert!(matches!(refused, Err(AppendError::Unavailable(_))), "{refused:?}");
    until(&*log, false).await;
    assert_eq!(texts(&read_all(&*log, conversation(1)).await), ["before"]);
    other.execute_batch("ROLLBACK").unwrap();
    until(&*log, true).await;
    say(&*log, conversation(1), "after").await;
    assert_eq!(texts(&read_all(&*log, conversation(1)).await), ["before", "after"]);
    log.close().await;
}
