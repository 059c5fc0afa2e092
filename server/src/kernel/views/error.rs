//! What can go wrong with the views file, and what to do about it.

use rusqlite::ErrorCode;
use std::io;

/// The views could not be opened, written or asked. Nothing is lost by any of these: the log is the truth.
#[derive(Debug, thiserror::Error)]
pub enum ViewsError {
    /// The disk is full.
    #[error(
        "no room on the disk for the views file: free some; nothing is lost, and the node goes on by itself"
    )]
    Full,
    /// What is in the file cannot be what was written.
    #[error(
        "the views file is damaged ({0}): stop the node, run `kafkatalk rebuild` and start it again; nothing is lost"
    )]
    Damaged(String),
    /// There is a file, but it is something else.
    #[error(
        "the file in the place of the views is not one of KafkaTalk: move it away, or choose another data folder"
    )]
    Foreign,
    /// There is none of this log.
    #[error(
        "there are no views of this log in {0}: start the node, or run `kafkatalk rebuild` with the same settings"
    )]
    Missing(String),
    /// Another process writes it.
    #[error("another node uses these views: stop it, or choose another data folder")]
    InUse,
    /// The file cannot be opened, read or written: what SQLite or the operating system said.
    #[error("the views file cannot be used: {0}")]
    Storage(String),
    /// Too many reads wait already.
    #[error("too many reads of the views at once")]
    Busy,
    /// What is searched has not come to where the rows are.
    #[error("the search index is behind the views")]
    Indexing,
    /// A cursor that was not made here.
    #[error("not a cursor of this list: begin again without one")]
    BadCursor,
    /// A read was cut off.
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
