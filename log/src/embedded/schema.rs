//! Tables, connections and their settings.
//!
//! Records lie in the order in which they were written, so that an append touches the last page only and a tail reads
//! straight on; an index leads from a stream's offsets to them. Rows never move and are never deleted: an erased record
//! is overwritten in place by zeros of the same length, which leaves no copy of it behind.

use super::error::OpenError;
use super::folder::Folder;
use super::manifest::{self, Refusal};
use super::options::EmbeddedOptions;
use crate::limits::{LOCK_WAIT_MAX, READER_CACHE_KIB, WRITER_CACHE_KIB};
use crate::manifest::Manifest;
use rusqlite::{Connection, ErrorCode, OpenFlags, Row};
use std::path::Path;

/// Marks the file as a log of this program: the letters `KTlg`.
const APPLICATION_ID: i64 = 0x4b54_6c67;
/// The format of the tables below.
const FORMAT: i64 = 1;

const TABLES: &str = "
    -- name: the 16 bytes of a conversation's id, or a ledger's name.
    CREATE TABLE streams (
        id INTEGER PRIMARY KEY,
        name BLOB NOT NULL UNIQUE
    ) STRICT;
    -- at: milliseconds since 1970. payload: JSON text; a blob of zeros where it was erased.
    CREATE TABLE records (
        seq INTEGER PRIMARY KEY,
        stream INTEGER NOT NULL,
        offset INTEGER NOT NULL,
        id BLOB NOT NULL,
        key TEXT,
        kind TEXT NOT NULL,
        author BLOB,
        at INTEGER NOT NULL,
        payload ANY NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX records_by_offset ON records (stream, offset);
";

/// Opens the writer's connection; creates the tables and ledgers that are new.
pub(super) fn open(folder: &Folder, options: &EmbeddedOptions) -> Result<(Connection, Manifest), OpenError> {
    let failed = |error: rusqlite::Error| match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            OpenError::NotALog { file: folder.database(), reason: error.to_string() }
        }
        _ => OpenError::Folder { dir: folder.dir().into(), reason: error.to_string() },
    };
    let mut connection = Connection::open(folder.database()).map_err(failed)?;
    connection.busy_timeout(LOCK_WAIT_MAX).map_err(failed)?;
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let (format, application) =
        (number("user_version").map_err(failed)?, number("application_id").map_err(failed)?);
    if format == 0 && application == 0 && is_empty(&connection).map_err(failed)? {
        settings(&connection).map_err(failed)?;
        create(&connection).map_err(failed)?;
        let unsynced =
            |error: std::io::Error| OpenError::Folder { dir: folder.dir().into(), reason: error.to_string() };
        folder.sync().map_err(unsynced)?;
    } else {
        check(&folder.database(), folder.dir(), application, format)?;
        settings(&connection).map_err(failed)?;
    }
    let manifest = manifest::open(&mut connection, options).map_err(|refusal| match refusal {
        Refusal::Gone(ledger) => OpenError::LedgerGone { file: folder.database(), ledger: ledger.as_str() },
        Refusal::Level(found) => OpenError::Level { dir: folder.dir().into(), found, known: options.level },
        Refusal::Sqlite(error) => failed(error),
    })?;
    Ok((connection, manifest))
}

/// Opens the writer's connection again after a failure; never makes a new log where the old one has gone.
pub(super) fn reopen(database: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(database, flags)?;
    connection.busy_timeout(LOCK_WAIT_MAX)?;
    settings(&connection)?;
    Ok(connection)
}

/// Opens a connection that only reads.
pub(super) fn open_reader(database: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(database, flags)?;
    connection.busy_timeout(LOCK_WAIT_MAX)?;
    connection.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
    Ok(connection)
}

/// Whether a file is a log that this program can read.
pub(super) fn look(database: &Path, dir: &Path) -> Result<(), OpenError> {
    let failed =
        |error: rusqlite::Error| OpenError::NotALog { file: database.into(), reason: error.to_string() };
    let connection = open_reader(database).map_err(failed)?;
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let (application, format) =
        (number("application_id").map_err(failed)?, number("user_version").map_err(failed)?);
    check(database, dir, application, format)
}

/// Refuses what a file says of itself where it is no log, or one of a later program.
fn check(database: &Path, dir: &Path, application: i64, format: i64) -> Result<(), OpenError> {
    if application != APPLICATION_ID {
        let reason = "it is a database of some other program".into();
        return Err(OpenError::NotALog { file: database.into(), reason });
    }
    if format > FORMAT {
        return Err(OpenError::Newer { dir: dir.into(), found: format, known: FORMAT });
    }
    Ok(())
}

fn is_empty(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))
}

fn settings(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "secure_delete", "ON")?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // A thread of its own does that.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)
}

fn create(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(&format!(
        "BEGIN IMMEDIATE; {TABLES}
         PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {FORMAT}; COMMIT;"
    ))
}

/// Writes something small and makes it durable: whether the disk takes writes at all.
pub(super) fn probe(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "user_version", FORMAT)
}

/// How far a copy of the write-ahead log into the database came.
pub(super) struct Pass {
    /// Pages in the write-ahead log.
    pub(super) pages: u64,
    /// Those of them that are in the database now.
    pub(super) copied: u64,
}

/// Copies what it can of the write-ahead log into the database, without holding up anybody.
pub(super) fn checkpoint(connection: &Connection) -> rusqlite::Result<Pass> {
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
        Ok(Pass { pages: number(row, 1)?, copied: number(row, 2)? })
    })
}

/// Copies all of the write-ahead log into the database, durably, and empties it. `false` if a reader was in the way.
pub(super) fn truncate_wal(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| Ok(row.get::<_, i64>(0)? == 0))
}

/// The number of the newest record; 0 where there is none.
pub(super) fn last_seq(connection: &Connection) -> rusqlite::Result<u64> {
    connection.query_row("SELECT coalesce(max(seq), 0) FROM records", [], |row| number(row, 0))
}

/// A number that is never negative.
pub(super) fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, number))
}
