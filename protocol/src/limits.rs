//! Limits that client and server must agree on. Limits of the server alone are in the server's `limits` module.

/// Fewest characters of a username.
pub const USERNAME_CHARS_MIN: usize = 3;
/// Most characters of a username.
pub const USERNAME_CHARS_MAX: usize = 32;
/// Fewest characters of a password.
pub const PASSWORD_CHARS_MIN: usize = 8;
/// Most characters of a password.
pub const PASSWORD_CHARS_MAX: usize = 256;
/// Most Unicode characters of a message body.
pub const BODY_CHARS_MAX: usize = 8_000;
/// Most bytes of a message body in UTF-8.
pub const BODY_BYTES_MAX: usize = 32 * 1024;
/// Most bytes of a WebSocket frame from a client: a body whose every byte is escaped, and its envelope.
pub const FRAME_BYTES_MAX: usize = 256 * 1024;
/// Most members of a conversation, its creator included.
pub const GROUP_MEMBERS_MAX: usize = 100;
/// Most items of a page.
pub const PAGE_MAX: usize = 200;
/// Items of a page of messages or conversations where nothing else is asked for.
pub const PAGE_DEFAULT: usize = 50;
/// Users of a directory page where nothing else is asked for.
pub const USERS_PAGE_DEFAULT: usize = 20;
/// Hits of a page of a search where nothing else is asked for.
pub const SEARCH_PAGE_DEFAULT: usize = 20;
/// Most characters of what is searched for.
pub const SEARCH_CHARS_MAX: usize = 200;
/// Messages that one conversation gets after `hello` before a `behind` frame sends the client to history.
pub const CATCH_UP_MESSAGES_MAX: usize = 200;
/// Conversations that one `hello` may name.
pub const HELLO_POSITIONS_MAX: usize = 1_000;
