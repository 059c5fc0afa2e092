use super::*;
use crate::embedded::EmbeddedOptions;
use crate::embedded::reader::{self, Readers};
use crate::embedded::window::Window;
use crate::limits::{PAGE_BYTES_MAX, WAL_BYTES_MAX};
use crate::{Record, Stream};
use kafkatalk_protocol::{ConversationId, Offset, Timestamp};
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::mpsc::sync_channel;
use tempfile::TempDir;
use tokio::sync::oneshot;
use uuid::Uuid;

const STREAM: Stream = Stream::Conversation(ConversationId(Uuid::nil()));

/// A writer without its thread.
struct Bench {
    writer: Writer,
    committed: watch::Receiver<u64>,
    _dir: TempDir,
}

type Answer = oneshot::Receiver<Result<Offset, AppendError>>;

impl Bench {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        let (connection, _) = schema::open(&folder, &EmbeddedOptions::default()).unwrap();
        let (sender, committed) = watch::channel(0);
        let shared = Arc::new(Shared {
            options: EmbeddedOptions::default(),
            window: Mutex::new(Window::new(0, 100, 100_000)),
            readers: Readers::new(folder.database()),
            queued_bytes: AtomicUsize::new(0),
            health: watch::Sender::new(Health::Ready),
        });
        let (_, commands) = sync_channel(1);
        let checkpointer = Checkpointer::start(&folder.database(), WAL_BYTES_MAX).unwrap();
        let writer = Writer::new(shared, folder, connection, checkpointer, commands, sender);
        Self { writer, committed, _dir: dir }
    }

    /// Writes so many records in one transaction.
    fn write(&mut self, count: usize) -> Vec<Result<Offset, AppendError>> {
        let (mut group, answers): (Vec<_>, Vec<Answer>) = (0..count).map(|_| append()).unzip();
        self.writer.write(&mut group);
        answers.into_iter().map(|mut answer| answer.try_recv().unwrap()).collect()
    }

    fn offsets(&self) -> Vec<u64> {
        let page = reader::page(&self.writer.connection, STREAM, Offset(0), 1_000, PAGE_BYTES_MAX).unwrap();
        page.entries.iter().map(|entry| entry.offset.0).collect()
    }

    fn healthy(&self) -> bool {
        *self.writer.shared.health.borrow() == Health::Ready
    }

    /// From now on, until the connection is opened again, commits fail and roll back.
    fn break_commits(&self) {
        self.writer
            .connection
            .execute_batch(
                "PRAGMA foreign_keys = ON;
                 CREATE TEMP TABLE a (x INTEGER PRIMARY KEY);
                 CREATE TEMP TABLE b (x REFERENCES a DEFERRABLE INITIALLY DEFERRED);
                 CREATE TEMP TRIGGER c AFTER INSERT ON records BEGIN INSERT INTO b VALUES (1); END;",
            )
            .unwrap();
    }
}

fn append() -> (Command, Answer) {
    let record = Record {
        id: Uuid::new_v4(),
        key: None,
        kind: "message.posted".into(),
        author: None,
        at: Timestamp::from_millis(0),
        payload: serde_json::from_str(&format!("\"{}\"", "x".repeat(1_000))).unwrap(),
    };
    let (reply, answer) = oneshot::channel();
    (Command::Append { stream: STREAM, bytes: record.bytes(), record: Arc::new(record), reply }, answer)
}

fn is_unavailable(answer: &Result<Offset, AppendError>) -> bool {
    matches!(answer, Err(AppendError::Unavailable(_)))
}

#[test]
fn a_group_is_one_transaction_with_dense_offsets() {
    let mut bench = Bench::new();
    let offsets: Vec<_> = bench.write(5).into_iter().map(Result::unwrap).collect();
    assert_eq!(offsets, [0, 1, 2, 3, 4].map(Offset));
    assert_eq!(*bench.committed.borrow(), 5);
}

#[test]
fn a_failure_before_the_commit_means_that_nothing_of_the_group_was_written() {
    let mut bench = Bench::new();
    bench.write(2);
    let pages: i64 = bench.writer.connection.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    bench.writer.connection.pragma_update(None, "max_page_count", pages + 2).unwrap();
    let answers = bench.write(50);
    assert!(answers.iter().all(is_unavailable), "{answers:?}");
    assert!(!bench.healthy());
    assert_eq!(bench.offsets(), [0, 1]);
    assert_eq!(*bench.committed.borrow(), 2);
}

#[test]
fn a_failure_in_the_commit_leaves_the_outcome_unknown() {
    let mut bench = Bench::new();
    bench.write(1);
    bench.break_commits();
    let answers = bench.write(3);
    assert!(answers.iter().all(|answer| matches!(answer, Err(AppendError::Unknown(_)))), "{answers:?}");
    assert!(!bench.healthy());
    assert_eq!(*bench.committed.borrow(), 1);
}

#[test]
fn a_log_that_fails_refuses_until_it_has_recovered_and_then_goes_on_without_a_hole() {
    let mut bench = Bench::new();
    bench.write(2);
    bench.break_commits();
    bench.write(1);
    let answers = bench.write(2);
    assert!(answers.iter().all(is_unavailable), "{answers:?}");
    bench.writer.recover();
    assert!(bench.healthy());
    assert_eq!(bench.write(1)[0].as_ref().unwrap(), &Offset(2));
    assert_eq!(bench.offsets(), [0, 1, 2]);
}

/// As if a commit had reached the disk and its answer had not; then a try to recover.
fn fails_after_writing(bench: &mut Bench) {
    let other = Connection::open(bench.writer.folder.database()).unwrap();
    let inserted =
        "INSERT INTO records SELECT 2, stream, 1, zeroblob(16), NULL, 'k', NULL, 0, '{}' FROM records";
    other.execute(inserted, []).unwrap();
    drop(other);
    bench.writer.fail("for a test");
    bench.writer.recover();
}

#[test]
fn what_a_failed_commit_did_write_is_told_to_tails_after_recovery() {
    let mut bench = Bench::new();
    bench.write(1);
    fails_after_writing(&mut bench);
    assert_eq!(*bench.committed.borrow(), 2);
    assert!(bench.writer.shared.window().after(1, 10).is_none(), "tails must read it from the database");
    assert_eq!(bench.write(1)[0].as_ref().unwrap(), &Offset(2));
}

#[test]
fn a_log_whose_file_was_deleted_refuses_appends() {
    let mut bench = Bench::new();
    bench.write(1);
    std::fs::remove_file(bench.writer.folder.database()).unwrap();
    bench.writer.next_look = Instant::now();
    assert!(is_unavailable(&bench.write(1)[0]));
    assert!(!bench.healthy());
}

#[test]
fn a_log_whose_write_ahead_log_was_deleted_refuses_appends_and_saves_what_it_held() {
    let mut bench = Bench::new();
    bench.write(3);
    let database = bench.writer.folder.database();
    let mut write_ahead_log = database.clone().into_os_string();
    write_ahead_log.push("-wal");
    std::fs::remove_file(write_ahead_log).unwrap();
    bench.writer.next_look = Instant::now();
    assert!(is_unavailable(&bench.write(1)[0]));
    bench.writer.recover();
    assert!(!bench.healthy(), "other connections may still hold the file that is gone");
    // Somebody who opens the folder anew finds all of it.
    let aside = database.with_extension("copy");
    std::fs::copy(&database, &aside).unwrap();
    assert_eq!(schema::last_seq(&Connection::open(aside).unwrap()).unwrap(), 3);
}

#[test]
fn a_log_that_fails_does_not_try_again_with_every_append() {
    let mut bench = Bench::new();
    bench.write(1);
    bench.writer.fail("for a test");
    let (sender, commands) = sync_channel(1_000);
    bench.writer.commands = commands;
    bench.writer.next_recovery = Instant::now() + RECOVERY_EVERY * 1_000;
    let answers: Vec<_> = (0..100)
        .map(|_| {
            let (command, answer) = append();
            sender.send(command).unwrap();
            answer
        })
        .collect();
    drop(sender);
    let health = bench.writer.shared.health.subscribe();
    bench.writer.run();
    assert!(answers.into_iter().all(|mut answer| is_unavailable(&answer.try_recv().unwrap())));
    assert_ne!(*health.borrow(), Health::Ready);
}

#[test]
fn a_log_whose_file_is_gone_or_has_lost_records_stays_unavailable() {
    let mut bench = Bench::new();
    bench.write(3);
    let database = bench.writer.folder.database();
    let other = Connection::open(&database).unwrap();
    other.execute("DELETE FROM records WHERE seq = 3", []).unwrap();
    drop(other);
    bench.writer.fail("for a test");
    bench.writer.recover();
    assert!(!bench.healthy(), "an acknowledged record is missing");
    std::fs::remove_file(&database).unwrap();
    bench.writer.recover();
    assert!(!bench.healthy() && !database.exists(), "a new log must not take the place of the old");
}

#[test]
fn streams_that_the_writer_no_longer_remembers_go_on_where_they_ended() {
    let mut bench = Bench::new();
    bench.write(3);
    bench.writer.ends.streams.clear();
    assert_eq!(bench.write(1)[0].as_ref().unwrap(), &Offset(3));
}

/// Somebody who reads, and goes on.
fn reader(bench: &Bench) -> Connection {
    let reader = Connection::open(bench.writer.folder.database()).unwrap();
    reader.execute_batch("BEGIN").unwrap();
    let _: i64 = reader.query_row("SELECT count(*) FROM records", [], |row| row.get(0)).unwrap();
    reader
}

#[test]
fn a_log_that_failed_writes_again_though_a_reader_holds_its_write_ahead_log() {
    let mut bench = Bench::new();
    bench.write(2);
    let reader = reader(&bench);
    bench.write(1);
    bench.break_commits();
    bench.write(1);
    assert!(!bench.healthy());
    bench.writer.recover();
    assert!(bench.healthy(), "{:?}", bench.writer.shared.health.borrow());
    assert_eq!(bench.write(1)[0].as_ref().unwrap(), &Offset(3));
    assert_eq!(bench.offsets(), [0, 1, 2, 3]);
    drop(reader);
}

#[test]
fn what_a_failed_commit_did_write_is_not_told_before_it_is_flushed() {
    let mut bench = Bench::new();
    bench.write(1);
    let reader = reader(&bench);
    fails_after_writing(&mut bench);
    assert!(!bench.healthy() && *bench.committed.borrow() == 1);
    drop(reader);
    bench.writer.recover();
    assert!(bench.healthy() && *bench.committed.borrow() == 2);
}
