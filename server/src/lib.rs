//! The KafkaTalk server.
//!
//! | module | holds |
//! |---|---|
//! | [`serve`] | a node, from start to stop |
//! | [`chat`] | the use cases: what people can do |
//! | [`live`] | sockets, and the hub that feeds them |
//! | [`http`] | the API, the pages, the upgrade, health |
//! | [`connections`] | connections, from accept to close |
//! | [`follow`] | the one loop from the log's tail to views and hub |
//! | [`views`] | what is derived from the log, and can be rebuilt from it |
//! | [`waiters`] | use cases that wait for their own record |
//! | [`secrets`], [`rates`], [`clock`] | passwords and tokens, rate limits, time and ids |
//! | [`cli`], [`config`] | commands and flags, what an operator may set |
//! | [`metrics`], [`telemetry`] | figures and log lines |
//! | [`limits`] | every limit that is not for an operator to set |
//!
//! `http` and `live` call `chat`; `chat` appends to the log and reads `views`; `views` follow the tail. Nothing calls
//! upward, and nothing reaches a socket but through the hub.

pub mod chat;
pub mod cli;
pub mod clock;
pub mod config;
pub mod connections;
pub mod follow;
pub mod http;
pub mod limits;
pub mod live;
pub mod metrics;
pub mod rates;
pub mod secrets;
pub mod serve;
pub mod telemetry;
pub mod views;
pub mod waiters;
