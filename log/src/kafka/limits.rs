//! Every limit of the Kafka adapter.

use crate::resequencer;
use std::time::Duration;

/// Appends that may be on their way to the brokers at once, one permit each.
pub(super) const APPENDS_IN_FLIGHT_MAX: usize = 4_096;
/// Size of the records of these appends, in KiB.
pub(super) const APPENDS_IN_FLIGHT_KIB_MAX: usize = 64 * 1_024;
/// How long an append waits for its permit before it is refused.
pub(super) const ADMISSION_WAIT: Duration = Duration::from_secs(2);
/// Most bytes of a record as JSON together with its key. Below the brokers' usual `message.max.bytes` of 1,048,588, with
/// room for headers; above [`crate::limits::RECORD_BYTES_MAX`], so that only a key or a kind full of characters that JSON
/// escapes can reach it.
pub const MESSAGE_BYTES_MAX: usize = 1_000_000;
/// What headers and the format may add to a message.
pub(super) const MESSAGE_OVERHEAD_BYTES_MAX: usize = 4_096;
/// How long the brokers have to acknowledge a record before its outcome counts as unknown.
pub(super) const DELIVERY_TIMEOUT: Duration = Duration::from_secs(30);
/// How long one broker may take to have a record copied to the others. Several times within [`DELIVERY_TIMEOUT`], so that
/// one that hangs leaves time to try its successor.
pub(super) const ACKNOWLEDGE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a broker may leave a request without an answer before another is asked.
pub(super) const BROKER_SILENCE_MAX: Duration = Duration::from_secs(6);
/// How long what a client says of its connections stands beside what it did not get: longer than librdkafka keeps the same
/// words back.
pub(super) const COMPLAINT_LASTS: Duration = Duration::from_mins(1);
/// How old the knowledge of who leads a followed topic may become.
pub(super) const METADATA_EVERY: Duration = Duration::from_secs(10);
/// How long a durable append waits for the feed to be told.
pub(super) const FEED_TIMEOUT: Duration = Duration::from_secs(3);
/// How long an append to a new topic waits for the ones before it.
pub(super) const GATE_WAIT: Duration = Duration::from_secs(5);
/// Most producers that conversations may be spread over.
pub(super) const PRODUCERS_MAX: usize = 256;
/// Producers that a node begins with, where it may have so many.
pub(super) const PRODUCERS_FIRST: usize = 4;
/// Most partitions of the feed.
pub(super) const FEED_PARTITIONS_MAX: i32 = 1_024;
/// Most characters of a topic prefix; a topic's name has at most 249.
pub(super) const PREFIX_CHARS_MAX: usize = 150;

/// Topics created in one request.
pub(super) const CREATE_BATCH_MAX: usize = 250;
/// Callers that may wait for a topic at once.
pub(super) const CREATE_QUEUE_MAX: usize = 16_384;
/// Topics that are rolled together after erasures.
pub(super) const ROLL_BATCH_MAX: usize = 250;
/// Topics that may wait for that at once. While there are so many, nothing more is erased in others.
pub(super) const ROLLS_PENDING_MAX: usize = 4_096;
/// How long after a topic could not be rolled that is tried again; twice as long each further time.
pub(super) const ROLL_AGAIN_AFTER: Duration = Duration::from_secs(5);
/// The longest that becomes.
pub(super) const ROLL_AGAIN_AFTER_MAX: Duration = Duration::from_mins(10);
/// How long after an erasing record its topic may be seen not to be rolled before others than its writer roll it: longer than
/// the writer takes, however many wait.
pub(super) const UNROLLED_GRACE: Duration = Duration::from_mins(1);
/// What a killed node left is looked for by all others, each at a moment of its own within this time; so much longer than
/// [`UNROLLED_GRACE`] each waits, too.
pub(super) const TAKEOVER_WITHIN: Duration = Duration::from_secs(10);
/// Between two requests for the settings of many topics, so that those whom people wait for come first.
pub(super) const DESCRIBE_PAUSE: Duration = Duration::from_millis(200);
/// How long a topic must keep the setting of a roll before somebody else takes it back: longer than a roll takes.
pub(super) const LEFTOVER_AFTER: Duration = Duration::from_secs(5);
/// How long a request to the brokers that is on nobody's path may take.
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a caller waits for a topic to be made ready.
pub(super) const PREPARE_WAIT: Duration = Duration::from_secs(30);
/// New topics whose leaders are waited for at once, a thread each.
pub(super) const LEADER_WAITS_MAX: usize = 64;
/// How long between two looks at a new topic that has no leader yet.
pub(super) const LEADER_POLL: Duration = Duration::from_millis(10);

/// How long a look at whether the brokers answer may take.
pub(super) const PROBE_TIMEOUT: Duration = Duration::from_secs(5);
/// How often to look while all is well.
pub(super) const PROBE_INTERVAL: Duration = Duration::from_secs(5);
/// How often to look while it is not.
pub(super) const PROBE_RETRY: Duration = Duration::from_secs(1);
/// How long the first record of a producer may take before the log counts as ready all the same.
pub(super) const WARM_UP_WAIT: Duration = Duration::from_secs(15);
/// How long a polling thread waits for an event before it looks whether it should end.
pub(super) const POLL_WAIT: Duration = whole_wait(200);
/// The same for the producers of topics, of which there are many: how long until one that failed for good is made anew,
/// too. Where a report came in between, what is left of the last millisecond is spent at the clock all the same, so that
/// turns should be few.
pub(super) const REPORTS_WAIT: Duration = whole_wait(1000);

/// A wait for Kafka's client of so many milliseconds. The client waits whole milliseconds only, and its Rust side asks
/// again and again until what is below one has passed, too: with a little more than whole ones, the first wait is enough.
pub(super) const fn whole_wait(millis: u64) -> Duration {
    Duration::from_micros(millis * 1000 + 50)
}

/// How often a node says that it is here.
pub(super) const HEARTBEAT_EVERY: Duration = Duration::from_secs(1);
/// How long a node may say nothing before it counts as gone: several heartbeats, for some may be late or lost.
pub(super) const HEARTBEAT_SILENCE_MAX: Duration = Duration::from_secs(4);
/// What one turn of listening counts for at most, above [`POLL_WAIT`]: a turn that took longer was not spent listening.
pub(super) const LISTENED_AT_ONCE_MAX: Duration = Duration::from_millis(400);
/// What the time between two heartbeats, of whomever, counts for at most, above [`HEARTBEAT_EVERY`]: if all are silent for
/// longer, the topic is.
pub(super) const HEARD_AT_ONCE_MAX: Duration = Duration::from_millis(1_500);
/// How long after the brokers refused to create a topic that can be done without they are asked again.
pub(super) const TOPIC_REFUSED_WAIT: Duration = Duration::from_mins(5);
/// How long a node that closes waits until it has said so.
pub(super) const LEAVING_WAIT: Duration = Duration::from_secs(1);
/// Largest heartbeat that is read.
pub(super) const HEARTBEAT_BYTES_MAX: usize = 4_096;
/// Characters of a node's name in its heartbeats.
pub(super) const NODE_NAME_CHARS_MAX: usize = 200;
/// Other nodes that a tail keeps in mind. What one past that leaves half done is found by a sweep.
pub(super) const NODES_MAX: usize = 1_024;
/// How often a tail that moves on commits how far it is, for Kafka's tools.
pub(super) const COMMIT_EVERY: Duration = Duration::from_secs(5);
/// How often it commits what did not move as well, for brokers forget a position that nobody commits again.
pub(super) const COMMIT_ALL_EVERY: Duration = Duration::from_hours(1);
/// How long [`crate::EventLog::close`] waits for what is on its way.
pub(super) const CLOSE_WAIT: Duration = Duration::from_secs(10);

/// Signals that wait for the thread that writes them.
pub(super) const SIGNALS_WAITING_MAX: usize = 1_024;
/// Signals that their producer holds, and their size in KiB.
pub(super) const SIGNALS_PRODUCED_MAX: usize = 1_024;
/// See [`SIGNALS_PRODUCED_MAX`].
pub(super) const SIGNALS_PRODUCED_KIB_MAX: usize = 2_048;
/// How long signals wait for others to go in one request.
pub(super) const SIGNALS_LINGER: Duration = Duration::from_millis(5);
/// How long the brokers have to take a signal before it is given up.
pub(super) const SIGNAL_TIMEOUT: Duration = Duration::from_secs(2);
/// Largest signal that is read, as JSON.
pub(super) const SIGNAL_MESSAGE_BYTES_MAX: usize = 8_192;
/// How long signals stay on their topic.
pub(super) const SIGNALS_RETENTION: Duration = Duration::from_secs(10);
/// Size of a segment of their topic: the least that brokers take.
pub(super) const SIGNALS_SEGMENT_BYTES: usize = 1_024 * 1_024;
/// A listener that stood still for longer begins at the end again.
pub(super) const SIGNALS_STALL_MAX: Duration = Duration::from_secs(5);

/// Tails that may be open at once; each has two threads.
pub(super) const TAILS_MAX: usize = 16;
/// Own acknowledgements that wait for a tail. Past that they are let go and found again by a sweep.
pub(super) const INBOX_MAX: usize = 16_384;
/// Bytes of the records among them.
pub(super) const INBOX_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Chunks of records that wait for a tail.
pub(super) const CHUNKS_MAX: usize = 8;
/// Records in a chunk.
pub(super) const CHUNK_RECORDS_MAX: usize = 512;
/// A chunk ends with the record that passes this size.
pub(super) const CHUNK_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Entries of a batch after which it is handed out though more is there.
pub(super) const BATCH_ENTRIES_MAX: usize = 2_048;
/// Bytes of a batch's records after which it is handed out though more is there.
pub(super) const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Handed out records whose ids a tail remembers, to tell a late record from another one in its place.
pub(super) const RECENT_MAX: usize = 16_384;
/// How often a topic must be found shorter than what was read of it before it counts as damaged. More than one, because a
/// broker that was deposed may show an older end for a moment.
pub(super) const SHORTER_LOOKS: u32 = 3;
/// How long between two such looks.
pub(super) const SHORTER_LOOK_EVERY: Duration = Duration::from_secs(1);
/// Looks that may fail before the next sweep is left to find it again.
pub(super) const SHORTER_TRIES: u32 = 30;
/// How long the ledgers may be silent before their known ends before they are read directly.
pub(super) const LEDGER_SILENCE_MAX: Duration = Duration::from_millis(500);

/// Conversation topics that one consumer reads at a time while it catches up.
pub(super) const CATCH_UP_TOPICS_MAX: usize = 1_024;
/// How long one look for records waits while it catches up, before it does something else.
pub(super) const CATCH_UP_POLL: Duration = Duration::from_millis(50);
/// Requests for direct reads that a tail may have waiting.
pub(super) const ASKS_MAX: usize = 16;
/// How long a topic that is being read may be silent before its end is looked up.
pub(super) const SILENCE_MAX: Duration = Duration::from_secs(2);
/// Silent topics that are looked up at a time.
pub(super) const SILENT_LOOK_UPS_MAX: usize = 16;
/// How long a look at one of them may take, and all of them together may before the other topics have their turn.
pub(super) const SILENT_LOOK_UP_WAIT: Duration = Duration::from_secs(2);
/// Topics whose end offsets are asked for in one request.
pub(super) const ENDS_BATCH_MAX: usize = 2_000;

/// Threads that serve [`crate::EventLog::read`].
pub(super) const READERS: usize = 2;
/// Of these, how many may walk through a whole topic at a time, on behalf of erasures.
pub(super) const READERS_THAT_WALK: usize = 1;
/// Reads that may wait for them.
pub(super) const READS_WAITING_MAX: usize = 256;
/// How long a broker may take to hear of a topic that is there.
pub(super) const TOPIC_HEARD_OF_WAIT: Duration = Duration::from_secs(3);
/// Between two looks whether it has.
pub(super) const TOPIC_HEARD_OF_LOOK_EVERY: Duration = Duration::from_millis(50);
/// How long a caller waits for a read in all.
pub(super) const READ_ANSWER_WAIT: Duration = Duration::from_secs(30);
/// How long a read may be silent before it fails.
pub(super) const READ_WAIT: Duration = Duration::from_secs(10);

/// Producers of an import, and consumers that compare what it wrote; each has a thread.
pub(super) const IMPORT_WORKERS: usize = 4;
/// Streams whose first records one producer of an import has on their way at once.
pub(super) const IMPORT_GROUP_STREAMS_MAX: usize = 256;
/// Records that one producer of an import has on their way at once.
pub(super) const IMPORT_IN_FLIGHT_RECORDS_MAX: usize = 8_192;
/// Their size.
pub(super) const IMPORT_IN_FLIGHT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// How long an import waits for records of one topic to gather, so that they go in one request.
pub(super) const IMPORT_LINGER: Duration = Duration::from_millis(5);
/// How long the brokers may acknowledge nothing to an import before it looks what they have.
pub(super) const IMPORT_SILENCE_MAX: Duration = Duration::from_secs(30);
/// How long an import waits after records of unknown outcome, so that what a broker still holds of them is in the topic,
/// and not behind what is written next.
pub(super) const IMPORT_SETTLE_WAIT: Duration = Duration::from_secs(10);
/// Looks after which an import that gets nowhere gives up.
pub(super) const IMPORT_FRUITLESS_MAX: u32 = 6;
/// How often an import tells how far it is.
pub(super) const IMPORT_TELL_EVERY: Duration = Duration::from_secs(1);
/// Topics whose settings are asked for in one request.
pub(super) const DESCRIBE_BATCH_MAX: usize = 250;

/// Feed copies that failed and are announced again, by conversation. Past that the other nodes' sweeps find them.
pub(super) const PENDING_ANNOUNCEMENTS_MAX: usize = 4_096;
/// Warnings about unreadable records, one for each so many after the first.
pub(super) const GARBAGE_WARNING_EVERY: u64 = 1_000;

/// What bounds the resequencer of a tail.
pub(super) const RESEQUENCER: resequencer::Limits = resequencer::Limits {
    held_per_conversation: 1_024,
    held_in_total: 65_536,
    held_bytes: 64 * 1024 * 1024,
    grace: Duration::from_millis(100),
    retry: Duration::from_millis(500),
    fruitless_reads: 10,
};
