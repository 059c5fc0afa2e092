//! Before the tail is followed: streams are read again of which features have missed records.

use super::Follower;
use crate::{
    kernel::views::{Applier, ReadAgain, Reread},
    limits::{READ_AGAIN_AHEAD, READ_AGAIN_RECORDS_MAX, READ_AGAIN_ROUNDS},
};
use futures_util::{StreamExt as _, stream};
use kafkatalk_log::{EventLog, Page, ReadError, Stream};
use kafkatalk_protocol::{ConversationId, Offset};
use std::{collections::HashMap, sync::Arc, time::Instant};

/// How often each conversation has ended before what was read of it.
#[derive(Default)]
pub(super) struct Short(HashMap<ConversationId, u32>);

impl Short {
    /// It does once more. Whether it is to be tried again.
    fn is_to_be_tried_again(&mut self, conversation: ConversationId) -> bool {
        let rounds = self.0.entry(conversation).or_default();
        *rounds = rounds.saturating_add(1);
        *rounds < READ_AGAIN_ROUNDS
    }
}

/// Why a stream was not read again.
enum Failed {
    /// The log has less of it than was read before: not yet, or for good.
    Short(String),
    Otherwise(String),
}

impl From<String> for Failed {
    fn from(why: String) -> Self {
        Self::Otherwise(why)
    }
}

impl Follower {
    /// Reads streams again of which features have missed records. A conversation of which the log has lost records is left
    /// as it is after some rounds: its rows are all that is left of them, and the others are not to wait for ever. The next
    /// start tries again.
    pub(super) async fn read_again(&mut self, short: &mut Short) -> Result<(), String> {
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
        let (mut try_again, mut left) = (None, 0_usize);
        while let Some((what, first)) = first.next().await {
            // The ledgers come last, when the conversations are complete.
            if matches!(what, ReadAgain::Ledgers(_)) && try_again.is_some() {
                break;
            }
            let read = match first {
                Ok(first) => self.read_one_again(&what, first).await,
                Err(failed) => Err(failed),
            };
            // What was begun holds the file: others may write while this one waits to be tried again.
            self.applier.give_up_again();
            let Reread { records, rows } = match (read, &what) {
                (Ok(read), _) => read,
                (Err(Failed::Short(why)), ReadAgain::Conversation { id, .. }) => {
                    if short.is_to_be_tried_again(*id) {
                        try_again = Some(why);
                    } else {
                        left += 1;
                        tracing::warn!(conversation = %id, why, "read_again_skipped: its rows stay as they are");
                    }
                    continue;
                }
                (Err(Failed::Short(why) | Failed::Otherwise(why)), _) => return Err(why),
            };
            tracing::debug!(?what, records, rows, "read_again");
            self.metrics.read_again(records, rows);
        }
        if let Some(why) = try_again {
            return Err(format!("{why}; trying again"));
        }
        let milliseconds = begun.elapsed().as_millis();
        tracing::info!(
            streams,
            left,
            milliseconds,
            reason = "features had missed records",
            "read_again_done"
        );
        // Builds of which something is left must go on saying so.
        if left > 0 { Ok(()) } else { self.write(Applier::settle_again) }
    }

    /// `first` is the beginning of the one stream to be read, if that is known already.
    async fn read_one_again(&mut self, what: &ReadAgain, mut first: Option<Page>) -> Result<Reread, Failed> {
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
                    let why =
                        format!("the log of {stream} ends at {from}, and was read up to {through} before");
                    return Err(Failed::Short(why));
                }
                from = page.next;
            }
        }
        Ok(self.write(Applier::finish_again)?)
    }
}

/// Some records of a stream.
async fn page_of(log: &dyn EventLog, stream: Stream, from: Offset) -> Result<Page, Failed> {
    log.read(stream, from, READ_AGAIN_RECORDS_MAX).await.map_err(|error| match error {
        ReadError::Damaged(_) => Failed::Short(error.to_string()),
        ReadError::Unavailable(_) => Failed::Otherwise(error.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_conversation_that_stays_short_is_left_after_its_own_rounds() {
        let [one, other] = [1, 2].map(|number| ConversationId(Uuid::from_u128(number)));
        let mut short = Short::default();
        assert!((1..READ_AGAIN_ROUNDS).all(|_| short.is_to_be_tried_again(one)));
        assert!(short.is_to_be_tried_again(other));
        assert!(!short.is_to_be_tried_again(one));
        // And stays so until the node starts again.
        assert!(!short.is_to_be_tried_again(one));
    }
}
