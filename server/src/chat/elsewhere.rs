//! What was written on another node a moment ago.
//!
//! A device registers on one node, and its next request may come to another, whose views the record has not reached. So
//! "there is no such thing" is only said of views that hold all that the ledgers held when the question came: on a miss
//! the node asks the log how far they go, waits for its views to come to there, and looks once more.

use super::{Chat, errors::Unavailable};
use crate::{
    limits::APPLY_WAIT,
    views::{Query, ViewsError},
};
use std::{sync::Arc, time::Instant};
use tokio::sync::Mutex;

/// The last time that this node asked how far the ledgers go. Questions share an answer that was asked for after they
/// came, so that guessing tokens does not become a load on the log: one at a time is asked.
#[derive(Debug, Default)]
pub(super) struct Elsewhere(Mutex<Option<Asked>>);

#[derive(Clone, Copy, Debug)]
struct Asked {
    at: Instant,
    reached: bool,
}

impl Chat {
    /// Asks the views, and again if they do not know and may be behind.
    pub(super) async fn find<T: Send + 'static>(
        &self,
        ask: impl Fn(&Query<'_>) -> Result<Option<T>, ViewsError> + Send + Sync + 'static,
    ) -> Result<Option<T>, Unavailable> {
        let ask = Arc::new(ask);
        let again = Arc::clone(&ask);
        if let Some(found) = self.views.read(move |views| ask(views)).await? {
            return Ok(Some(found));
        }
        self.reach_ends().await?;
        Ok(self.views.read(move |views| again(views)).await?)
    }

    /// Waits until the views hold all that the ledgers hold now.
    async fn reach_ends(&self) -> Result<(), Unavailable> {
        let came = Instant::now();
        let mut last = self.elsewhere.0.lock().await;
        if let Some(asked) = last.filter(|asked| asked.at >= came) {
            return if asked.reached { Ok(()) } else { Err(Unavailable::Behind) };
        }
        let at = Instant::now();
        // Should the caller go away meanwhile, the next in turn asks.
        let reached = async { Ok(self.views.reach(self.log.ends().await?).await?) };
        let reached = tokio::time::timeout(APPLY_WAIT, reached).await.unwrap_or(Err(Unavailable::Behind));
        *last = Some(Asked { at, reached: reached.is_ok() });
        reached
    }
}
