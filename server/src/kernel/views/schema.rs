//! The tables, and opening the file that holds them.

use super::{ViewsError, ViewsOptions};
use crate::kernel::projector::{FeatureTables, Registry};
use kafkatalk_log::{Stream, failpoints};
use kafkatalk_protocol::Offset;
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use std::{
    io,
    path::{Path, PathBuf},
};
use uuid::Uuid;

/// Raised with every change of the tables or of what the rows mean: files of another version are begun anew.
const VERSION: i64 = 4;
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

/// Messages that one row of `counts` may stand for. Unread messages are counted by summing such rows, and the part of
/// one: never by walking through the history.
pub(crate) const CHUNK_OFFSETS: u64 = 256;

/// The kernel's tables; each feature adds its own: see [`crate::kernel::projector::Projector`].
///
/// People and conversations have row numbers inside the file, because an integer costs a third of a UUID in every row
/// and index. Messages lie in the order of conversation and offset: `place` is `conversation << 32 | offset`.
///
/// - `users` also holds people who are named as members but have not claimed a name yet: `username` is null then. `told` is
///   the name under which a record added somebody to a group, which may come before their claim.
/// - `conversations.waiting` counts such members; a conversation is open when none is left. `last_record` is the end of
///   its chain of visible records, `applied` the last record of its stream that was applied.
/// - `conversations.is_group`, `name` and `group_revision` are of groups: the last is the offset of the record that last
///   changed members, roles or the name.
/// - `members.sees_from` is the first offset that a member may see; `until` is set for those who left or were removed.
///   `since` is the offset of the record that let somebody in: none for those whom the creation named. `founder` tells these
///   for ever: 2 is who created the conversation, 1 the others, 0 whoever came later. `role` is 0 for a member, 1 for an admin, 2 for an owner.
/// - `counts` counts messages by sender in chunks of [`CHUNK_OFFSETS`].
/// - `source.made` tells this file from any other, and `source.commits` counts what was committed: by both the search
///   index knows what it was made from. `source.log` is the identity of the log that the rows were made from.
/// - `held` holds records of conversations that are not open yet.
/// - `unknown_kinds` names streams with records of a kind that was not known when they were read: see
///   [`super::applier::Applier::begin_again`].
const TABLES: &str = "
CREATE TABLE source (name TEXT NOT NULL, made BLOB NOT NULL, commits INTEGER NOT NULL, log TEXT) STRICT;
CREATE TABLE checkpoint (name TEXT PRIMARY KEY, position INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE unknown_kinds (stream TEXT NOT NULL, kind TEXT NOT NULL, PRIMARY KEY (stream, kind)) STRICT, WITHOUT ROWID;
CREATE TABLE users (
    row INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, username TEXT UNIQUE, password_hash TEXT, told TEXT
) STRICT;
CREATE TABLE conversations (
    row INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, created_at INTEGER NOT NULL, waiting INTEGER NOT NULL,
    newest INTEGER, activity INTEGER NOT NULL, last_record INTEGER, applied INTEGER,
    is_group INTEGER NOT NULL, name TEXT, group_revision INTEGER
) STRICT;
CREATE TABLE members (
    conversation INTEGER NOT NULL, user INTEGER NOT NULL, role INTEGER NOT NULL DEFAULT 0,
    sees_from INTEGER NOT NULL DEFAULT 0, since INTEGER, until INTEGER, founder INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (conversation, user)
) STRICT, WITHOUT ROWID;
CREATE INDEX conversations_of_user ON members (user, conversation);
CREATE TABLE counts (
    conversation INTEGER NOT NULL, chunk INTEGER NOT NULL, sender INTEGER NOT NULL, messages INTEGER NOT NULL,
    PRIMARY KEY (conversation, chunk, sender)
) STRICT, WITHOUT ROWID;
CREATE TABLE held (
    conversation BLOB NOT NULL, \"offset\" INTEGER NOT NULL, id BLOB NOT NULL, record TEXT NOT NULL,
    PRIMARY KEY (conversation, \"offset\")
) STRICT, WITHOUT ROWID;
";

/// The kernel's part of [`super::Views::dump`].
pub(super) const DUMP: &[(&str, &str)] = &[
    ("user", "SELECT id, username, password_hash, told FROM users ORDER BY id"),
    (
        "conversation",
        "SELECT id, created_at, waiting, newest, activity, last_record, applied, is_group, name, group_revision
         FROM conversations ORDER BY id",
    ),
    (
        "member",
        "SELECT conversations.id, users.id, role, sees_from, since, until, founder FROM members
         JOIN conversations ON conversations.row = conversation JOIN users ON users.row = user ORDER BY 1, 2",
    ),
    (
        "count",
        "SELECT conversations.id, chunk, users.id, messages FROM counts
         JOIN conversations ON conversations.row = conversation JOIN users ON users.row = sender ORDER BY 1, 2, 3",
    ),
    ("held", "SELECT * FROM held ORDER BY 1, 2"),
    ("unknown kind", "SELECT * FROM unknown_kinds ORDER BY 1, 2"),
];

/// Bits of a place that hold the offset.
const OFFSET_BITS: u32 = 32;
/// The last offset that a place can hold.
pub(crate) const OFFSET_MAX: u64 = (1 << OFFSET_BITS) - 1;
/// The last conversation row that a place can hold.
pub(crate) const CONVERSATION_ROW_MAX: i64 = (1 << (63 - OFFSET_BITS)) - 1;

/// Where a message lies. `offset` is at most [`OFFSET_MAX`]; larger ones are refused on the way in.
pub(crate) fn place(conversation_row: i64, offset: Offset) -> i64 {
    (conversation_row << OFFSET_BITS) | sql_offset(offset)
}

/// The conversation in a place.
pub(crate) fn conversation_of(place: i64) -> i64 {
    place >> OFFSET_BITS
}

/// The offset in a place.
pub(crate) fn offset_of(place: i64) -> Offset {
    Offset(u64::try_from(place).unwrap_or_default() & OFFSET_MAX)
}

/// An offset as a column holds it; what lies beyond the last is drawn to it.
pub(crate) fn sql_offset(offset: Offset) -> i64 {
    i64::try_from(offset.0.min(OFFSET_MAX)).unwrap_or(i64::MAX)
}

/// An offset from a column.
pub(crate) fn column_offset(column: i64) -> Offset {
    Offset(u64::try_from(column).unwrap_or_default())
}

/// A token's hash from hex; `None` if it is none.
pub(crate) fn token_hash(hex: &str) -> Option<[u8; 32]> {
    let (mut bytes, hex) = ([0; 32], hex.as_bytes());
    if hex.len() != 64 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
        let digit = |c: u8| (c as char).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

/// An id as a column holds it.
pub(crate) fn blob(id: &Uuid) -> &[u8] {
    id.as_bytes()
}

/// A file beside the views.
pub(super) fn beside(views: &Path, suffix: &str) -> PathBuf {
    let mut name = views.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// An id from a column.
pub(crate) fn uuid(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Uuid> {
    row.get::<_, [u8; 16]>(column).map(Uuid::from_bytes)
}

/// The offsets of a conversation as places: the first and the last.
pub(crate) fn places_of(conversation_row: i64) -> (i64, i64) {
    (place(conversation_row, Offset(0)), place(conversation_row, Offset(OFFSET_MAX)))
}

/// Opens or begins the file for writing.
pub(super) fn open_writer(
    path: &Path,
    options: &ViewsOptions,
    registry: &Registry,
) -> Result<Connection, ViewsError> {
    let source = options.source.as_str();
    let mut connection = connect(path, WRITER_CACHE_KIB)?;
    if !is_usable(&connection, options)? || lacks_what_it_cannot_add(&connection, registry)? {
        drop(connection);
        delete(path)?;
        connection = connect(path, WRITER_CACHE_KIB)?;
        create(&mut connection, source, &registry.tables)?;
    }
    add_missing(&mut connection, &registry.tables)?;
    connection.execute("UPDATE source SET name = ?1 WHERE name <> ?1", [source])?;
    connection.pragma_update(None, "wal_autocheckpoint", WAL_PAGES)?;
    Ok(connection)
}

/// Whether a file was written by a version that lacked something, and reading some conversations again does not add it: a
/// ledger, on whose rows the others rest, holds a kind that is known now, or a feature keeps something of every message.
fn lacks_what_it_cannot_add(rows: &Connection, registry: &Registry) -> Result<bool, ViewsError> {
    for (name, kind) in unknown_kinds(rows)? {
        if let Ok(stream @ Stream::Ledger(ledger)) = name.parse()
            && registry.knows(stream, &kind)
        {
            let ledger = ledger.as_str();
            tracing::warn!(ledger, kind, "a ledger has a kind that is known now; the views are built anew");
            return Ok(true);
        }
    }
    for tables in registry.tables.iter().filter(|tables| tables.of_every_message) {
        if are_missing(rows, tables)? {
            tracing::warn!("a new feature has rows of every message; the views are built anew");
            return Ok(true);
        }
    }
    Ok(false)
}

/// Streams with records of kinds that were not known when they were read, and these kinds.
pub(super) fn unknown_kinds(rows: &Connection) -> Result<Vec<(String, String)>, ViewsError> {
    let mut find = rows.prepare_cached("SELECT stream, kind FROM unknown_kinds ORDER BY 1, 2")?;
    let found = find.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Adds the tables of features that the version did not have that wrote the file. What they are to hold of older records
/// comes as these are read again.
fn add_missing(connection: &mut Connection, features: &[FeatureTables]) -> Result<(), ViewsError> {
    let adding = connection.transaction()?;
    for tables in features {
        if are_missing(&adding, tables)? {
            adding.execute_batch(tables.sql)?;
        }
    }
    Ok(adding.commit()?)
}

/// Whether a feature has tables, and the file has none of them. A feature that changes its tables raises [`VERSION`].
fn are_missing(rows: &Connection, tables: &FeatureTables) -> Result<bool, ViewsError> {
    let mut find = rows.prepare_cached("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1")?;
    let mut names = table_names(tables.sql).peekable();
    let has_tables = names.peek().is_some();
    for name in names {
        if find.exists([name])? {
            return Ok(false);
        }
    }
    Ok(has_tables)
}

/// The names of the tables that these statements create.
fn table_names(sql: &str) -> impl Iterator<Item = &str> {
    sql.split("CREATE TABLE ").skip(1).filter_map(|rest| rest.split([' ', '(']).next())
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
        tracing::warn!("the views were made from another log; they are built anew from this one");
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

fn create(connection: &mut Connection, source: &str, features: &[FeatureTables]) -> Result<(), ViewsError> {
    // The mark goes first: a crash before the tables are there leaves a file that is known as ours and begun anew.
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    let begun = connection.transaction()?;
    begun.execute_batch(TABLES)?;
    for tables in features {
        begun.execute_batch(tables.sql)?;
    }
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
