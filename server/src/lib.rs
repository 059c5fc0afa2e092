//! The KafkaTalk server.
//!
//! | module | holds |
//! |---|---|
//! | [`serve`] | a node, from start to stop |
//! | [`kernel`] | the one way of every record through the node: append, tail, projections, sockets |
//! | [`features`] | what people can do, a folder each |
//! | [`http`] | what all routes share: who asks, parsing, problems, pages, health |
//! | [`connections`] | connections, from accept to close |
//! | [`disk`] | what write-ahead logs take on the disk |
//! | [`secrets`], [`rates`], [`clock`] | passwords and tokens, rate limits, time and ids |
//! | [`cli`], [`config`] | commands and flags, what an operator may set |
//! | [`metrics`], [`telemetry`] | metrics and log lines |
//! | [`limits`] | every limit that is not for an operator to set |
//!
//! Features use the kernel and register with it; the kernel knows no feature by name. Nothing reaches a socket but through
//! the kernel's hub, and nothing feeds the hub but the log's tail.

pub mod cli;
pub mod clock;
pub mod config;
pub mod connections;
pub mod disk;
pub mod features;
pub mod http;
pub mod kernel;
pub mod limits;
pub mod metrics;
pub mod rates;
pub mod secrets;
pub mod serve;
pub mod telemetry;

pub use kernel::views;
