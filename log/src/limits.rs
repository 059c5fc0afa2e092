//! Every limit of the log, in one place. Units are the last word of a name.

use std::time::Duration;

// ---- Both adapters ------------------------------------------------------------------------------------------------

/// Largest record: its payload, key and kind together. Under Kafka's default limit of 1 MiB with room for the envelope.
pub const RECORD_BYTES_MAX: usize = 900_000;
/// Most records of one page, whatever is asked for.
pub const PAGE_RECORDS_MAX: usize = 1_000;
/// A page ends with the record that passes this size.
pub const PAGE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Largest signal: its payload and kind together. A larger one is dropped.
pub const SIGNAL_BYTES_MAX: usize = 1_024;
/// Signals that a subscriber may be behind; of more it loses the oldest. The buffer is one for all subscribers.
pub const SIGNALS_BUFFERED_MAX: usize = 4_096;

// ---- The embedded log ---------------------------------------------------------------------------------------------

/// Appends that wait for the writer; one more is refused.
pub const APPEND_QUEUE_RECORDS_MAX: usize = 4_096;
/// Bytes of the appends that wait for the writer; an append past that is refused.
pub const APPEND_QUEUE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Most records that one commit writes.
pub const COMMIT_RECORDS_MAX: usize = 1_024;
/// A commit takes no further record once it holds this much.
pub const COMMIT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Newest records kept in memory for tails; a tail that falls behind them reads the database.
pub const TAIL_WINDOW_RECORDS_MAX: usize = 8_192;
/// Bytes of the newest records kept in memory for tails.
pub const TAIL_WINDOW_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Most records of one batch of a tail.
pub const TAIL_BATCH_RECORDS_MAX: usize = 1_000;
/// A batch of a tail ends with the record that passes this size.
pub const TAIL_BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Streams whose end the writer remembers; past that it forgets all and looks them up again.
pub const WRITER_STREAMS_MAX: usize = 65_536;
/// Reads that run at once, each on its own connection and thread; others wait their turn.
pub const READS_AT_ONCE_MAX: usize = 4;
/// Memory of SQLite's page cache for the writer, in KiB.
pub const WRITER_CACHE_KIB: i64 = 8 * 1024;
/// Memory of SQLite's page cache for each reading connection, in KiB.
pub const READER_CACHE_KIB: i64 = 2 * 1024;
/// Once about this much was written since the last time, the write-ahead log is copied into the database.
pub const CHECKPOINT_EVERY_BYTES: usize = 8 * 1024 * 1024;
/// Passes of one such copy, each for what came in during the one before.
pub const CHECKPOINT_PASSES_MAX: usize = 3;
/// A write-ahead log that is larger makes the writer pause and empty it.
pub const WAL_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Between two attempts of the writer to empty it, so that a reader in the way does not hold up every append.
pub const EMPTY_EVERY: Duration = Duration::from_millis(250);
/// Between two looks whether the log's file is still the one that was opened.
pub const FILE_CHECK_EVERY: Duration = Duration::from_secs(1);
/// How long a connection waits for a lock that another holds.
pub const LOCK_WAIT_MAX: Duration = Duration::from_secs(1);
/// Between two attempts to take up writing again after a failure.
pub const RECOVERY_EVERY: Duration = Duration::from_millis(250);
/// From an erasure to the first attempt to empty the write-ahead log of it; further ones follow at the same distance.
pub const FORGET_EVERY: Duration = Duration::from_millis(100);
/// How long one such attempt waits for readers that still look at the old content.
pub const FORGET_WAIT_MAX: Duration = Duration::from_millis(50);
/// An erasure that is not complete after this long is reported; the attempts go on.
pub const FORGET_WITHIN: Duration = Duration::from_secs(5);
