//! The thread that copies the write-ahead log into the database, so that no append waits for that.

use super::schema;
use crate::limits::CHECKPOINT_PASSES_MAX;
use rusqlite::Connection;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};

/// The writer's end of the thread.
pub(super) struct Checkpointer {
    wake: SyncSender<()>,
    state: Arc<State>,
    thread: JoinHandle<()>,
}

/// What the thread shares with the writer.
#[derive(Default)]
struct State {
    overgrown: AtomicBool,
    /// Held during a copy. SQLite does not let two copy at once, and does not wait either.
    copying: Mutex<()>,
}

impl Checkpointer {
    pub(super) fn start(database: &Path, wal_bytes_max: u64) -> Result<Self, String> {
        let connection = schema::reopen(database).map_err(|error| error.to_string())?;
        // One is enough: who is woken copies all that is there.
        let (wake, woken) = sync_channel(1);
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        let thread = Builder::new()
            .name("log-checkpoint".into())
            .spawn(move || run(&connection, &woken, &shared, wal_bytes_max))
            .map_err(|error| error.to_string())?;
        Ok(Self { wake, state, thread })
    }

    /// Asks for a copy. Never waits.
    pub(super) fn wake(&self) {
        // Full means that it was asked already.
        let _ = self.wake.try_send(());
    }

    /// Whether the write-ahead log has outgrown its limit, because appends came too fast for it to begin anew.
    pub(super) fn is_overgrown(&self) -> bool {
        self.state.overgrown.load(Ordering::Relaxed)
    }

    /// Says that the writer has emptied it.
    pub(super) fn emptied(&self) {
        self.state.overgrown.store(false, Ordering::Relaxed);
    }

    /// Waits for a copy under way, and keeps the thread from the next one for as long as the caller holds this.
    pub(super) fn hold(&self) -> MutexGuard<'_, ()> {
        self.state.copying.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a copy under way, and ends the thread.
    pub(super) fn stop(self) {
        drop(self.wake);
        if self.thread.join().is_err() {
            tracing::warn!("the thread that copies the write-ahead log had died");
        }
    }
}

fn run(connection: &Connection, woken: &Receiver<()>, state: &State, wal_bytes_max: u64) {
    let page_bytes: u64 =
        connection.query_row("PRAGMA page_size", [], |row| schema::number(row, 0)).unwrap_or(4_096);
    while woken.recv().is_ok() {
        // SQLite begins the write-ahead log anew when all of it is copied at the moment of a commit. Commits that came
        // in during a pass are what the next, much shorter one is for.
        for _ in 0..CHECKPOINT_PASSES_MAX {
            let copied = {
                let _copying = state.copying.lock().unwrap_or_else(PoisonError::into_inner);
                schema::checkpoint(connection)
            };
            match copied {
                Ok(pass) => {
                    state.overgrown.store(pass.pages * page_bytes > wal_bytes_max, Ordering::Relaxed);
                    if pass.copied == pass.pages {
                        break;
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot copy the write-ahead log into the database");
                    break;
                }
            }
        }
    }
}
