//! The contract again, with hardly any memory: tails live on the border between memory and the database.

use crate::contract::{self, Harness, Sizes};
use kafkatalk_log::EventLog;
use kafkatalk_log::embedded::{EmbeddedLog, EmbeddedOptions};
use kafkatalk_log::limits::FORGET_WITHIN;
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
            tail_window_records_max: 3,
            tail_window_bytes_max: 1_000,
            ..EmbeddedOptions::default()
        };
        Arc::new(EmbeddedLog::open(location, options).unwrap())
    }
}

contract::contract_suite!(Cramped);
