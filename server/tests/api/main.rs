//! The public API, driven as a stranger would: over HTTP and WebSocket, against a node on a real embedded log.

mod accounts;
mod conversations;
mod durability;
mod live;
mod messages;
mod origin;
mod pages;
mod support;
mod surface;
