//! One row at a time into SQLite, each commit as durable as the embedded log's: WAL, synchronous=FULL.

use super::Baseline;
use crate::latency::Latencies;
use crate::number::nanos;
use anyhow::Result;
use rusqlite::Connection;
use std::{path::Path, time::Instant};
use tokio::task::spawn_blocking;

/// Commits that many rows that hold a message of that many bytes.
pub(crate) async fn measure(folder: &Path, bytes: usize, commits: u64) -> Result<Baseline> {
    let folder = tempfile::tempdir_in(folder)?;
    spawn_blocking(move || commit(&folder.path().join("baseline.sqlite"), bytes, commits)).await?
}

fn commit(file: &Path, bytes: usize, commits: u64) -> Result<Baseline> {
    let connection = Connection::open(file)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.execute("CREATE TABLE record (offset INTEGER PRIMARY KEY, body TEXT NOT NULL)", ())?;
    let mut insert = connection.prepare("INSERT INTO record (body) VALUES (?1)")?;
    let body = "x".repeat(bytes);
    let mut latencies = Latencies::new();
    for _ in 0..commits {
        let started = Instant::now();
        insert.execute([&body])?;
        latencies.record(nanos(started.elapsed()));
    }
    Ok(Baseline {
        name: "SQLite commit, one row, WAL, synchronous=FULL".into(),
        counts: [commits, latencies.len()],
        to_ack: Some(latencies.clone()),
        end_to_end: latencies,
        late: None,
        cpu_us: None,
        bytes_per_socket: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_commit_is_measured() {
        let folder = tempfile::tempdir().unwrap();
        let baseline = measure(folder.path(), 200, 20).await.unwrap();
        assert_eq!(baseline.counts, [20; 2]);
    }
}
