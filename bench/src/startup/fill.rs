//! Fills a stopped server's log with messages, past the API: only so that there are many.

use crate::limits::FILL_IN_FLIGHT_MAX;
use crate::numbered::Numbering;
use crate::world::World;
use anyhow::{Context as _, Result};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use kafkatalk_log::{
    EventLog as _, Record, Stream,
    embedded::{EmbeddedLog, EmbeddedOptions},
};
use kafkatalk_protocol::{Timestamp, event::MessagePosted};
use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use uuid::Uuid;

/// Bytes of a message.
const BODY_BYTES: usize = 200;
/// The file by which an embedded log is known.
const LOG_FILE: &str = "log.sqlite3";
/// Folders below the data folder in which the log may lie.
const DEPTH_MAX: usize = 2;

/// Writes messages, spread evenly over the conversations and their members.
pub(crate) async fn fill(
    data: &Path,
    world: &World,
    messages: usize,
    random: &mut fastrand::Rng,
) -> Result<Duration> {
    let folder = find(data, DEPTH_MAX).with_context(|| format!("no {LOG_FILE} below {}", data.display()))?;
    let log = EmbeddedLog::open(folder, EmbeddedOptions::default())?;
    let numbering = Numbering::new(random.u64(..), BODY_BYTES);
    let started = Instant::now();
    let appends = (0..messages).map(|number| {
        let pair = world.pairs[number % world.pairs.len()];
        let sender = pair.members[(number / world.pairs.len()) % 2];
        let id = numbering.id(number);
        let author = world.accounts[sender].user.id;
        let log = &log;
        async move {
            let event = MessagePosted { id, body: numbering.body(id)?, reply_to: None };
            let record = Record::of(Uuid::now_v7(), Some(author), now(), &event);
            anyhow::Ok(log.append(Stream::Conversation(pair.conversation), record).await?)
        }
    });
    let appended = stream::iter(appends).buffer_unordered(FILL_IN_FLIGHT_MAX).try_collect::<Vec<_>>();
    anyhow::ensure!(appended.await?.len() == messages, "not every message was written");
    let took = started.elapsed();
    log.close().await;
    Ok(took)
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// The folder at or below this one that holds a log.
fn find(folder: &Path, depth: usize) -> Option<PathBuf> {
    if folder.join(LOG_FILE).is_file() {
        return Some(folder.into());
    }
    let below = fs::read_dir(folder).ok()?.filter_map(Result::ok).map(|entry| entry.path());
    below.filter(|path| path.is_dir() && depth > 0).find_map(|path| find(&path, depth - 1))
}

/// Bytes of all files in a folder and below.
pub(crate) fn size(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() { size(&entry.path())? } else { metadata.len() };
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_found_below_the_data_folder() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(find(folder.path(), DEPTH_MAX), None);
        fs::create_dir_all(folder.path().join("data/log")).unwrap();
        fs::write(folder.path().join("data/log").join(LOG_FILE), "x").unwrap();
        assert_eq!(find(folder.path(), DEPTH_MAX), Some(folder.path().join("data/log")));
        assert_eq!(size(folder.path()).unwrap(), 1);
    }
}
