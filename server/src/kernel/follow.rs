//! The follower: the one loop from the log's tail to the views, and from there to the hub and to who waits.
//!
//! It runs on a thread of its own, because it commits to SQLite. It never gives up: when the log or the views fail, it
//! says so, waits, and goes on from the checkpoint that the views hold.

use super::{
    live::Hub,
    pending_acks::PendingAcks,
    projector::Applied,
    views::{Applier, Views, ViewsError},
};
use crate::{
    limits::{FOLLOW_RETRY_MAX, FOLLOW_RETRY_MIN},
    metrics::Metrics,
};
use kafkatalk_log::{Batch, EventLog, Stream, Tail};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

mod again;

use again::Short;

/// How far the follower is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Reading what was in the log before this node started; how many records are known to be left.
    CatchingUp {
        /// Records.
        left: u64,
    },
    /// Live.
    Live,
    /// Held up; why.
    Stuck(String),
}

/// What the follower works with.
pub struct Follower {
    /// Source of truth.
    pub log: Arc<dyn EventLog>,
    /// The read side, for the hub.
    pub views: Views,
    /// The write side.
    pub applier: Applier,
    /// Use cases waiting for their own record.
    pub pending_acks: PendingAcks,
    /// Who is connected.
    pub hub: Hub,
    /// Metrics.
    pub metrics: Arc<Metrics>,
}

impl std::fmt::Debug for Follower {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Follower")
    }
}

/// What the follower shows of itself.
#[derive(Clone, Debug)]
pub struct Watch {
    progress: watch::Receiver<Progress>,
    has_been_live: Arc<AtomicBool>,
}

impl Watch {
    /// How far it is; `None` if it has died.
    pub fn progress(&self) -> Option<Progress> {
        self.progress.has_changed().is_ok().then(|| self.progress.borrow().clone())
    }

    /// Whether the views have once held all that was in the log. Before that, what they do not hold may be there all
    /// the same; after that they are behind by moments at most, or the node says so.
    pub fn has_been_live(&self) -> bool {
        self.has_been_live.load(Ordering::Acquire)
    }

    /// Whether the views hold all that is in the log, up to moments.
    pub fn is_live(&self) -> bool {
        self.progress() == Some(Progress::Live)
    }

    /// Waits until they do; for ever, if the follower ends before.
    pub async fn live(&self) {
        let mut progress = self.progress.clone();
        if progress.wait_for(|now| *now == Progress::Live).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Waits for the end of the follower's thread, whatever ended it.
    pub async fn ended(mut self) {
        while self.progress.changed().await.is_ok() {}
    }
}

/// Where the follower shows it.
struct Sign {
    progress: watch::Sender<Progress>,
    has_been_live: Arc<AtomicBool>,
}

impl Sign {
    fn show(&self, metrics: &Metrics, now: &Progress) {
        let live = *now == Progress::Live;
        if live {
            self.has_been_live.store(true, Ordering::Release);
        }
        self.progress.send_if_modified(|held| {
            let changed = held != now;
            if changed {
                metrics.set_following(live);
                held.clone_from(now);
            }
            changed
        });
    }
}

/// A follower that runs.
#[derive(Debug)]
pub struct Following {
    /// What it shows.
    pub watch: Watch,
    thread: JoinHandle<()>,
}

impl Following {
    /// Waits for the thread, after `stop` was cancelled or the log closed.
    pub fn join(self) {
        if self.thread.join().is_err() {
            tracing::error!("the follower ended in a panic");
        }
    }
}

/// Starts following. Ends when `stop` is cancelled or the log is closed.
pub fn start(follower: Follower, stop: CancellationToken) -> std::io::Result<Following> {
    let (progress, watching) = watch::channel(Progress::CatchingUp { left: 0 });
    let has_been_live = Arc::new(AtomicBool::new(false));
    let watch = Watch { progress: watching, has_been_live: Arc::clone(&has_been_live) };
    let sign = Sign { progress, has_been_live };
    let runtime = tokio::runtime::Handle::current();
    let thread = std::thread::Builder::new().name("follower".into()).spawn(move || {
        let mut follower = follower;
        runtime.block_on(async {
            tokio::select! {
                () = stop.cancelled() => {}
                () = follower.run(&sign) => {}
            }
            // What is not committed is in the log; the next start is quicker if it is here as well.
            if let Err(error) = follower.write(Applier::commit) {
                tracing::warn!(error, "uncommitted view batch discarded on shutdown");
            }
        });
    })?;
    Ok(Following { watch, thread })
}

impl Follower {
    async fn run(&mut self, sign: &Sign) {
        let mut pause = FOLLOW_RETRY_MIN;
        let mut short = Short::default();
        loop {
            match self.follow(sign, &mut pause, &mut short).await {
                Ok(()) => return,
                Err(error) => {
                    // If it was the tail that failed: nobody waits longer for what was shown.
                    if let Err(error) = self.write(Applier::commit) {
                        tracing::error!(error, "uncommitted view batch lost; its records come again");
                    }
                    tracing::error!(%error, "the views cannot follow the log; trying again in {pause:?}");
                    sign.show(&self.metrics, &Progress::Stuck(error));
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(FOLLOW_RETRY_MAX);
                }
            }
        }
    }

    /// Follows until the log is closed, or something fails.
    async fn follow(&mut self, sign: &Sign, pause: &mut Duration, short: &mut Short) -> Result<(), String> {
        let identity = self.log.identity().await.map_err(|error| error.to_string())?;
        if !self.applier.belongs_to(identity.as_str()).map_err(|error| error.to_string())? {
            tracing::error!(
                reason = "made from another log",
                "views_refused: restart the node to rebuild them"
            );
            return Ok(());
        }
        self.read_again(short).await?;
        let checkpoint = self.applier.checkpoint();
        let mut tail: Box<dyn Tail> = self.log.tail(checkpoint).await.map_err(|error| error.to_string())?;
        let asks = self.applier.asks();
        let timer = tokio::time::sleep(Duration::ZERO);
        tokio::pin!(timer);
        loop {
            let due = self.applier.due();
            if let Some(due) = due.map(Into::into).filter(|due| *due != timer.deadline()) {
                timer.as_mut().reset(due);
            }
            let batch = tokio::select! {
                biased;
                () = asks.next(), if due.is_some() => None,
                () = timer.as_mut(), if due.is_some() => None,
                batch = tail.next() => match batch.map_err(|error| error.to_string())? {
                    Some(batch) => Some(batch),
                    None => return Ok(()),
                },
            };
            let Some(batch) = batch else {
                self.write(Applier::commit)?;
                continue;
            };
            // A batch that failed is not tried again alone: the tail is opened anew from what the views hold.
            let applied = self.write(|applier| applier.put(&batch))?;
            self.publish(&batch, &applied);
            *pause = FOLLOW_RETRY_MIN;
            let now = if batch.caught_up { Progress::Live } else { Progress::CatchingUp { left: batch.lag } };
            sign.show(&self.metrics, &now);
        }
    }

    /// What the views fail to write they have taken back, with all that was not committed before. It is in the log and
    /// comes again; whoever was shown it already, or has read the rows without it since, would get it twice or not at all.
    /// So they all begin anew.
    fn write<T>(&mut self, work: impl FnOnce(&mut Applier) -> Result<T, ViewsError>) -> Result<T, String> {
        let ahead = self.applier.due().is_some();
        work(&mut self.applier).map_err(|error| {
            if ahead {
                self.hub.send_all_away();
            }
            error.to_string()
        })
    }

    fn publish(&self, batch: &Batch, applied: &[Applied]) {
        for one in applied {
            self.hub.deliver(one, &self.views);
            let waited = self.pending_acks.resolve(one);
            let to_members = matches!(one.stream, Stream::Conversation(_)) && !one.deliver.is_empty();
            if let Some(waited) = waited.filter(|_| to_members) {
                self.metrics.delivered(waited);
            }
        }
        self.metrics.followed(applied, batch.lag);
    }
}
