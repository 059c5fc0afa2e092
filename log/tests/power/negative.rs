//! The checks notice what they are for.

use super::check::Mismatches;
use super::damage::Damage;
use super::disk::{Disk, Syncs};
use super::facts::History;
use super::life::{Life, examine_at};
use kafkatalk_log::embedded::FILE;
use rusqlite::Connection;
use tempfile::TempDir;

const APPENDS: usize = 10;

async fn life(rng: &mut fastrand::Rng) -> Life {
    Life::live(Disk::empty(), History::default(), rng, APPENDS).await
}

/// Losses found after cuts of a disk that skips syncs.
async fn lost(syncs: Syncs) -> usize {
    let mut rng = fastrand::Rng::with_seed(1);
    let life = life(&mut rng).await;
    let moments = life.moments(8, &mut rng);
    let nothing_survives = |_, _| Damage::nothing_survives();
    let (findings, ..) = life.cut_at(&moments, syncs, &mut rng, nothing_survives).await;
    findings.iter().map(|finding| finding.wrong.lost.len()).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_never_flushed_is_found_to_lose_records() {
    assert!(lost(Syncs::Ignored).await > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_did_not_flush_its_write_ahead_log_is_found_to_lose_records() {
    assert!(lost(Syncs::IgnoredOf("-wal")).await > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_did_not_flush_its_folder_is_found_to_lose_records() {
    assert!(lost(Syncs::IgnoredOfFolders).await > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_cuts_of_a_disk_that_carries_syncs_out_lose_nothing() {
    assert_eq!(lost(Syncs::All).await, 0);
}

/// What is found in a log that somebody changed.
async fn changed(sql: &str) -> Mismatches {
    let mut rng = fastrand::Rng::with_seed(2);
    let life = life(&mut rng).await;
    let mut disk = life.disk.clone();
    life.ops.iter().for_each(|op| disk.apply(op));
    let dir = TempDir::new().unwrap();
    disk.write_to(dir.path());
    let place = dir.path().join("data/log");
    let connection = Connection::open(place.join(FILE)).unwrap();
    connection.execute_batch(sql).unwrap();
    drop(connection);
    examine_at(&place, &life.history.at(life.ops.len()), true, &mut rng).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_is_gone_from_the_end_of_its_stream_is_found() {
    let last = "DELETE FROM records WHERE seq = (SELECT max(seq) FROM records)";
    assert_eq!(changed(last).await.counts()[0], 1);
    assert!(changed("SELECT 1").await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_is_there_twice_is_found() {
    let twice = "INSERT INTO records SELECT (SELECT max(seq) + 1 FROM records), stream,
        (SELECT max(offset) + 1 FROM records AS its WHERE its.stream = records.stream),
        id, key, kind, author, at, payload FROM records WHERE typeof(payload) = 'text' LIMIT 1";
    assert_eq!(changed(twice).await.counts()[1], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_that_changed_places_are_found() {
    let swapped = "CREATE TEMP TABLE two AS SELECT seq, offset FROM records
            WHERE kind <> 'record.erased' AND stream = (
                SELECT stream FROM records WHERE kind <> 'record.erased' GROUP BY stream HAVING count(*) > 1 LIMIT 1
            ) ORDER BY seq LIMIT 2;
        UPDATE records SET offset = -1 - offset WHERE seq IN (SELECT seq FROM two);
        UPDATE records SET offset = (SELECT sum(offset) FROM two) + 1 + offset WHERE offset < 0;";
    assert!(changed(swapped).await.counts()[2] >= 1);
}
