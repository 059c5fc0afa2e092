//! What the client's state does, one fact at a time, through what it is told and what it asks for.

#[path = "../shared/api.rs"]
mod api;
mod changes;
mod connection;
mod editing;
mod harness;
mod members;
mod outbox;
mod reading;
mod signs;
mod timeline;
