//! Every limit of the server that is not for an operator to set; those are in `config`.

use std::time::Duration;

/// How long a use case waits for the views to pass its own record before it answers "unknown".
pub const APPLY_WAIT: Duration = Duration::from_secs(10);
/// How long after its start a node waits for the feature level before it refuses what needs it. On Kafka the level rises
/// once the node has heard who else is there.
pub const LEVEL_WAIT: Duration = Duration::from_secs(20);
/// How long a question may wait for a conversation's stream to be looked at in the log. Short, since whoever asks can ask
/// again.
pub const LOG_LOOK_WAIT: Duration = Duration::from_secs(3);
/// Conversations of which a node remembers that somebody looks at them in the log.
pub const LOOKED_AT_CONVERSATIONS_MAX: u64 = 10_000;
/// When a read position is looked at again that lies ahead of the views while the log cannot be read.
pub const READ_AGAIN_AFTER: [Duration; 3] =
    [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(30)];
/// Read positions that wait for that; more stay where the views ended.
pub const READS_AHEAD_MAX: usize = 1_000;
/// How often a read position is appended until no lower one stands behind it in the log.
pub const READ_APPENDS_MAX: usize = 8;
/// How long a hash may wait for its turn before the caller is sent away.
pub const HASH_WAIT: Duration = Duration::from_secs(10);
/// Sessions of which a node remembers when they were last used; of those beyond, it knows when they began.
pub const LAST_USED_SESSIONS_MAX: u64 = 100_000;
/// How exactly it remembers that.
pub const LAST_USED_EVERY: Duration = Duration::from_mins(1);
/// Random bytes in a session token.
pub const TOKEN_BYTES: usize = 32;
/// Most characters kept of what a device calls itself.
pub const USER_AGENT_CHARS_MAX: usize = 200;
/// Largest body of an HTTP request.
pub const REQUEST_BYTES_MAX: usize = 256 * 1024;
/// How long a request may take as a whole, the WebSocket apart.
pub const REQUEST_TIME: Duration = Duration::from_secs(30);
/// How long to wait before the next connection where one could not be taken in.
pub const ACCEPT_PAUSE: Duration = Duration::from_secs(1);
/// Requests that one HTTP/2 connection may have under way.
pub const HTTP2_STREAMS_MAX: u32 = 100;
/// How long a node remembers that nobody has a token: it asks the log once for it in that time.
pub const UNKNOWN_TOKEN_KEPT: Duration = Duration::from_secs(2);
/// Tokens that a node remembers so.
pub const UNKNOWN_TOKENS_MAX: u64 = 10_000;
/// Tokens that nobody has, from one address within a minute, before the node asks the log for no more of them.
pub const UNKNOWN_TOKENS_PER_MINUTE: u32 = 60;
/// Addresses that a node remembers for that.
pub const GUESSING_ADDRESSES_MAX: u64 = 100_000;
/// How often the log says that a proxy does not pass the WebSocket's upgrade.
pub const UPGRADE_WARNINGS_PER_MINUTE: u32 = 1;
/// Bytes that a write-ahead log has at most while nobody holds it up.
pub const WAL_BYTES_EXPECTED: u64 = 256 * 1024 * 1024;
/// How often the node looks whether one has more.
pub const WAL_LOOK_EVERY: Duration = Duration::from_mins(1);
/// What a client is told to wait when the log is away.
pub const RETRY_AFTER: Duration = Duration::from_secs(2);

/// Read buffer of a socket. The library's default of 128 KiB a socket would be most of the memory of an idle node.
pub const SOCKET_READ_BUFFER_BYTES: usize = 1024;
/// Bytes that are gathered for a socket before they are written, where more than one frame is ready.
pub const SOCKET_WRITE_BUFFER_BYTES: usize = 1024;
/// Once so many frames are gathered, no more are taken from the queue before these are written.
pub const SOCKET_WRITE_FRAMES: usize = 32;
/// Frames that one socket may send within a second, on average over [`SOCKET_FRAMES_BURST`].
pub const SOCKET_FRAMES_PER_SECOND: u32 = 50;
/// Frames that one socket may send at once.
pub const SOCKET_FRAMES_BURST: u32 = 200;
/// How long a new socket may take to say hello; until then nothing newer is sent.
pub const HELLO_GRACE: Duration = Duration::from_millis(500);
/// Records of a group that a node may lag behind the log before it says that somebody is no member.
pub const GROUP_CATCH_UP_RECORDS: usize = 1_000;
/// Messages that are read and written at a time for a device that catches up: what it may cost of memory.
pub const CATCH_UP_READ_MESSAGES: usize = 25;
/// Messages that one `hello` brings, over all conversations; past them `behind` frames say where to page.
pub const HELLO_MESSAGES_MAX: usize = 5_000;
/// Bytes of messages that one `hello` brings before the same.
pub const HELLO_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Frames of a client that are held while the answer to one before them is outstanding.
pub const SOCKET_HELD_FRAMES_MAX: usize = 32;
/// Bytes after which no more are held; the frame that goes over is.
pub const SOCKET_HELD_BYTES_MAX: usize = 64 * 1024;
/// A frame that is longer is no `ping` that would be answered before its turn.
pub const PING_BYTES_MAX: usize = 64;
/// How long a frame, or the last of those that were gathered, may take to leave for a client that does not read, before
/// the socket is given up.
pub const SOCKET_WRITE_TIME: Duration = Duration::from_secs(30);
/// How often the server pings a socket.
pub const SOCKET_PING_EVERY: Duration = Duration::from_secs(30);
/// How long a socket may be silent, pongs included, before it is given up.
pub const SOCKET_SILENCE_MAX: Duration = Duration::from_secs(75);
/// How long a close frame may take to reach a client, which may have much to read before it.
pub const SOCKET_CLOSE_TIME: Duration = Duration::from_secs(10);

/// Questions of one person a second about what this node's views do not show, on average over [`LOOKS_BURST`]. Each is
/// asked of the log.
pub const LOOKS_PER_SECOND: u32 = 10;
/// Such questions of one person at once.
pub const LOOKS_BURST: u32 = 50;
/// Searches of one person a second, on average over [`SEARCHES_BURST`].
pub const SEARCHES_PER_SECOND: u32 = 10;
/// Searches of one person at once: every letter that is typed may be one.
pub const SEARCHES_BURST: u32 = 60;

/// Signals that wait for one socket; of more the oldest are dropped.
pub const SOCKET_SIGNALS_MAX: usize = 64;
/// Typing signals of one person a second, over all their devices and conversations, on average over [`TYPING_BURST`].
pub const TYPING_PER_SECOND: u32 = 2;
/// Typing signals of one person at once.
pub const TYPING_BURST: u32 = 10;

/// How long somebody whose last socket closed is still online: they may only be loading a page.
pub const PRESENCE_LINGER: Duration = Duration::from_secs(5);
/// How often a node says that it is there. Each time it repeats a part of who is on it.
pub const PRESENCE_BEACON_EVERY: Duration = Duration::from_secs(2);
/// A node that was not heard for so long is gone, and so is who was on it.
pub const PRESENCE_NODE_SILENCE: Duration = Duration::from_secs(10);
/// Beacons in which a node repeats everybody who is on it. Who was not named in twice as many is gone.
pub const PRESENCE_REFRESH_BEACONS: u32 = 15;
/// Looks at who is gone within the shortest of these times.
pub const PRESENCE_TICKS: u32 = 4;
/// People on this node, and people who were seen last, that a node names at once when another is new. The others on it
/// are named by the next beacons.
pub const PRESENCE_ANNOUNCED_PEOPLE_MAX: usize = 600;
/// People on other nodes that a node knows of; more seem to be offline.
pub const PRESENCE_PEOPLE_MAX: usize = 500_000;
/// People of whom a node remembers when they were seen last. Of more it forgets the half that was seen first.
pub const PRESENCE_LAST_SEEN_PEOPLE_MAX: usize = 100_000;
/// People who learn of somebody who came or went, and people of whom a device learns when it connects. As many as the
/// client remembers; who is not named there is taken for offline.
pub const PRESENCE_CONTACTS_MAX: usize = 4_000;
/// How long to wait before the views are asked again, where they had no time to say who may know.
pub const PRESENCE_RETRY: Duration = Duration::from_secs(1);

/// First and longest pause before the follower tries again after an error.
pub const FOLLOW_RETRY_MIN: Duration = Duration::from_millis(100);
/// See [`FOLLOW_RETRY_MIN`].
pub const FOLLOW_RETRY_MAX: Duration = Duration::from_secs(5);

/// Records that are read at once of a stream that is read again.
pub const READ_AGAIN_RECORDS_MAX: usize = 1_000;

/// How often a conversation that is to be read again may end before what was read of it, until it is left as it is: with the
/// pauses between, that is half a minute, longer than a broker takes that does not know yet how far the conversation goes.
pub const READ_AGAIN_ROUNDS: u32 = 12;

/// Streams to be read again whose first records are read ahead. On Kafka most of the time goes into waiting for them.
pub const READ_AGAIN_AHEAD: usize = 8;

/// How old a deletion is before another node than the one that was asked erases the content from the log. A node looks for
/// these after once to twice that time.
pub const ERASE_AGAIN_AFTER: Duration = Duration::from_mins(1);
/// Records that one look erases, or that are erased of one conversation at once.
pub const ERASURES_AT_ONCE: usize = 100;
/// Conversations of which deleted messages are erased at once.
pub const ERASING_CONVERSATIONS_MAX: usize = 100;

/// By how much an ack comes too early where a test breaks that promise on purpose.
pub const ACK_TOO_EARLY_BY: Duration = Duration::from_millis(50);
