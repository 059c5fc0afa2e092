//! The file that holds the views: opening it, and when it is deleted and begun anew.

use super::{ViewsError, ViewsOptions, builds, schema::TABLES};
use crate::kernel::projector::Registry;
use kafkatalk_log::failpoints;
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use std::{
    io,
    path::{Path, PathBuf},
};

/// Raised with every change of the kernel's tables or of what their rows mean: files of another version are begun anew.
/// Each feature has a version of its own: see [`Projector`](crate::kernel::projector::Projector).
const VERSION: i64 = 5;
/// `KfTv`: tells a views file from any other SQLite file.
const APPLICATION_ID: i64 = 0x4b66_5476;
/// Prepared statements that one connection keeps.
const STATEMENTS_MAX: usize = 64;
/// Page cache of the writer, in KiB.
const WRITER_CACHE_KIB: i64 = 8 * 1024;
/// Page cache of one reader, in KiB. It is emptied by every commit, and the operating system's lies behind it.
const READER_CACHE_KIB: i64 = 256;
/// Pages that the write-ahead log may have before the writer itself copies them into the file, where the thread for that
/// has not kept up.
const WAL_PAGES: i64 = 16_000;
/// How long one connection waits for another's lock, in milliseconds; only a checkpoint ever holds one.
const LOCK_WAIT_MS: u64 = 5_000;

/// A file beside the views.
pub(super) fn beside(views: &Path, suffix: &str) -> PathBuf {
    let mut name = views.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Opens the file for writing, or begins a new one.
pub(super) fn open_writer(
    path: &Path,
    options: &ViewsOptions,
    registry: &Registry,
) -> Result<Connection, ViewsError> {
    let source = options.source.as_str();
    let mut connection = connect(path, WRITER_CACHE_KIB)?;
    if !is_usable(&connection, options)? || !builds::adapt(&mut connection, registry, options.read_again_max)?
    {
        drop(connection);
        delete(path)?;
        connection = connect(path, WRITER_CACHE_KIB)?;
        create(&mut connection, source, registry)?;
    }
    connection.execute("UPDATE source SET name = ?1 WHERE name <> ?1", [source])?;
    connection.pragma_update(None, "wal_autocheckpoint", WAL_PAGES)?;
    Ok(connection)
}

/// Whether there is a file of that log that can be read as it is.
pub(super) fn is_there(path: &Path, options: &ViewsOptions) -> Result<bool, ViewsError> {
    Ok(path.exists() && is_usable(&open_reader(path)?, options)?)
}

/// Opens the file for reading.
pub(super) fn open_reader(path: &Path) -> Result<Connection, ViewsError> {
    let connection = connect(path, READER_CACHE_KIB)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// Opens the file for those who work beside the writer.
pub(super) fn open_beside(path: &Path) -> Result<Connection, ViewsError> {
    connect(path, READER_CACHE_KIB)
}

/// Copies what it can of the write-ahead log into the file, without holding up anybody. Whether that was all.
pub(super) fn copy_wal(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
        Ok(row.get::<_, i64>(1)? == row.get::<_, i64>(2)?)
    })
}

pub(super) fn connect(path: &Path, cache_kib: i64) -> Result<Connection, ViewsError> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    connection.busy_timeout(std::time::Duration::from_millis(LOCK_WAIT_MS))?;
    connection.pragma_update(None, "cache_size", -cache_kib)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // A power cut may take the last moments: the log has them. It does not tear the file.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    Ok(connection)
}

/// Whether the file can be gone on with. An error where it is not ours to throw away.
fn is_usable(connection: &Connection, options: &ViewsOptions) -> Result<bool, ViewsError> {
    let number = |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let (pages, application) = (number("page_count")?, number("application_id")?);
    if pages > 0 && application != APPLICATION_ID {
        return Err(ViewsError::Foreign);
    }
    if pages == 0 || number("user_version")? != VERSION {
        return Ok(false);
    }
    let mut find = connection.prepare("SELECT name, log FROM source")?;
    let made_from = find
        .query_row([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?)))
        .optional()?;
    let Some((name, log)) = made_from else { return Ok(false) };
    if !same_log(&name, &options.source) {
        return Ok(false);
    }
    let another = log.zip(options.log.as_ref()).is_some_and(|(held, log)| held != *log);
    if another {
        tracing::warn!(reason = "made from another log", "views_begun_anew");
    }
    Ok(!another)
}

/// Whether two names are of one log: word by word the same, where of a list one part in common is enough. Brokers come
/// and go from the list that a node is given, and the cluster stays what it is.
fn same_log(one: &str, other: &str) -> bool {
    let (one, other): (Vec<_>, Vec<_>) = (one.split(' ').collect(), other.split(' ').collect());
    let meet = |one: &str, other: &str| one.split(',').any(|part| other.split(',').any(|held| held == part));
    one.len() == other.len() && one.into_iter().zip(other).all(|(one, other)| meet(one, other))
}

fn create(connection: &mut Connection, source: &str, registry: &Registry) -> Result<(), ViewsError> {
    // The mark goes first: a crash before the tables are there leaves a file that is known as ours and begun anew.
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    let begun = connection.transaction()?;
    begun.execute_batch(TABLES)?;
    builds::begin(&begun, registry)?;
    if failpoints::is_on(failpoints::broken::DEDUP) {
        begun.execute_batch(
            "DROP INDEX messages_by_client_id;
             CREATE INDEX messages_by_client_id ON messages (conversation, sender, id);",
        )?;
    }
    begun.execute("INSERT INTO source (name, made, commits) VALUES (?1, randomblob(16), 0)", [source])?;
    begun.pragma_update(None, "user_version", VERSION)?;
    Ok(begun.commit()?)
}

/// Deletes the file and what SQLite keeps beside it.
pub(super) fn delete(path: &Path) -> Result<(), ViewsError> {
    for suffix in ["-wal", "-shm", ""] {
        match std::fs::remove_file(beside(path, suffix)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}
