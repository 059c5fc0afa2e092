//! The contract, kept by the embedded log, and what is particular to it.

#[path = "embedded/cramped.rs"]
mod cramped;
#[path = "embedded/faults.rs"]
mod faults;
#[path = "embedded/harness.rs"]
mod harness;
#[path = "embedded/opening.rs"]
mod opening;

mod contract;

use contract::{Harness, Sizes, Tampering, Version};
use kafkatalk_log::embedded::{EmbeddedLog, EmbeddedOptions};
use kafkatalk_log::limits::FORGET_WITHIN;
use kafkatalk_log::{EventLog, Ledger};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

struct Embedded {
    dir: TempDir,
}

impl Harness for Embedded {
    const SIZES: Sizes =
        Sizes { streams: 10_000, records: 4_000, flood: 20_000, kills: 5, erasures: 60, cases: 40 };
    const FORGETS_WITHIN: Duration = FORGET_WITHIN;

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
        Arc::new(EmbeddedLog::open(location, EmbeddedOptions::default()).unwrap())
    }
}

impl Tampering for Embedded {
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

contract::contract_suite!(Embedded);
