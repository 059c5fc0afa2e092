//! The contract again, with hardly any memory: tails live on the border between memory and the database.

use crate::contract::support::{conversation, message};
use crate::contract::{self, Harness, Sizes, Tampering, Version};
use crate::harness;
use kafkatalk_log::embedded::{EmbeddedLog, EmbeddedOptions};
use kafkatalk_log::limits::FORGET_WITHIN;
use kafkatalk_log::{EventLog, Ledger};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

struct Cramped {
    dir: TempDir,
}

impl Harness for Cramped {
    const SIZES: Sizes =
        Sizes { streams: 500, records: 2_000, flood: 1_000, kills: 2, erasures: 10, cases: 25 };
    const FORGETS_WITHIN: Duration = FORGET_WITHIN;
    const CHILD: &'static str = "cramped::child_process";

    async fn new(_test: &str) -> Self {
        Self { dir: TempDir::new().unwrap() }
    }

    async fn open(&self) -> Arc<dyn EventLog> {
        Self::open_at(&self.location()).await
    }

    fn location(&self) -> String {
        self.dir.path().to_str().unwrap().to_owned()
    }

    fn files(&self) -> Vec<PathBuf> {
        vec![self.dir.path().into()]
    }

    async fn open_at(location: &str) -> Arc<dyn EventLog> {
        let options = EmbeddedOptions {
            append_queue_records_max: 64,
            append_queue_bytes_max: 2_000_000,
            tail_window_records_max: 3,
            tail_window_bytes_max: 1_000,
            checkpoint_every_bytes: 100_000,
            wal_bytes_max: 300_000,
            ..Default::default()
        };
        Arc::new(EmbeddedLog::open(location, options).unwrap())
    }
}

impl Tampering for Cramped {
    async fn open_as(&self, version: &Version) -> Arc<dyn EventLog> {
        harness::open_as(self.dir.path(), version)
    }

    async fn refused(&self, version: &Version, reason: &[&str]) {
        harness::refused(self.dir.path(), version, reason);
    }

    async fn lose(&self, ledger: Ledger) {
        harness::lose(self.dir.path(), ledger);
    }

    async fn lose_manifest(&self) {
        harness::lose_manifest(self.dir.path());
    }
}

contract::contract_suite!(Cramped);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_write_ahead_log_stays_near_its_limit_while_appends_go_on() {
    let place = Cramped::new("").await;
    let log = place.open().await;
    let wal = place.dir.path().join("log.sqlite3-wal");
    let mut largest = 0;
    for _ in 0..250 {
        log.append(conversation(1), message(&"x".repeat(20_000))).await.unwrap();
        largest = largest.max(std::fs::metadata(&wal).map_or(0, |file| file.len()));
    }
    // 5 MB were written.
    assert!(largest < 2_500_000, "it grew to {largest} bytes");
    log.close().await;
}
