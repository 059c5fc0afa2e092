//! The public API, driven as a stranger would: over HTTP and WebSocket, against a node on a real embedded log.

mod accounts;
mod catching_up;
mod changes;
mod connections;
mod conversations;
mod durability;
mod edges;
mod faults;
mod faulty;
mod groups;
mod live;
mod members;
mod messages;
mod nodes;
mod origin;
mod pages;
mod presence;
mod proxied;
mod proxies;
mod read_positions;
mod search;
mod strangers;
mod support;
mod surface;
mod typing;
mod upgrade;
