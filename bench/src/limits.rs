//! Every bound of the bench: waits, queues, buffers.

use std::time::Duration;

/// Longest wait for a server to answer 200 on `/readyz`.
pub(crate) const READY_WAIT_MAX: Duration = Duration::from_mins(2);
/// How long a node may take to fill its search index.
pub(crate) const INDEX_WAIT_MAX: Duration = Duration::from_mins(10);
/// Pause between two looks at `/readyz`: also how exact a start-up time is.
pub(crate) const READY_PAUSE: Duration = Duration::from_millis(2);
/// How long a server may take to end after SIGTERM before it is killed.
pub(crate) const STOP_WAIT_MAX: Duration = Duration::from_secs(20);
/// Longest wait for a server to die at a point that it was told of.
pub(crate) const DEATH_WAIT_MAX: Duration = Duration::from_secs(30);
/// Longest wait for one HTTP answer.
pub(crate) const HTTP_WAIT_MAX: Duration = Duration::from_secs(30);
/// Longest wait for a WebSocket to be open and greeted.
pub(crate) const CONNECT_WAIT_MAX: Duration = Duration::from_secs(30);
/// Longest wait, after the last message was sent, for acks and deliveries that are still out.
pub(crate) const DRAIN_WAIT_MAX: Duration = Duration::from_secs(15);
/// The same where faults were injected again and again, in seconds.
pub(crate) const RECOVERY_SECONDS_MAX: u64 = 60;
/// Pause between two readings of all histories, which are to be the same.
pub(crate) const HISTORIES_PAUSE: Duration = Duration::from_millis(500);
/// Pause between two looks at a condition that only the other side can bring about.
pub(crate) const POLL_PAUSE: Duration = Duration::from_millis(20);
/// How late the load may ask for one message in a hundred; a row whose load was later says so.
pub(crate) const LOAD_LATE_MAX: Duration = Duration::from_millis(5);
/// Rest before memory is read, so that what connecting left behind is gone.
pub(crate) const SETTLE: Duration = Duration::from_secs(2);
/// How long an idle server is watched for its own CPU.
pub(crate) const IDLE_WATCH: Duration = Duration::from_secs(2);
/// First pause before a client tries to connect again; doubles up to [`BACKOFF_MAX`], each drawn at random below.
pub(crate) const BACKOFF_MIN: Duration = Duration::from_millis(50);
/// Longest pause before a client tries to connect again.
pub(crate) const BACKOFF_MAX: Duration = Duration::from_secs(1);
/// How often a client looks for messages that it must send again, and for holes that no frame will tell of.
pub(crate) const CLIENT_TICK: Duration = Duration::from_millis(500);
/// Of so many messages in a hundred a client sends a second copy at once.
pub(crate) const SENT_TWICE_PERCENT: u32 = 5;
/// Of so many own messages in a hundred that a client changes, it deletes in the end.
pub(crate) const CHANGED_AND_DELETED_PERCENT: u32 = 30;
/// How long a client waits for an ack on a living socket before it sends again.
pub(crate) const RESEND_AFTER: Duration = Duration::from_secs(5);
/// Longest time that the kafka script may take to start brokers, the download of Kafka included.
pub(crate) const KAFKA_START_WAIT_MAX: Duration = Duration::from_mins(5);

/// Connections that register users and open conversations side by side.
pub(crate) const SETUP_CONNECTIONS: usize = 8;
/// Sockets that are being opened at the same time.
pub(crate) const CONNECTING_MAX: usize = 64;
/// Messages that wait for one client; a load that fills it is more than the bench itself can carry.
pub(crate) const CLIENT_QUEUE_MAX: usize = 65_536;
/// Sockets that come from one address of this machine: an address has some 28,000 ports towards one server.
pub(crate) const SOCKETS_FROM_ADDRESS_MAX: usize = 20_000;
/// Read buffer of a client's socket, small so that a thousand of them cost little.
pub(crate) const CLIENT_READ_BUFFER_BYTES: usize = 1024;
/// Largest HTTP answer that is read.
pub(crate) const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Most pages of one conversation's history that are read back.
pub(crate) const HISTORY_PAGES_MAX: usize = 10_000;
/// Lines of a server's log that are shown when it fails.
pub(crate) const LOG_LINES_SHOWN: usize = 20;
/// Texts of deleted messages that are searched for at least, where there are so many.
pub(crate) const DELETED_TEXTS_SOUGHT_MAX: usize = 200;
/// Mismatches that are spelt out; the rest are only counted.
pub(crate) const MISMATCHES_SHOWN: usize = 10;

/// Rows that the SQLite baseline commits.
pub(crate) const SQLITE_COMMITS: u64 = 2_000;
/// Messages that wait for one socket of the relay.
pub(crate) const RELAY_QUEUE_MAX: usize = 64;
/// Read buffer of a relay's socket: `SOCKET_READ_BUFFER_BYTES` of the server, or it would be no baseline for its memory.
pub(crate) const RELAY_READ_BUFFER_BYTES: usize = 1024;
/// Partitions of the Kafka baseline's topic, as many as the server's feed has.
pub(crate) const KAFKA_BASELINE_PARTITIONS: i32 = 16;
/// Messages a second of the load that warms up a Kafka, and the conversations that it is spread over.
pub(crate) const KAFKA_WARM_UP: (u32, usize) = (500, 100);
/// Records that the Kafka baseline has on the way at most.
pub(crate) const KAFKA_BASELINE_IN_FLIGHT_MAX: usize = 1_000;
/// Appends that are under way at the same time while a log is filled.
pub(crate) const FILL_IN_FLIGHT_MAX: usize = 2_000;
/// Files that one page view fetches at most.
pub(crate) const ASSETS_MAX: usize = 50;
/// How long all nodes may take, after the last race, until they tell the same.
pub(crate) const AGREE_WAIT_MAX: Duration = Duration::from_secs(15);
/// How long people go on talking after the last fault is over.
pub(crate) const TALK_AFTER: Duration = Duration::from_secs(3);
/// By how much longer than planned people talk at most where faults take longer.
pub(crate) const TALK_LONGER: Duration = Duration::from_mins(5);
/// How long a device tries to be back after its node has died.
pub(crate) const RECONNECT_WAIT_MAX: Duration = Duration::from_mins(2);
/// Fewest groups of a crash check.
pub(crate) const GROUPS_MIN: usize = 2;
/// Most groups of a crash check.
pub(crate) const GROUPS_MAX: usize = 10;
/// People who are in a group at any time.
pub(crate) const GROUP_PEOPLE: usize = 5;
/// Those of them who are in it at first.
pub(crate) const GROUP_PEOPLE_AT_FIRST: usize = 3;
/// Fewest messages a second in all groups.
pub(crate) const GROUP_RATE_MIN: u32 = 20;
/// Mean pause between two things that people do to a group.
pub(crate) const GROUP_DEED_PAUSE: Duration = Duration::from_millis(150);
/// Of so many messages in a hundred that come to somebody who is out of a group, they send them all the same.
pub(crate) const OUT_AND_WRITES_PERCENT: u32 = 30;
