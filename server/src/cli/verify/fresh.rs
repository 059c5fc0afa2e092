//! The views as the log makes them: begun anew in a folder of their own, with the same rules as every node has, and filled
//! as far as the views that are verified are.

use super::{PAGE_RECORDS, source::Source};
use crate::{
    features,
    kernel::projector::{Applied, IgnoreReason},
    views::{Applier, Query, Views, ViewsError, ViewsOptions},
};
use anyhow::{Context as _, Result};
use kafkatalk_log::{Batch, Entry, Ledger, ReadError, Stream};
use kafkatalk_protocol::Offset;
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};
use tempfile::TempDir;

/// The ledgers that say who people are and which conversations there are: what members see follows from these and from the
/// conversation.
pub(super) const LEDGERS: [Ledger; 2] = [Ledger::Users, Ledger::Conversations];

pub(super) struct Fresh {
    views: Views,
    applier: Mutex<Applier>,
    /// How far each ledger is applied.
    ledgers: tokio::sync::Mutex<BTreeMap<&'static str, Offset>>,
    // After the views: they write there until they are closed.
    _folder: TempDir,
}

/// Why the views could not be filled.
#[derive(Debug, thiserror::Error)]
pub(super) enum FillError {
    /// The log.
    #[error(transparent)]
    Log(#[from] ReadError),
    /// The new views.
    #[error(transparent)]
    Views(#[from] ViewsError),
}

impl Fresh {
    /// Empty ones.
    pub(super) fn begin(options: &ViewsOptions) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("kafkatalk-verify-").tempdir();
        let folder = folder.context("cannot make a temporary folder for the views that are compared")?;
        let path = folder.path().join("views.sqlite");
        let (views, applier) = Views::open_anew(&path, options, features::registry())?;
        let (applier, ledgers) = (Mutex::new(applier), tokio::sync::Mutex::default());
        Ok(Self { views, applier, ledgers, _folder: folder })
    }

    /// Applies the ledgers as far as views at these positions are.
    pub(super) async fn follow_ledgers(
        &self,
        source: &Source,
        positions: [u64; LEDGERS.len()],
    ) -> Result<(), FillError> {
        let mut applied = self.ledgers.lock().await;
        for (ledger, position) in LEDGERS.into_iter().zip(positions) {
            let stream = Stream::Ledger(ledger);
            let reached = source.reached(stream, position).await?;
            let from = applied.entry(ledger.as_str()).or_insert(Offset(0));
            while *from < reached {
                let page = source.read(stream, *from, PAGE_RECORDS).await?;
                self.apply(page.entries.into_iter().filter(|entry| entry.offset < reached).collect())?;
                if page.next <= *from || page.next >= page.end {
                    *from = page.next.min(reached);
                    break;
                }
                *from = page.next.min(reached);
            }
        }
        Ok(())
    }

    /// Applies records of conversations, each in their order. How many of them count for nothing: second copies, those of
    /// strangers, unknown and malformed ones. A record that was applied before changes nothing.
    pub(super) fn apply(&self, entries: Vec<Entry>) -> Result<u64, ViewsError> {
        if entries.is_empty() {
            return Ok(0);
        }
        let applied = self.applier().apply(&Batch { entries, ..Batch::default() })?;
        Ok(applied.iter().filter(|applied| counts_for_nothing(applied)).count() as u64)
    }

    pub(super) async fn read<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Query<'_>) -> Result<T, ViewsError> + Send + 'static,
    ) -> Result<T, ViewsError> {
        self.views.read(ask).await
    }

    fn applier(&self) -> MutexGuard<'_, Applier> {
        // An error takes back what it was about: the applier can go on.
        self.applier.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn counts_for_nothing(applied: &Applied) -> bool {
    match applied.skipped {
        // Held for a conversation that nobody opened yet; what was erased, the log does not show any more.
        None | Some(IgnoreReason::Held | IgnoreReason::NothingToErase | IgnoreReason::Repeat) => false,
        Some(_) => true,
    }
}
