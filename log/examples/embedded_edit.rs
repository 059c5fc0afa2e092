//! Does to a stopped node's embedded log what its API has no request for:
//! `cargo run -p kafkatalk-log --example embedded_edit -- DIR erase|repeat STREAM OFFSET`.
//!
//! `erase` erases the content of a record. `repeat` appends the event of a record once more, as a node does whose client
//! sent a message again before the first answer came. `server/tests/fixtures/write.sh` uses both.

use kafkatalk_log::embedded::{EmbeddedLog, EmbeddedOptions};
use kafkatalk_log::{Entry, EventLog, Record, Stream};
use kafkatalk_protocol::{Offset, Timestamp};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use uuid::Uuid;

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [dir, edit, stream, offset] = arguments.as_slice() else {
        say("usage: embedded_edit DIR erase|repeat STREAM OFFSET");
        return;
    };
    let stream: Stream = stream.parse().expect("a stream, such as conversation/UUID");
    let offset = Offset(offset.parse().expect("an offset"));
    let log = EmbeddedLog::open(Path::new(dir), EmbeddedOptions::default()).expect("a log nobody uses");
    let page = log.read(stream, offset, 1).await.expect("a stream that can be read");
    let is_meant = |entry: &Entry| entry.offset == offset;
    let found = page.entries.into_iter().find(is_meant).expect("a record at that offset");
    let at = now();
    let appended = match edit.as_str() {
        "erase" => log.erase(stream, found.record.id, at).await,
        "repeat" => {
            let found = Arc::unwrap_or_clone(found.record);
            log.append(stream, Record { id: Uuid::now_v7(), at, ..found }).await
        }
        other => panic!("erase or repeat, not {other}"),
    };
    say(&format!("appended at offset {}", appended.expect("a log that takes appends")));
    log.close().await;
}

fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}
