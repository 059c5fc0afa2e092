//! What the contract asks of the embedded log's harnesses.

use crate::contract::Version;
use kafkatalk_log::EventLog;
use kafkatalk_log::Ledger;
use kafkatalk_log::embedded::{EmbeddedLog, EmbeddedOptions, FILE};
use rusqlite::Connection;
use std::path::Path;
use std::sync::Arc;

fn options(version: &Version) -> EmbeddedOptions {
    EmbeddedOptions { ledgers: version.ledgers.clone(), level: version.level, ..Default::default() }
}

pub(crate) fn open_as(dir: &Path, version: &Version) -> Arc<dyn EventLog> {
    Arc::new(EmbeddedLog::open(dir, options(version)).unwrap())
}

pub(crate) fn refused(dir: &Path, version: &Version, reason: &[&str]) {
    let Err(error) = EmbeddedLog::open(dir, options(version)) else { panic!("it was opened") };
    let error = error.to_string();
    assert!(reason.iter().all(|part| error.contains(part)), "{error}");
}

fn database(dir: &Path) -> Connection {
    Connection::open(dir.join(FILE)).unwrap()
}

pub(crate) fn lose(dir: &Path, ledger: Ledger) {
    let connection = database(dir);
    let name = ledger.as_str().as_bytes();
    let of_ledger = "DELETE FROM records WHERE stream = (SELECT id FROM streams WHERE name = ?1)";
    connection.execute(of_ledger, [name]).unwrap();
    assert_eq!(connection.execute("DELETE FROM streams WHERE name = ?1", [name]).unwrap(), 1);
}

/// What versions wrote that knew of no manifest: no table, and a stream for each ledger that was written to.
pub(crate) fn lose_manifest(dir: &Path) {
    let connection = database(dir);
    connection.execute("DROP TABLE manifest", []).unwrap();
    connection.execute("DELETE FROM streams WHERE id NOT IN (SELECT stream FROM records)", []).unwrap();
}
