//! The log: the truth of KafkaTalk. One port, [`EventLog`], and its two adapters.
//!
//! | module | holds |
//! |---|---|
//! | [`port`] | the trait, its errors, and what it promises |
//! | [`record`] | streams, records, entries |
//! | [`embedded`] | the adapter for one machine, on SQLite |
//! | [`kafka`] | the adapter for Apache Kafka |
//! | `manifest` | what a log records about itself: its identity, its ledgers, its feature level |
//! | [`resequencer`] | what puts a conversation's records in order, whatever order they arrive in |
//! | [`signal`] | what may be lost, such as that somebody is typing |
//! | [`failpoints`] | places where tests make the program go wrong on purpose |
//! | [`limits`] | every limit of queues, batches and waits |
//!
//! The crate knows nothing of HTTP, screens or views.

pub mod embedded;
pub mod failpoints;
pub mod kafka;
pub mod limits;
mod manifest;
pub mod port;
pub mod record;
pub mod resequencer;
pub mod signal;

pub use port::{
    AppendError, Batch, Checkpoint, EventLog, FEATURE_LEVEL, Health, Level, LogIdentity, ReadError, Tail,
};
pub use record::{Entry, Kind, Ledger, Page, Record, RecordId, Stream};
pub use signal::{Signal, Signals};
