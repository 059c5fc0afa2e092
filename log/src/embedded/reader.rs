//! Reading back, on connections of their own.

use super::{names, schema};
use crate::limits::READS_AT_ONCE_MAX;
use crate::{Entry, Page, ReadError, Record, RecordId, Stream};
use kafkatalk_protocol::{Offset, Timestamp, UserId};
use rusqlite::types::{Type, ValueRef};
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row};
use serde_json::value::RawValue;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinHandle, spawn_blocking};
use uuid::Uuid;

/// The name of the one position in a checkpoint of this log.
pub(super) const SEQ: &str = "seq";

/// Connections that only read, and how many may be at it at once.
pub(super) struct Readers {
    database: PathBuf,
    permits: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Readers {
    pub(super) fn new(database: PathBuf) -> Self {
        let permits = Arc::new(Semaphore::new(READS_AT_ONCE_MAX));
        Self { database, permits, idle: Arc::default() }
    }

    /// Waits for a turn to read.
    pub(super) async fn permit(&self) -> Result<OwnedSemaphorePermit, ReadError> {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        permit.map_err(|_| ReadError::Unavailable("it is closed".into()))
    }

    /// Reads on a thread where waiting for the disk holds up nobody.
    pub(super) fn spawn<T: Send + 'static>(
        &self,
        permit: OwnedSemaphorePermit,
        read: impl FnOnce(&Connection) -> Result<T, ReadError> + Send + 'static,
    ) -> JoinHandle<Result<T, ReadError>> {
        let (idle, database) = (Arc::clone(&self.idle), self.database.clone());
        spawn_blocking(move || {
            let kept = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let connection = match kept {
                Some(connection) => connection,
                None => schema::open_reader(&database).map_err(|error| read_error(&error))?,
            };
            let result = read(&connection);
            // After a failure the next read begins with a fresh connection.
            if result.is_ok() {
                idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            }
            drop(permit);
            result
        })
    }

    /// Waits for a turn, and reads.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let permit = self.permit().await?;
        finished(self.spawn(permit, read).await)
    }

    /// No more reads; lets the connections go.
    pub(super) fn close(&self) {
        self.permits.close();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// What a reading thread came back with.
pub(super) fn finished<T>(result: Result<Result<T, ReadError>, JoinError>) -> Result<T, ReadError> {
    result.unwrap_or_else(|error| Err(ReadError::Unavailable(format!("the read was broken off: {error}"))))
}

pub(super) fn read_error(error: &rusqlite::Error) -> ReadError {
    let damaged =
        matches!(
            error,
            rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
        ) || matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase));
    if damaged { ReadError::Damaged(error.to_string()) } else { ReadError::Unavailable(error.to_string()) }
}

/// A number as SQLite keeps it; what is larger than any there can be is drawn to the largest.
pub(super) fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The columns that [`record_of`] reads, behind two of the query's own.
const RECORD_COLUMNS: &str = "id, key, kind, author, at, payload";

/// The record in a row; `None` where it was erased.
fn record_of(row: &Row<'_>) -> rusqlite::Result<Option<Record>> {
    let payload = match row.get_ref(7)? {
        ValueRef::Text(text) => text,
        ValueRef::Blob(_) => return Ok(None),
        other => return Err(rusqlite::Error::InvalidColumnType(7, "payload".into(), other.data_type())),
    };
    let wrong = |column, kind, error| rusqlite::Error::FromSqlConversionFailure(column, kind, error);
    let payload: Box<RawValue> =
        serde_json::from_slice(payload).map_err(|error| wrong(7, Type::Text, error.into()))?;
    let uuid = |column: usize, bytes: &[u8]| {
        Uuid::from_slice(bytes).map_err(|error| wrong(column, Type::Blob, error.into()))
    };
    let author = match row.get_ref(5)?.as_blob_or_null()? {
        Some(bytes) => Some(UserId(uuid(5, bytes)?)),
        None => None,
    };
    Ok(Some(Record {
        id: uuid(2, row.get_ref(2)?.as_blob()?)?,
        key: row.get_ref(3)?.as_str_or_null()?.map(Into::into),
        kind: row.get_ref(4)?.as_str()?.into(),
        author,
        at: Timestamp::from_millis(row.get(6)?),
        payload,
    }))
}

/// A part of a stream.
pub(super) fn page(
    connection: &Connection,
    stream: Stream,
    from: Offset,
    limit: usize,
    bytes_max: usize,
) -> Result<Page, ReadError> {
    let read = || -> rusqlite::Result<Page> {
        // One transaction, so that the records and the stream's end are of the same moment.
        let transaction = connection.unchecked_transaction()?;
        let Some((id, end)) = stream_state(&transaction, &stream)? else {
            return Ok(Page { entries: Vec::new(), next: Offset(0), end: Offset(0) });
        };
        let end = Offset(end);
        if from >= end {
            return Ok(Page { entries: Vec::new(), next: end, end });
        }
        let mut statement = transaction.prepare_cached(&format!(
            "SELECT seq, offset, {RECORD_COLUMNS} FROM records
             WHERE stream = ?1 AND offset >= ?2 ORDER BY offset LIMIT ?3"
        ))?;
        let mut rows = statement.query((id, integer(from.0), integer(limit as u64)))?;
        let (mut entries, mut bytes, mut next) = (Vec::with_capacity(limit.min(64)), 0, from);
        while bytes < bytes_max
            && let Some(row) = rows.next()?
        {
            let offset = Offset(schema::number(row, 1)?);
            next = offset.next();
            if let Some(record) = record_of(row)? {
                bytes += record.bytes();
                entries.push(Entry { stream, offset, record: Arc::new(record) });
            }
        }
        Ok(Page { entries, next, end })
    };
    read().map_err(|error| read_error(&error))
}

/// A stream's number in the table and the offset that its next record gets; `None` if it was never written to.
pub(super) fn stream_state(connection: &Connection, stream: &Stream) -> rusqlite::Result<Option<(i64, u64)>> {
    connection
        .prepare_cached(
            "SELECT id, (SELECT coalesce(max(offset) + 1, 0) FROM records WHERE stream = streams.id)
             FROM streams WHERE name = ?1",
        )?
        .query_row([names::name_of(stream)], |row| Ok((row.get(0)?, schema::number(row, 1)?)))
        .optional()
}

/// Every stream that was written to, and the offset that its next record gets. Sorted.
pub(super) fn streams(connection: &Connection) -> Result<Vec<(Stream, Offset)>, ReadError> {
    let read = || -> rusqlite::Result<Vec<(Stream, Offset)>> {
        let mut statement = connection.prepare_cached(
            "SELECT name, (SELECT max(offset) + 1 FROM records WHERE stream = streams.id) AS next
             FROM streams WHERE next IS NOT NULL",
        )?;
        let mut rows = statement.query([])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            if let Some(stream) = names::stream_of(row.get_ref(0)?.as_blob()?) {
                found.push((stream, Offset(schema::number(row, 1)?)));
            }
        }
        found.sort_unstable();
        Ok(found)
    };
    read().map_err(|error| read_error(&error))
}

/// The offset after the last that a stream had at a number; 0 where it had none.
pub(super) fn reached(connection: &Connection, stream: Stream, seq: u64) -> Result<Offset, ReadError> {
    let found = || -> rusqlite::Result<Option<u64>> {
        connection
            .prepare_cached(
                "SELECT offset + 1 FROM records
                 WHERE stream = (SELECT id FROM streams WHERE name = ?1) AND seq <= ?2
                 ORDER BY offset DESC LIMIT 1",
            )?
            .query_row((names::name_of(&stream), integer(seq)), |row| schema::number(row, 0))
            .optional()
    };
    found().map(|found| Offset(found.unwrap_or(0))).map_err(|error| read_error(&error))
}

/// What comes after a number, over all streams.
pub(super) struct Following {
    pub(super) entries: Vec<Entry>,
    /// The number up to which it reaches; the one that was asked for if there was nothing after it.
    pub(super) upto: u64,
}

/// Reads on after a number. Not beyond `last`: a reader must not be ahead of what the writer has told of.
pub(super) fn following(
    connection: &Connection,
    seq: u64,
    last: u64,
    limit: usize,
    bytes_max: usize,
) -> Result<Following, ReadError> {
    let read = || -> rusqlite::Result<Following> {
        let mut statement = connection.prepare_cached(
            "SELECT seq, offset, records.id, key, kind, author, at, payload, name
             FROM records JOIN streams ON streams.id = records.stream
             WHERE seq > ?1 AND seq <= ?2 ORDER BY seq LIMIT ?3",
        )?;
        let mut rows = statement.query((integer(seq), integer(last), integer(limit as u64)))?;
        let (mut entries, mut bytes, mut upto) = (Vec::with_capacity(limit), 0, seq);
        while bytes < bytes_max
            && let Some(row) = rows.next()?
        {
            upto = schema::number(row, 0)?;
            let Some(record) = record_of(row)? else { continue };
            let Some(stream) = names::stream_of(row.get_ref(8)?.as_blob()?) else { continue };
            bytes += record.bytes();
            entries.push(Entry { stream, offset: Offset(schema::number(row, 1)?), record: Arc::new(record) });
        }
        Ok(Following { entries, upto })
    };
    read().map_err(|error| read_error(&error))
}

/// Where a record lies.
#[derive(Debug, Default)]
pub(super) struct SearchResult {
    /// The record's number and key, if it is there.
    pub(super) record: Option<(u64, Option<Box<str>>)>,
    /// The stream's end as of the search: what was appended later was not looked at.
    pub(super) searched: u64,
}

/// Looks for a record by its id, the newest first: that is what people regret.
pub(super) fn search(
    connection: &Connection,
    stream: Stream,
    id: RecordId,
) -> Result<SearchResult, ReadError> {
    let read = || -> rusqlite::Result<SearchResult> {
        let transaction = connection.unchecked_transaction()?;
        let Some((number, searched)) = stream_state(&transaction, &stream)? else {
            return Ok(SearchResult::default());
        };
        Ok(SearchResult { record: find(&transaction, number, 0, id)?, searched })
    };
    read().map_err(|error| read_error(&error))
}

/// Looks for a record by its id from an offset on.
pub(super) fn find(
    connection: &Connection,
    stream: i64,
    from: u64,
    id: RecordId,
) -> rusqlite::Result<Option<(u64, Option<Box<str>>)>> {
    connection
        .prepare_cached(
            "SELECT seq, key FROM records WHERE stream = ?1 AND offset >= ?2 AND id = ?3
             ORDER BY offset DESC LIMIT 1",
        )?
        .query_row((stream, integer(from), id.as_bytes().as_slice()), |row| {
            Ok((schema::number(row, 0)?, row.get(1)?))
        })
        .optional()
}
