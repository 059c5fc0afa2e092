//! Opening a data folder, and refusing to.

use crate::contract::support::{conversation, follow, read_all, say, texts};
use kafkatalk_log::embedded::{EmbeddedLog, EmbeddedOptions, EmbeddedReader, FILE, OpenError};
use kafkatalk_log::{Checkpoint, EventLog, ReadError};
use kafkatalk_protocol::Offset;
use rusqlite::Connection;
use std::path::Path;
use tempfile::TempDir;

fn open(dir: &Path) -> Result<EmbeddedLog, OpenError> {
    EmbeddedLog::open(dir, EmbeddedOptions::default())
}

fn refusal(dir: &Path) -> OpenError {
    match open(dir) {
        Ok(_) => panic!("it was opened"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn a_folder_in_use_is_refused_with_the_process_that_uses_it() {
    let dir = TempDir::new().unwrap();
    let log = open(dir.path()).unwrap();
    let error = refusal(dir.path());
    assert_eq!(
        error.to_string(),
        format!(
            "another kafkatalk (process {}) is using {}; stop it, or choose another data folder",
            std::process::id(),
            dir.path().display()
        )
    );
    say(&log, conversation(1), "undisturbed").await;
    log.close().await;
    open(dir.path()).unwrap().close().await;
}

#[tokio::test]
async fn a_missing_folder_is_made_with_all_above_it() {
    let dir = TempDir::new().unwrap();
    let deep = dir.path().join("a/b c/ü");
    let log = open(&deep).unwrap();
    say(&log, conversation(1), "kept").await;
    log.close().await;
    assert!(deep.join("log.sqlite3").is_file());
}

#[test]
fn a_file_in_place_of_the_folder_is_refused() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "here").unwrap();
    assert!(matches!(refusal(&file), OpenError::Folder { .. }));
}

#[tokio::test]
async fn a_log_of_a_newer_program_is_refused_and_left_as_it_is() {
    let dir = TempDir::new().unwrap();
    let log = open(dir.path()).unwrap();
    say(&log, conversation(1), "kept").await;
    log.close().await;
    let format = |format: i64| {
        let connection = Connection::open(dir.path().join("log.sqlite3")).unwrap();
        connection.pragma_update(None, "user_version", format).unwrap();
    };
    format(99);
    let before = std::fs::read(dir.path().join("log.sqlite3")).unwrap();
    assert!(matches!(refusal(dir.path()), OpenError::Newer { found: 99, known: 1, .. }));
    assert_eq!(std::fs::read(dir.path().join("log.sqlite3")).unwrap(), before);
    format(1);
    let log = open(dir.path()).unwrap();
    assert_eq!(texts(&read_all(&log, conversation(1)).await), ["kept"]);
    log.close().await;
}

#[test]
fn what_is_no_log_is_refused_and_left_as_it_is() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("log.sqlite3");
    let foreign = dir.path().join("foreign.sqlite3");
    Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE theirs (a)").unwrap();
    for bytes in [std::fs::read(&foreign).unwrap(), b"something else, no database at all".repeat(200)] {
        std::fs::write(&file, &bytes).unwrap();
        let error = refusal(dir.path());
        assert!(matches!(error, OpenError::NotALog { .. }), "{error}");
        assert_eq!(std::fs::read(&file).unwrap(), bytes);
    }
}

#[tokio::test]
async fn a_closed_log_is_one_file_and_its_lock() {
    let dir = TempDir::new().unwrap();
    let log = open(dir.path()).unwrap();
    say(&log, conversation(1), "kept").await;
    read_all(&log, conversation(1)).await;
    log.close().await;
    let mut names: Vec<_> = std::fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["log.lock", "log.sqlite3"]);
}

#[tokio::test]
async fn a_reader_beside_the_log_says_which_it_is() {
    let dir = TempDir::new().unwrap();
    let log = open(dir.path()).unwrap();
    let reader = EmbeddedReader::open(dir.path()).unwrap();
    assert_eq!(reader.identity().await.unwrap(), Some(log.identity().await.unwrap()));
    log.close().await;
    crate::harness::lose_manifest(dir.path());
    assert_eq!(EmbeddedReader::open(dir.path()).unwrap().identity().await.unwrap(), None);
}

/// As where an older version is started again.
#[tokio::test]
async fn a_stream_that_only_a_newer_version_knows_is_stepped_over_and_kept() {
    let dir = TempDir::new().unwrap();
    let log = open(dir.path()).unwrap();
    say(&log, conversation(1), "a").await;
    say(&log, conversation(2), "of later").await;
    say(&log, conversation(1), "b").await;
    log.close().await;
    let connection = Connection::open(dir.path().join(FILE)).unwrap();
    let renamed = "UPDATE streams SET name = CAST('of later' AS BLOB) WHERE id = (SELECT stream FROM records WHERE seq = 2)";
    assert_eq!(connection.execute(renamed, []).unwrap(), 1);
    drop(connection);
    let log = open(dir.path()).unwrap();
    let mut checkpoint = Checkpoint::new();
    let entries = follow(&mut *log.tail(Checkpoint::new()).await.unwrap(), &mut checkpoint, 2).await;
    assert_eq!((texts(&entries), checkpoint["seq"]), (vec!["a".to_owned(), "b".into()], 3));
    assert_eq!(log.streams().await.unwrap(), [(conversation(1), Offset(2))]);
    say(&log, conversation(1), "c").await;
    log.close().await;
    let connection = Connection::open(dir.path().join(FILE)).unwrap();
    let kept = "SELECT count(*) FROM records JOIN streams ON stream = streams.id WHERE name = CAST('of later' AS BLOB)";
    assert_eq!(connection.query_row(kept, [], |row| row.get::<_, i64>(0)).unwrap(), 1);
}

/// As where the log's file was replaced by another folder's.
#[tokio::test]
async fn a_file_takes_its_identity_along() {
    let dirs = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    let mut identities = Vec::new();
    for dir in &dirs {
        let log = open(dir.path()).unwrap();
        identities.push(log.identity().await.unwrap());
        log.close().await;
    }
    let [from, to] = dirs.each_ref().map(|dir| dir.path().join(FILE));
    std::fs::copy(from, to).unwrap();
    let log = open(dirs[1].path()).unwrap();
    assert_eq!(log.identity().await.unwrap(), identities[0]);
    log.close().await;
}

#[tokio::test]
async fn a_reader_that_is_ahead_of_the_log_is_told_so() {
    let dir = TempDir::new().unwrap();
    let log = open(dir.path()).unwrap();
    say(&log, conversation(1), "all there is").await;
    let ahead = Checkpoint::from([("seq".to_owned(), 2)]);
    let Err(error) = log.tail(ahead).await.map(drop) else { panic!("it follows") };
    assert!(matches!(error, ReadError::Damaged(_)), "{error}");
    log.close().await;
}
