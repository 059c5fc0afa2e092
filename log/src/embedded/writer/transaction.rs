//! What the writer does in one transaction.

use super::command::Command;
use crate::embedded::names;
use crate::embedded::reader::{self, SearchResult, integer};
use crate::embedded::window::Committed;
use crate::limits::WRITER_STREAMS_MAX;
use crate::{Entry, Record, RecordId, Stream};
use kafkatalk_protocol::{Offset, Timestamp};
use rusqlite::Connection;
use std::collections::HashMap;
use std::sync::Arc;
use uuid::{NoContext, Uuid};

/// Where a transaction failed.
pub(super) enum Failure {
    /// Before its commit: nothing was written.
    Before(rusqlite::Error),
    /// In its commit: all of it or nothing was written.
    Commit(rusqlite::Error),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Before(error)
    }
}

/// What a transaction wrote.
#[derive(Default)]
pub(super) struct Written {
    pub(super) committed: Vec<Committed>,
    /// Numbers of records that were erased.
    pub(super) erased: Vec<u64>,
}

/// What the writer remembers of the tables. Thrown away after a failure, and read again.
pub(super) struct Ends {
    /// The number of the newest record.
    pub(super) seq: u64,
    /// Each stream's number and the offset that its next record gets.
    pub(super) streams: HashMap<Stream, (i64, u64)>,
}

/// Writes a group in one transaction and makes it durable.
pub(super) fn transact(
    connection: &Connection,
    ends: &mut Ends,
    group: &[Command],
) -> Result<Written, Failure> {
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    let mut written = Written { committed: Vec::with_capacity(group.len()), erased: Vec::new() };
    for command in group {
        match command {
            Command::Append { stream, record, bytes, .. } => {
                let committed = insert(connection, ends, *stream, Arc::clone(record), *bytes)?;
                written.committed.push(committed);
            }
            Command::Erase { stream, erased, found, at, .. } => {
                let found = locate(connection, ends, *stream, *erased, found)?;
                let key = found.as_ref().and_then(|(_, key)| key.clone());
                if let Some((seq, _)) = found {
                    blank(connection, seq)?;
                    written.erased.push(seq);
                }
                let record = Record::erasing(id_at(*at), *erased, key, *at);
                let bytes = record.bytes();
                written.committed.push(insert(connection, ends, *stream, Arc::new(record), bytes)?);
            }
        }
    }
    connection.prepare_cached("COMMIT")?.execute([]).map_err(Failure::Commit)?;
    Ok(written)
}

/// A record id of that time.
fn id_at(at: Timestamp) -> RecordId {
    let millis = at.as_millis().unsigned_abs();
    let nanos = u32::try_from(millis % 1_000).unwrap_or(0) * 1_000_000;
    Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, millis / 1_000, nanos))
}

fn insert(
    connection: &Connection,
    ends: &mut Ends,
    stream: Stream,
    record: Arc<Record>,
    bytes: usize,
) -> rusqlite::Result<Committed> {
    let (number, offset) = end_of(connection, ends, stream)?;
    let seq = ends.seq + 1;
    let author = record.author.as_ref().map(|author| author.0.as_bytes().as_slice());
    connection.prepare_cached("INSERT INTO records VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?.execute(
        (
            integer(seq),
            number,
            integer(offset),
            record.id.as_bytes().as_slice(),
            record.key.as_deref(),
            &*record.kind,
            author,
            record.at.as_millis(),
            record.payload.get(),
        ),
    )?;
    ends.seq = seq;
    ends.streams.insert(stream, (number, offset + 1));
    Ok(Committed { seq, bytes, entry: Entry { stream, offset: Offset(offset), record } })
}

/// A stream's number and the offset that its next record gets; makes the stream where it is new.
fn end_of(connection: &Connection, ends: &mut Ends, stream: Stream) -> rusqlite::Result<(i64, u64)> {
    if let Some(&end) = ends.streams.get(&stream) {
        return Ok(end);
    }
    if ends.streams.len() >= WRITER_STREAMS_MAX {
        ends.streams.clear();
    }
    if let Some(end) = reader::stream_state(connection, &stream)? {
        return Ok(end);
    }
    connection
        .prepare_cached("INSERT INTO streams (name) VALUES (?1)")?
        .execute([names::name_of(&stream)])?;
    Ok((connection.last_insert_rowid(), 0))
}

/// The record to erase: where the search found it, or among what was appended since.
fn locate(
    connection: &Connection,
    ends: &mut Ends,
    stream: Stream,
    erased: RecordId,
    found: &SearchResult,
) -> rusqlite::Result<Option<(u64, Option<Box<str>>)>> {
    if found.record.is_some() {
        return Ok(found.record.clone());
    }
    let (number, _) = end_of(connection, ends, stream)?;
    reader::find(connection, number, found.searched, erased)
}

/// Overwrites a record's content by as many zeros, in place.
fn blank(connection: &Connection, seq: u64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE records SET payload = zeroblob(octet_length(payload)) WHERE seq = ?1")?
        .execute([integer(seq)])?;
    Ok(())
}
