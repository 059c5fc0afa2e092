//! `rebuild`: the views of a stopped node, made anew from its log.

use super::{open_log, pace, print, runtime};
use crate::{
    config::Config,
    features,
    kernel::projector::{Applied, IgnoreReason},
    telemetry,
    views::{Views, ViewsError, ViewsOptions},
};
use anyhow::{Context as _, Result};
use kafkatalk_log::{Checkpoint, EventLog, Health, ReadError};
use kafkatalk_protocol::event::MessagePosted;
use std::{
    fmt,
    path::Path,
    time::{Duration, Instant},
};

/// How often progress is told.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// How long to wait before a log that cannot be read is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What a rebuild has come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Records taken in.
    pub records: u64,
    /// Of these, messages that members see.
    pub messages: u64,
    /// Records that count for nothing: second copies, unknown kinds.
    pub skipped: u64,
    /// Records known to be left.
    pub left: u64,
    /// Time since the beginning.
    pub took: Duration,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { records, messages, skipped, took, .. } = self;
        let pace = pace(*records, *took);
        write!(f, "{records} records ({messages} messages, {skipped} skipped) {pace}")
    }
}

/// Why the views could not be made.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// Writing them failed.
    #[error(transparent)]
    Views(#[from] ViewsError),
    /// The log failed for good.
    #[error(transparent)]
    Log(#[from] ReadError),
    /// The log was closed meanwhile.
    #[error("the log was closed before its end was reached")]
    Closed,
}

pub(super) fn run(config: &Config) -> Result<()> {
    telemetry::start(config.log_format, &config.log_level);
    let runtime = runtime()?;
    let figures = runtime.block_on(async {
        let log = open_log(config)?;
        let figures = from_log(&*log, &config.views_file(), &config.views, |figures| {
            tracing::info!(left = figures.left, "{figures}");
        })
        .await;
        log.close().await;
        figures.with_context(|| format!("cannot rebuild {}", config.views_file().display()))
    })?;
    print(&format!("rebuilt {}: {figures}\n", config.views_file().display()))
}

/// Makes the file anew from all that the log holds now. Waits for a log that is not reachable.
pub async fn from_log(
    log: &dyn EventLog,
    views: &Path,
    options: &ViewsOptions,
    mut tell: impl FnMut(&Figures),
) -> Result<Figures, RebuildError> {
    let begun = Instant::now();
    let (_views, mut applier) = Views::open_anew(views, options, features::registry())?;
    let mut tail = loop {
        match log.tail(Checkpoint::new()).await {
            Ok(tail) => break tail,
            Err(ReadError::Unavailable(reason)) => wait(log, &reason).await,
            Err(error) => return Err(error.into()),
        }
    };
    // The log is reachable now, and knows its identity.
    let identity = log.identity().await?;
    applier.belongs_to(identity.as_str())?;
    let (mut figures, mut told) = (Figures::default(), begun);
    loop {
        let Ok(batch) = tokio::time::timeout(WAITING_MAX, tail.next()).await else {
            tracing::info!("waiting for the log: {}", reason(log));
            continue;
        };
        let batch = batch?.ok_or(RebuildError::Closed)?;
        for applied in applier.apply(&batch)? {
            figures.count(&applied);
        }
        figures.left = batch.lag;
        figures.took = begun.elapsed();
        if batch.caught_up {
            return Ok(figures);
        }
        if told.elapsed() >= TELL_EVERY {
            told = Instant::now();
            tell(&figures);
        }
    }
}

/// How long the log may say nothing before that is told.
const WAITING_MAX: Duration = Duration::from_secs(5);

async fn wait(log: &dyn EventLog, why: &str) {
    tracing::warn!("waiting for the log: {why} ({})", reason(log));
    tokio::time::sleep(RETRY_AFTER).await;
}

fn reason(log: &dyn EventLog) -> String {
    match &*log.health().borrow() {
        Health::Ready => "it is reachable".into(),
        Health::Unavailable(reason) => reason.clone(),
    }
}

impl Figures {
    fn count(&mut self, applied: &Applied) {
        self.records += 1;
        match applied.skipped {
            // What is held is not yet seen, but will be.
            Some(IgnoreReason::Held) => self.messages += 1,
            Some(_) => self.skipped += 1,
            None => self.messages += u64::from(applied.outcome::<MessagePosted>().is_some()),
        }
    }
}
