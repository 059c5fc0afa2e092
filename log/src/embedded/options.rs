//! What may be chosen.

use crate::limits::{
    APPEND_QUEUE_BYTES_MAX, APPEND_QUEUE_RECORDS_MAX, CHECKPOINT_EVERY_BYTES, TAIL_WINDOW_BYTES_MAX,
    TAIL_WINDOW_RECORDS_MAX, WAL_BYTES_MAX,
};
use crate::{FEATURE_LEVEL, Ledger, Level};

/// What may be chosen about an embedded log. The defaults are the limits of [`crate::limits`].
#[derive(Clone, Debug)]
pub struct EmbeddedOptions {
    /// Appends that may wait for the writer; one more is refused.
    pub append_queue_records_max: usize,
    /// Bytes of the appends that may wait for the writer.
    pub append_queue_bytes_max: usize,
    /// Newest records kept in memory for tails.
    pub tail_window_records_max: usize,
    /// Bytes of the newest records kept in memory for tails.
    pub tail_window_bytes_max: usize,
    /// Once about this much was written, the write-ahead log is copied into the database.
    pub checkpoint_every_bytes: usize,
    /// A write-ahead log that is larger makes the writer pause and empty it.
    pub wal_bytes_max: u64,
    /// Ledgers to use: all, but in tests that add one later.
    pub ledgers: Vec<Ledger>,
    /// The highest feature level that the program knows: [`FEATURE_LEVEL`], but in tests.
    pub level: Level,
}

impl Default for EmbeddedOptions {
    fn default() -> Self {
        Self {
            append_queue_records_max: APPEND_QUEUE_RECORDS_MAX,
            append_queue_bytes_max: APPEND_QUEUE_BYTES_MAX,
            tail_window_records_max: TAIL_WINDOW_RECORDS_MAX,
            tail_window_bytes_max: TAIL_WINDOW_BYTES_MAX,
            checkpoint_every_bytes: CHECKPOINT_EVERY_BYTES,
            wal_bytes_max: WAL_BYTES_MAX,
            ledgers: Ledger::ALL.to_vec(),
            level: FEATURE_LEVEL,
        }
    }
}
