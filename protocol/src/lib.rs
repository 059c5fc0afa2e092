//! The types that cross the wire: what clients and nodes say to each other, and what is written to the log.
//!
//! Everything here is parsed once, at the edge, into types that cannot be wrong ([`Username`], [`Body`], [`Offset`],
//! the ids); inside, nobody passes strings. The crate does no I/O and compiles to wasm and native alike.
//!
//! | module | holds |
//! |---|---|
//! | [`id`] | user, conversation, message and session ids, offsets |
//! | [`text`] | username, password, message body, and their rules |
//! | [`time`] | moments, as RFC 3339 with milliseconds |
//! | [`model`] | user, conversation, message as clients see them |
//! | [`http`] | bodies of HTTP requests and answers |
//! | [`frame`] | WebSocket frames and close codes |
//! | [`problem`] | error codes and problem documents |
//! | [`event`] | payloads of the records in the log |
//! | [`delete`] | deleting a message for everyone |
//! | [`edit`] | changing the text of a message |
//! | [`presence`] | who is online |
//! | [`reaction`] | reacting to a message |
//! | [`reply`] | replying to a message |
//! | [`member`] | members of a group, roles, its name |
//! | [`limits`] | every limit that both sides must know |

pub mod delete;
pub mod edit;
pub mod event;
pub mod frame;
pub mod http;
pub mod id;
pub mod limits;
pub mod member;
pub mod model;
pub mod presence;
pub mod problem;
pub mod reaction;
pub mod reply;
pub mod text;
pub mod time;

pub use frame::{ClientFrame, CloseCode, ServerFrame};
pub use id::{ConversationId, CreationId, MessageId, Offset, SessionId, UserId};
pub use model::{Conversation, Message, User};
pub use problem::{ErrorCode, FieldError, Problem};
pub use text::{Body, Password, Username};
pub use time::Timestamp;
