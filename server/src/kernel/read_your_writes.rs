//! What was written on another node a moment ago.
//!
//! A device registers on one node, and its next request may come to another, whose views the record has not reached. So
//! "there is no such thing" is only said of views that hold all that the ledgers held when the question came: on a miss
//! the node asks the log how far they go, waits for its views to come to there, and looks once more.

use super::{
    Kernel,
    errors::Unavailable,
    views::{Query, ViewsError},
};
use crate::limits::{APPLY_WAIT, GROUP_CATCH_UP_RECORDS, LOG_LOOK_WAIT, LOOKED_AT_CONVERSATIONS_MAX};
use kafkatalk_log::{Page, Stream};
use kafkatalk_protocol::{ConversationId, Offset};
use moka::sync::Cache as Moka;
use std::{sync::Arc, time::Instant};
use tokio::sync::Mutex;

/// The last time that this node asked how far the ledgers go. Questions share an answer that was asked for after they
/// came, so that guessing tokens does not become a load on the log: one at a time is asked.
#[derive(Debug, Default)]
pub(super) struct LedgerEnds {
    last: Mutex<Option<LastLook>>,
}

/// Whose turn it is to look into a conversation's stream. One looks at a time, so that questions about one conversation do
/// not become a load on the log, and no question about another one waits for it.
#[derive(Debug)]
pub(super) struct LogLooks(Moka<ConversationId, Arc<Mutex<()>>>);

impl Default for LogLooks {
    fn default() -> Self {
        Self(Moka::new(LOOKED_AT_CONVERSATIONS_MAX))
    }
}

#[derive(Clone, Copy, Debug)]
struct LastLook {
    at: Instant,
    reached: bool,
}

impl Kernel {
    /// Asks the views, and again if they do not know and may be behind.
    pub(crate) async fn find<T: Send + 'static>(
        &self,
        ask: impl Fn(&Query<'_>) -> Result<Option<T>, ViewsError> + Send + Sync + 'static,
    ) -> Result<Option<T>, Unavailable> {
        let ask = Arc::new(ask);
        let again = Arc::clone(&ask);
        if let Some(found) = self.views.read(move |views| ask(views)).await? {
            return Ok(Some(found));
        }
        self.catch_up_to_ledger_ends().await?;
        Ok(self.views.read(move |views| again(views)).await?)
    }

    /// Waits until the views hold all that the ledgers hold now.
    async fn catch_up_to_ledger_ends(&self) -> Result<(), Unavailable> {
        let came = Instant::now();
        let reached = tokio::time::timeout(APPLY_WAIT, async {
            let mut last = self.ledger_ends.last.lock().await;
            if let Some(asked) = last.filter(|asked| asked.at >= came) {
                return asked.reached;
            }
            let at = Instant::now();
            let reached: Result<(), Unavailable> =
                async { Ok(self.views.reach(self.log.ends().await?).await?) }.await;
            if let Err(error) = &reached {
                tracing::debug!(%error, "this node cannot come to the ledgers' end");
            }
            let reached = reached.is_ok();
            *last = Some(LastLook { at, reached });
            reached
        });
        if reached.await.unwrap_or(false) { Ok(()) } else { Err(Unavailable::NotReplicatedYet) }
    }

    /// Reads from a conversation's stream. A log that does not answer in time, or that answers others just now, is not
    /// waited for.
    async fn look(
        &self,
        conversation: ConversationId,
        from: Offset,
        limit: usize,
    ) -> Result<Page, Unavailable> {
        let looked = async {
            let turn = self.log_looks.0.get_with(conversation, Arc::default).lock_owned().await;
            let log = Arc::clone(&self.log);
            // The turn lasts until the log has answered, even if nobody waits any more.
            let read = tokio::spawn(async move {
                let page = log.read(Stream::Conversation(conversation), from, limit).await;
                drop(turn);
                page
            });
            read.await.map_err(|_| Unavailable::Impossible("a read of the log has died"))?.map_err(Into::into)
        };
        tokio::time::timeout(LOG_LOOK_WAIT, looked).await.unwrap_or(Err(Unavailable::NotReplicatedYet))
    }

    /// Waits until the views hold what a group's stream holds now, or the next thousand records of it: who is in it may have
    /// changed on another node a moment ago. Of what is no group that need not be asked, and is not: that a pair's conversation is there must not show.
    pub(crate) async fn catch_up_in_group(&self, group: ConversationId) -> Result<(), Unavailable> {
        let look = move |views: &Query<'_>| views.is_group(group)?.then(|| views.applied(group)).transpose();
        let Some(applied) = self.views.read(look).await? else { return Ok(()) };
        let from = applied.map_or(Offset(0), Offset::next);
        let ahead = self.look(group, from, GROUP_CATCH_UP_RECORDS).await?;
        let Some(last) = ahead.entries.last() else { return Ok(()) };
        let reached = tokio::time::timeout(APPLY_WAIT, self.views.reach_in(group, last.offset)).await;
        reached.map_err(|_| Unavailable::NotReplicatedYet)?.map_err(Into::into)
    }

    /// Whether the log has a record of a conversation at that offset, and no hole.
    pub(crate) async fn is_in_log(
        &self,
        conversation: ConversationId,
        offset: Offset,
    ) -> Result<bool, Unavailable> {
        let page = self.look(conversation, offset, 1).await?;
        Ok(page.entries.first().is_some_and(|entry| entry.offset == offset))
    }

    /// The last offset of a conversation in the log: another node may have shown what this one's views have not come to.
    pub(crate) async fn newest_in_log(
        &self,
        conversation: ConversationId,
    ) -> Result<Option<Offset>, Unavailable> {
        let page = self.look(conversation, Offset(u64::MAX), 0).await?;
        Ok(page.end.0.checked_sub(1).map(Offset))
    }
}
