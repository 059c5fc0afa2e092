//! The thread that copies SQLite's write-ahead log into the file, so that the follower does not wait for the disk.

use super::{ViewsError, file};
use std::{
    path::Path,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread::{Builder, JoinHandle},
};

/// Passes of one copy, each for what came in during the one before: SQLite begins its write-ahead log anew only when all
/// of it is copied at the moment of a commit.
const PASSES_MAX: usize = 3;

/// The writer's end of the thread, which ends with it: once it is dropped, nobody has the file open on its account.
#[derive(Debug)]
pub(super) struct WalCopier {
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for WalCopier {
    fn drop(&mut self) {
        self.wake = None;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::warn!("WAL copier thread panicked");
        }
    }
}

impl WalCopier {
    pub(super) fn start(path: &Path) -> Result<Self, ViewsError> {
        let connection = file::open_beside(path)?;
        // One is enough: who is woken copies all that is there.
        let (wake, woken) = sync_channel(1);
        let thread = Builder::new().name("views-wal".into()).spawn(move || run(&connection, &woken))?;
        Ok(Self { wake: Some(wake), thread: Some(thread) })
    }

    /// Asks for a copy. Never waits.
    pub(super) fn wake(&self) {
        // Full means that it was asked already.
        let _ = self.wake.as_ref().map(|wake| wake.try_send(()));
    }
}

fn run(connection: &rusqlite::Connection, woken: &Receiver<()>) {
    while woken.recv().is_ok() {
        for _ in 0..PASSES_MAX {
            match file::copy_wal(connection) {
                Ok(true) => break,
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(%error, "checkpoint of the views' WAL failed; retrying");
                    break;
                }
            }
        }
    }
}
