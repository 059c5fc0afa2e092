//! The adapter for Apache Kafka.
//!
//! Each conversation has a topic of its own with one partition, and that topic is the truth. A consumer cannot follow
//! thousands of topics, so after a record is acknowledged the same node writes a copy with its offset to the *feed*, a
//! topic with a fixed number of partitions that every node follows. What the feed does not tell is found by a *sweep*
//! and read from the conversation's topic. Ledgers are topics of their own and followed directly. On one more topic nodes say
//! that they are here, so that the others sweep when one of them is gone. The *manifest* is a topic that records what
//! was ever created, so that a new ledger is told from a lost one.
//!
//! The modules from the lowest layer to the highest; each knows only those above it in this table.
//!
//! | module | holds |
//! |---|---|
//! | `limits`, `error`, `names`, `purpose`, `authorities`, `options` | every limit; errors; topic names; what clients are for; whom to trust; settings |
//! | `locks`, `complaint`, `wire`, `outcome`, `inbox`, `threads`, `leader`, `known_topics`, `unrolled` | locks of shared state; why there is no connection; how a record looks on Kafka; what a failed append means; own acknowledgements; threads; the wait for a topic's leader; which topics are there; which are not rolled yet |
//! | `shared`, `client` | what all parts share; librdkafka's clients |
//! | `sweep`, `walk`, `topics` | where topics end; reading a range of one; creating and changing topics |
//! | `shard`, `feed`, `append`, `produce`, `producers` | appends, and their copies in the feed |
//! | `manifest`, `level` | the log's identity and its ledgers; its feature level |
//! | `nodes`, `signals`, `offsets` | which nodes are there; what may be lost, between nodes; how far a tail is, for Kafka's tools |
//! | `erase`, `setup`, `keeper` | making the brokers forget; setting up topics; health, and creating topics for others |
//! | `read`, `reader` | reading a range, also without being a node |
//! | `recent`, `live`, `catchup`, `tail` | following all streams, and noticing what was lost |
//! | `log` | the port |
//! | `inventory`, `raise`, `import` | for tools: what topics there are; raising the level; taking over another log |
//!
//! Nothing here blocks a caller's thread: librdkafka's blocking calls are made by threads of the adapter's own, of which
//! there are as many as there are producers, open tails and readers: a thread for some hundred conversations. The wait for a
//! new topic's leader has a thread of its own, too. Only the wait for these threads' end is left to the blocking threads of
//! the caller's tokio runtime.

mod append;
mod authorities;
mod catchup;
mod client;
mod complaint;
mod erase;
mod error;
mod feed;
mod import;
mod inbox;
mod inventory;
mod keeper;
mod known_topics;
mod leader;
mod level;
pub mod limits;
mod live;
mod locks;
mod log;
mod manifest;
mod names;
mod nodes;
mod offsets;
mod options;
mod outcome;
mod produce;
mod producers;
mod purpose;
mod raise;
mod read;
mod reader;
mod recent;
mod setup;
mod shard;
mod shared;
mod signals;
mod sweep;
mod tail;
mod threads;
mod topics;
mod unrolled;
mod walk;
mod wire;

pub use error::ConnectError;
pub use import::{ImportError, ImportFigures};
pub use inventory::{Inventory, InventoryError, Kind, Partition, TopicFacts};
pub use log::KafkaLog;
pub use options::KafkaOptions;
pub use raise::{LevelError, Levels};
pub use reader::KafkaReader;
