//! What can go wrong with the views file, and what to do about it.

use rusqlite::ErrorCode;
use std::io;

/// The views could not be opened, written or read. No data is lost by any of these: the log is the source of truth.
#[derive(Debug, thiserror::Error)]
pub enum ViewsError {
    /// The disk is full.
    #[error(
        "no space left on the disk for the views file: free some, and the node continues; no data is lost"
    )]
    Full,
    /// The file does not contain what was written.
    #[error(
        "the views file is damaged ({0}): stop the node, run `kafkatalk rebuild`, start it again; no data is lost"
    )]
    Damaged(String),
    /// The file is of another application.
    #[error(
        "the file at the path of the views is not one of KafkaTalk: move it, or choose another data folder"
    )]
    Foreign,
    /// There are no views of this log.
    #[error(
        "there are no views of this log in {0}: start the node, or run `kafkatalk rebuild` with the same settings"
    )]
    Missing(String),
    /// Another process holds the file.
    #[error("another process uses these views: stop it, or choose another data folder")]
    InUse,
    /// The file cannot be opened, read or written: what SQLite or the operating system said.
    #[error("the views file cannot be used: {0}")]
    Storage(String),
    /// Too many reads wait already.
    #[error("too many reads of the views at once")]
    Busy,
    /// The search index is behind the rows.
    #[error("the search index is behind the views")]
    Indexing,
    /// The cursor is not from an earlier page.
    #[error("not a cursor of this list: begin again without one")]
    BadCursor,
    /// A read was interrupted.
    #[error("a read of the views ended early: {0}")]
    Interrupted(String),
}

impl From<rusqlite::Error> for ViewsError {
    fn from(error: rusqlite::Error) -> Self {
        let reason = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::DatabaseCorrupt) => Self::Damaged(reason),
            Some(ErrorCode::NotADatabase) => Self::Foreign,
            _ => Self::Storage(reason),
        }
    }
}

impl From<io::Error> for ViewsError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull => Self::Full,
            _ => Self::Storage(error.to_string()),
        }
    }
}
