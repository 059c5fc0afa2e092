//! Every limit of the client's state. Limits that server and client share are in `kafkatalk_protocol::limits`.

use kafkatalk_protocol::limits::PAGE_DEFAULT;

/// Milliseconds from asking for a socket until the server's `ready`, after which the attempt counts as failed.
pub const READY_DEADLINE_MS: u64 = 15_000;
/// Milliseconds without a word from the server after which the client pings.
pub const PING_IDLE_MS: u64 = 25_000;
/// Milliseconds that the answer to a ping may take before the socket counts as dead.
pub const PONG_DEADLINE_MS: u64 = 8_000;
/// Shortest wait between two attempts to connect, before jitter.
pub const RECONNECT_BASE_MS: u64 = 500;
/// Longest wait between two attempts to connect.
pub const RECONNECT_MAX_MS: u64 = 30_000;
/// Longest wait before reconnecting when the server asked for it (1001, 4408).
pub const RECONNECT_ASKED_MS: u64 = 400;
/// Milliseconds that a socket must have been live for the next failure to count as the first one.
pub const STABLE_MS: u64 = 5_000;
/// Shortest time between two attempts that signs such as "back online" may bring forward.
pub const HURRY_INTERVAL_MS: u64 = 1_000;
/// After the first failed attempt in a row, and then after every so many, the client asks whether its session still
/// stands.
pub const SESSION_PROBE_EVERY: u32 = 3;

/// Milliseconds after which the clocks are looked at again, while there is a connection.
pub const CLOCK_LOOK_MS: u64 = 5_000;
/// By so many milliseconds the wall clock is ahead of the other after a sleep of the device.
pub const SLEEP_MS: u64 = 10_000;

/// Milliseconds that the answer to an HTTP request may take.
pub const FETCH_DEADLINE_MS: u64 = 15_000;
/// Milliseconds that the answer to one may take that changes the server's state. The server answers within 30 seconds,
/// whatever happens.
pub const CHANGE_DEADLINE_MS: u64 = 35_000;
/// HTTP requests under way at once.
pub const FETCHES_MAX: usize = 6;
/// Shortest wait before a failed request is made again, before jitter.
pub const FETCH_RETRY_BASE_MS: u64 = 500;
/// Longest wait before a failed request is made again.
pub const FETCH_RETRY_MAX_MS: u64 = 30_000;

/// Milliseconds that the answer to a `send` may take before it is sent again under the same id.
pub const ACK_DEADLINE_MS: u64 = 10_000;
/// Shortest wait before a message is sent again, before jitter.
pub const SEND_RETRY_BASE_MS: u64 = 500;
/// Longest wait before a message is sent again.
pub const SEND_RETRY_MAX_MS: u64 = 15_000;
/// Attempts after which a message that meets `internal` errors waits for the person to try again.
pub const INTERNAL_ERRORS_MAX: u32 = 6;
/// Sends under way at once, one per conversation.
pub const SENDS_MAX: usize = 8;
/// Milliseconds after an `ack` in which the message itself should come; then history is asked.
pub const ECHO_DEADLINE_MS: u64 = 3_000;
/// Messages that may wait in the outbox.
pub const OUTBOX_MAX: usize = 500;
/// Milliseconds that a tab leaves a message of another tab to that tab before sending it itself.
pub const ADOPT_DELAY_MS: u64 = 15_000;

/// Milliseconds between two `read` frames of one conversation.
pub const READ_INTERVAL_MS: u64 = 1_000;
/// Milliseconds that the server may take to confirm a read position before it is told again.
pub const READ_CONFIRM_MS: u64 = 10_000;
/// How often a read position is told on one socket without being confirmed.
pub const READ_TELLS_MAX: u32 = 3;

/// Milliseconds after the last keystroke before a draft is stored.
pub const DRAFT_DELAY_MS: u64 = 400;
/// Drafts that are kept.
pub const DRAFTS_MAX: usize = 100;
/// Most bytes of a draft that is kept.
pub const DRAFT_BYTES_MAX: usize = 64 * 1024;

/// Conversations that the list holds at most before it stops paging.
pub const CONVERSATIONS_MAX: usize = kafkatalk_protocol::limits::HELLO_POSITIONS_MAX;
/// Conversations that are held at most, those that came up by themselves included.
pub const CONVERSATIONS_HELD_MAX: usize = 2 * CONVERSATIONS_MAX;
/// Conversations of a page that a person scrolls to.
pub const CONVERSATIONS_PAGE: usize = PAGE_DEFAULT;
/// Messages of a page that a person scrolls to.
pub const MESSAGES_PAGE: usize = PAGE_DEFAULT;
/// Conversations whose messages are kept in memory.
pub const TIMELINES_MAX: usize = 20;
/// Messages of one conversation that are kept in memory.
pub const WINDOW_MAX: usize = 1_000;
/// Messages that are kept for conversations which are not known yet.
pub const UNPLACED_MAX: usize = 50;
/// Messages that wait for a hole before them to be filled.
pub const AHEAD_MAX: usize = 200;
/// Changes of messages of one conversation that are remembered, to bring pages up to date that were read before them.
pub const CHANGES_HELD_MAX: usize = 200;
/// Records of one conversation that are remembered while those before them are missing.
pub const LINKS_AHEAD_MAX: usize = 200;
/// Pages that are fetched to fill one hole before the client starts again from the newest page.
pub const FILL_PAGES_MAX: u32 = 5;

/// The limits that a test may want smaller.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// See [`CONVERSATIONS_PAGE`].
    pub conversations_page: usize,
    /// Conversations of a page when the whole list is fetched again after an absence.
    pub refresh_page: usize,
    /// See [`MESSAGES_PAGE`].
    pub messages_page: usize,
    /// Messages of a page that fills a hole.
    pub fill_page: usize,
    /// See [`FILL_PAGES_MAX`].
    pub fill_pages_max: u32,
    /// See [`WINDOW_MAX`].
    pub window_max: usize,
    /// See [`AHEAD_MAX`].
    pub ahead_max: usize,
    /// See [`TIMELINES_MAX`].
    pub timelines_max: usize,
    /// See [`OUTBOX_MAX`].
    pub outbox_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            conversations_page: CONVERSATIONS_PAGE,
            refresh_page: kafkatalk_protocol::limits::PAGE_MAX,
            messages_page: MESSAGES_PAGE,
            fill_page: kafkatalk_protocol::limits::PAGE_MAX,
            fill_pages_max: FILL_PAGES_MAX,
            window_max: WINDOW_MAX,
            ahead_max: AHEAD_MAX,
            timelines_max: TIMELINES_MAX,
            outbox_max: OUTBOX_MAX,
        }
    }
}
