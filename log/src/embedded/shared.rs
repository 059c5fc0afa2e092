//! What the handle, the writer and the tails share.

use super::{options::EmbeddedOptions, reader::Readers, window::Window};
use crate::Health;
use std::sync::{Mutex, MutexGuard, PoisonError, atomic::AtomicUsize};
use tokio::sync::watch;

/// What the handle, the writer and the tails share.
pub(super) struct Shared {
    pub(super) options: EmbeddedOptions,
    pub(super) window: Mutex<Window>,
    pub(super) readers: Readers,
    pub(super) queued_bytes: AtomicUsize,
    pub(super) health: watch::Sender<Health>,
}

impl Shared {
    pub(super) fn window(&self) -> MutexGuard<'_, Window> {
        // A panic while it was held would have left whole entries only: they are still right.
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
