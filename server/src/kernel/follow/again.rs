//! Before the tail is followed: streams are read again of which features have missed records.

use super::Follower;
use crate::{
    kernel::views::{Applier, ReadAgain, Reread},
    limits::{READ_AGAIN_AHEAD, READ_AGAIN_RECORDS_MAX},
};
use futures_util::{StreamExt as _, stream};
use kafkatalk_log::{EventLog, Page, Stream};
use kafkatalk_protocol::Offset;
use std::{sync::Arc, time::Instant};

impl Follower {
    /// Reads streams again of which features have missed records.
    pub(super) async fn read_again(&mut self) -> Result<(), String> {
        let again = self.applier.to_read_again().map_err(|error| error.to_string())?;
        if again.is_empty() {
            return self.write(Applier::settle_again);
        }
        let (begun, streams) = (Instant::now(), again.len());
        let log = Arc::clone(&self.log);
        let first = again.into_iter().map(|what| {
            let log = Arc::clone(&log);
            async move {
                let first = match &what {
                    ReadAgain::Conversation { id, .. } => {
                        Some(page_of(&*log, Stream::Conversation(*id), Offset(0)).await)
                    }
                    ReadAgain::Ledgers(_) => None,
                };
                (what, first.transpose())
            }
        });
        let mut first = stream::iter(first).buffered(READ_AGAIN_AHEAD);
        while let Some((what, first)) = first.next().await {
            let read = self.read_one_again(&what, first?).await;
            // What was begun holds the file: others may write while this one waits to be tried again.
            self.applier.give_up_again();
            let Reread { records, rows } = read?;
            tracing::debug!(?what, records, rows, "read_again");
            self.metrics.read_again(records, rows);
        }
        let milliseconds = begun.elapsed().as_millis();
        tracing::info!(streams, milliseconds, reason = "features had missed records", "read_again_done");
        self.write(Applier::settle_again)
    }

    /// `first` is the beginning of the one stream to be read, if that is known already.
    async fn read_one_again(&mut self, what: &ReadAgain, mut first: Option<Page>) -> Result<Reread, String> {
        for (stream, through) in self.write(|applier| applier.begin_again(what))? {
            let mut from = Offset(0);
            while from <= through {
                let page = match first.take() {
                    Some(page) => page,
                    None => page_of(&*self.log, stream, from).await?,
                };
                self.write(|applier| applier.apply_again(&page.entries))?;
                if page.next <= from {
                    // The tail brings what is behind the checkpoint alone: what is not read now would be missing for good.
                    return Err(format!(
                        "the log of {stream} ends at {from}, and was read up to {through} before; trying again"
                    ));
                }
                from = page.next;
            }
        }
        self.write(Applier::finish_again)
    }
}

/// Some records of a stream.
async fn page_of(log: &dyn EventLog, stream: Stream, from: Offset) -> Result<Page, String> {
    log.read(stream, from, READ_AGAIN_RECORDS_MAX).await.map_err(|error| error.to_string())
}
