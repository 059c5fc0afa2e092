//! Following all streams.

use super::reader::{self, Following, SEQ};
use super::shared::Shared;
use crate::limits::{TAIL_BATCH_BYTES_MAX, TAIL_BATCH_RECORDS_MAX};
use crate::{Batch, Checkpoint, Entry, ReadError, Tail};
use async_trait::async_trait;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A reader of the tail. It takes what it can from the window and what is older from the database; its position alone
/// says what comes next, so that nothing is missed or repeated between the two.
pub(super) struct EmbeddedTail {
    shared: Arc<Shared>,
    committed: watch::Receiver<u64>,
    /// The number of the last record that was handed out.
    position: u64,
    /// The number of the newest record when the tail was opened.
    opened_at: u64,
    /// Whether the reader was told that it has caught up.
    told: bool,
    /// A read under way; kept here so that a cancelled `next` does not lose it.
    reading: Option<JoinHandle<Result<Following, ReadError>>>,
}

impl EmbeddedTail {
    pub(super) fn open(
        shared: Arc<Shared>,
        committed: watch::Receiver<u64>,
        from: &Checkpoint,
    ) -> Result<Self, ReadError> {
        let position = from.get(SEQ).copied().unwrap_or(0);
        // The writer fills the window before it tells of the commit: a reader may hold a record that is not told of yet.
        let opened_at = shared.window().last().max(*committed.borrow());
        if position > opened_at {
            return Err(ReadError::Damaged(format!(
                "the reader holds {position} records, the log only {opened_at}: the log is older than what was \
                 derived from it; restore the log, or rebuild what was derived"
            )));
        }
        Ok(Self { shared, committed, position, opened_at, told: false, reading: None })
    }

    fn batch(&mut self, entries: Vec<Entry>, upto: u64) -> Batch {
        self.position = upto;
        let caught_up = upto >= self.opened_at;
        self.told |= caught_up;
        let lag = self.committed.borrow().saturating_sub(upto);
        Batch { entries, progress: vec![(SEQ.into(), upto)], caught_up, lag }
    }
}

#[async_trait]
impl Tail for EmbeddedTail {
    async fn next(&mut self) -> Result<Option<Batch>, ReadError> {
        loop {
            if let Some(reading) = &mut self.reading {
                let result = reader::finished(reading.await);
                self.reading = None;
                let Following { entries, upto } = result?;
                if upto == self.position {
                    return Err(ReadError::Damaged(format!(
                        "nothing follows record {upto}, but something should"
                    )));
                }
                return Ok(Some(self.batch(entries, upto)));
            }
            let committed = *self.committed.borrow_and_update();
            if self.position < committed {
                let part = self.shared.window().after(self.position, TAIL_BATCH_RECORDS_MAX);
                if let Some(part) = part {
                    return Ok(Some(self.batch(part.entries, part.upto)));
                }
                if self.committed.has_changed().is_err() {
                    return Ok(None);
                }
                let Ok(permit) = self.shared.readers.permit().await else { return Ok(None) };
                let position = self.position;
                self.reading = Some(self.shared.readers.spawn(permit, move |connection| {
                    reader::following(
                        connection,
                        position,
                        committed,
                        TAIL_BATCH_RECORDS_MAX,
                        TAIL_BATCH_BYTES_MAX,
                    )
                }));
                continue;
            }
            if !self.told {
                return Ok(Some(self.batch(Vec::new(), self.position)));
            }
            if self.committed.changed().await.is_err() {
                return Ok(None);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        EventLog,
        embedded::{EmbeddedLog, EmbeddedOptions},
    };

    #[tokio::test]
    async fn a_reader_that_was_quicker_than_the_word_of_a_commit_may_begin_again() {
        let folder = tempfile::tempdir().unwrap();
        let log = EmbeddedLog::open(folder.path(), EmbeddedOptions::default()).unwrap();
        // As between the two steps in which the writer tells of it.
        log.shared.window().push([], 1);
        let at = |seq| Checkpoint::from([(SEQ.to_owned(), seq)]);
        assert!(log.tail(at(1)).await.is_ok());
        assert!(log.tail(at(2)).await.is_err());
    }
}
