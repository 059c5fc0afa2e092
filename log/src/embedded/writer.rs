//! The thread that appends, erases and recovers.

pub(super) mod command;
mod transaction;

use super::checkpoint::Checkpointer;
use super::folder::Folder;
use super::window::Committed;
use super::{schema, shared::Shared};
use crate::limits::{
    COMMIT_BYTES_MAX, COMMIT_RECORDS_MAX, EMPTY_EVERY, FILE_CHECK_EVERY, FORGET_EVERY, FORGET_WAIT_MAX,
    FORGET_WITHIN, LOCK_WAIT_MAX, RECOVERY_EVERY,
};
use crate::{AppendError, Health};
use command::Command;
use rusqlite::Connection;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use transaction::{Ends, Failure, Written, transact};

const REPLACED: &str = "its file was deleted or replaced; restore it, then restart";
const WAL_REPLACED: &str = "its write-ahead log was deleted or replaced; what it held is saved; restart";
const WAL_LOST: &str =
    "its write-ahead log was deleted or replaced, and the newest records may be lost; restart";

/// What SQLite writes at once.
const PAGE_BYTES: usize = 4_096;

/// The writer. See the module.
pub(super) struct Writer {
    shared: Arc<Shared>,
    connection: Connection,
    commands: Receiver<Command>,
    committed: watch::Sender<u64>,
    ends: Ends,
    /// Since when the log fails.
    failing: bool,
    /// Since when erased content may still lie in the write-ahead log.
    forgetting: Option<Forgetting>,
    checkpointer: Checkpointer,
    /// About how much was written since the checkpointer was last woken.
    unchecked_bytes: usize,
    /// When an overgrown write-ahead log may be emptied again.
    next_emptying: Instant,
    /// What tells the log's file from another, and when to look again.
    identity: Option<(u64, u64)>,
    next_look: Instant,
    /// The same for the write-ahead log; none before the first commit.
    wal: Option<(u64, u64)>,
    /// What became of what was in it, once it is another.
    wal_replaced: Option<&'static str>,
    /// When writing may be taken up again after a failure.
    next_recovery: Instant,
    folder: Folder,
}

struct Forgetting {
    since: Instant,
    next: Instant,
    reported: bool,
}

impl Forgetting {
    fn due(after: Duration) -> Self {
        let now = Instant::now();
        Self { since: now, next: now + after, reported: false }
    }
}

impl Writer {
    pub(super) fn new(
        shared: Arc<Shared>,
        folder: Folder,
        connection: Connection,
        checkpointer: Checkpointer,
        commands: Receiver<Command>,
        committed: watch::Sender<u64>,
    ) -> Self {
        let ends = Ends { seq: *committed.borrow(), streams: HashMap::new() };
        Self {
            shared,
            connection,
            commands,
            committed,
            ends,
            failing: false,
            // A process that was killed may have left erased content in its write-ahead log.
            forgetting: Some(Forgetting::due(Duration::ZERO)),
            checkpointer,
            unchecked_bytes: 0,
            next_emptying: Instant::now(),
            identity: folder.identity(),
            next_look: Instant::now(),
            wal: None,
            wal_replaced: None,
            next_recovery: Instant::now(),
            folder,
        }
    }

    pub(super) fn start(self) -> std::io::Result<()> {
        let guard = PanicGuard(Arc::clone(&self.shared));
        let run = move || {
            let _guard = guard;
            self.run();
        };
        thread::Builder::new().name("log-writer".into()).spawn(run).map(drop)
    }

    fn run(mut self) {
        let mut group = Vec::with_capacity(COMMIT_RECORDS_MAX);
        loop {
            match self.next_command() {
                Ok(first) => {
                    self.gather(first, &mut group);
                    self.write(&mut group);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if self.failing {
                if Instant::now() >= self.next_recovery {
                    self.recover();
                    self.next_recovery = Instant::now() + RECOVERY_EVERY;
                }
            } else {
                self.forget();
            }
        }
        self.finish();
    }

    fn next_command(&self) -> Result<Command, RecvTimeoutError> {
        let wait = match &self.forgetting {
            _ if self.failing => RECOVERY_EVERY,
            Some(forgetting) => forgetting.next.saturating_duration_since(Instant::now()),
            None => return self.commands.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        self.commands.recv_timeout(wait)
    }

    /// Takes all that waits, up to the limits of a commit.
    fn gather(&self, first: Command, group: &mut Vec<Command>) {
        let mut bytes = first.bytes();
        group.push(first);
        while group.len() < COMMIT_RECORDS_MAX
            && bytes < COMMIT_BYTES_MAX
            && let Ok(command) = self.commands.try_recv()
        {
            bytes += command.bytes();
            group.push(command);
        }
        self.shared.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn write(&mut self, group: &mut Vec<Command>) {
        if self.failing {
            let Health::Unavailable(reason) = self.shared.health.borrow().clone() else { return };
            for command in group.drain(..) {
                command.answer(Err(AppendError::Unavailable(reason.clone())));
            }
            return;
        }
        if let Err(reason) = self.check_file() {
            self.fail(reason);
            for command in group.drain(..) {
                command.answer(Err(AppendError::Unavailable(reason.into())));
            }
            return;
        }
        match transact(&self.connection, &mut self.ends, group) {
            Ok(written) => self.publish(group, written),
            Err(failure) => {
                let (reason, error): (_, fn(String) -> AppendError) = match failure {
                    Failure::Before(error) => (error.to_string(), AppendError::Unavailable),
                    Failure::Commit(error) => (error.to_string(), AppendError::Unknown),
                };
                self.fail(&reason);
                for command in group.drain(..) {
                    command.answer(Err(error(reason.clone())));
                }
            }
        }
    }

    /// SQLite would go on writing to a file that was deleted or replaced, and all of that would be lost.
    fn check_file(&mut self) -> Result<(), &'static str> {
        let now = Instant::now();
        if now < self.next_look {
            return Ok(());
        }
        self.next_look = now + FILE_CHECK_EVERY;
        if self.folder.identity() != self.identity {
            return Err(REPLACED);
        }
        if self.wal.is_some() && self.folder.wal_identity() != self.wal {
            // Our connection still holds the file that has lost its name.
            let _copying = self.checkpointer.hold();
            let saved = empty_wal(&self.connection, LOCK_WAIT_MAX);
            let reason = if saved { WAL_REPLACED } else { WAL_LOST };
            self.wal_replaced = Some(reason);
            return Err(reason);
        }
        Ok(())
    }

    /// Hands what is durable to the tails, then to those who asked for it.
    fn publish(&mut self, group: &mut Vec<Command>, written: Written) {
        if !written.erased.is_empty() && self.forgetting.is_none() {
            self.forgetting = Some(Forgetting::due(FORGET_EVERY));
        }
        if self.wal.is_none() {
            self.wal = self.folder.wal_identity();
        }
        self.count(&written.committed);
        let offsets: Vec<_> = written.committed.iter().map(|committed| committed.entry.offset).collect();
        {
            let mut window = self.shared.window();
            window.push(written.committed, self.ends.seq);
            for seq in written.erased {
                window.forget(seq);
            }
        }
        self.committed.send_replace(self.ends.seq);
        for (command, offset) in group.drain(..).zip(offsets) {
            command.answer(Ok(offset));
        }
    }

    /// Wakes the checkpointer when enough was written.
    fn count(&mut self, committed: &[Committed]) {
        // Each record touches a page of its stream's offsets, and the commit the last page of the records.
        let pages = (committed.len() + 1) * PAGE_BYTES;
        self.unchecked_bytes += committed.iter().map(|record| record.bytes).sum::<usize>() + pages;
        if self.unchecked_bytes >= self.shared.options.checkpoint_every_bytes {
            self.unchecked_bytes = 0;
            self.checkpointer.wake();
        }
        if self.checkpointer.is_overgrown() && Instant::now() >= self.next_emptying {
            let _copying = self.checkpointer.hold();
            if empty_wal(&self.connection, FORGET_WAIT_MAX) {
                self.checkpointer.emptied();
            } else {
                self.next_emptying = Instant::now() + EMPTY_EVERY;
            }
        }
    }

    fn fail(&mut self, reason: &str) {
        if !self.connection.is_autocommit()
            && self.connection.execute_batch("ROLLBACK").is_err()
            && let Ok(none) = Connection::open_in_memory()
        {
            // It would keep its lock, and be in the way of the connection that is to take its place.
            self.connection = none;
        }
        self.failing = true;
        self.report(reason);
    }

    fn report(&self, reason: &str) {
        // Where the folder is no longer ours nothing is written to it.
        let is_ours = self.identity.is_some() && self.folder.identity() == self.identity;
        let reason = if is_ours { self.folder.explain(reason) } else { reason.into() };
        let health =
            Health::Unavailable(format!("cannot write to {}: {reason}", self.folder.dir().display()));
        let changed = self.shared.health.send_if_modified(|current| {
            let changed = *current != health;
            current.clone_from(&health);
            changed
        });
        if changed {
            tracing::error!(reason, dir = %self.folder.dir().display(), "the log cannot write; trying again");
        }
    }

    /// Takes up writing again, if the disk lets it.
    fn recover(&mut self) {
        match self.reopen() {
            Ok(()) => {
                self.failing = false;
                self.shared.health.send_replace(Health::Ready);
                tracing::info!(dir = %self.folder.dir().display(), "the log writes again");
            }
            Err(reason) => self.report(&reason),
        }
    }

    /// Begins anew on a fresh connection. What a failed commit left in the write-ahead log is either dropped by it or
    /// copied into the database and flushed there, before anybody is told of it.
    fn reopen(&mut self) -> Result<(), String> {
        if self.folder.identity() != self.identity {
            return Err(REPLACED.into());
        }
        if let Some(reason) = self.wal_replaced {
            // Other connections may hold either file: only a new process is sure to hold the same one throughout.
            return Err(reason.into());
        }
        let connection = schema::reopen(&self.folder.database()).map_err(|error| error.to_string())?;
        let emptied = schema::truncate_wal(&connection).map_err(|error| error.to_string())?;
        let last = schema::last_seq(&connection).map_err(|error| error.to_string())?;
        let known = *self.committed.borrow();
        if last < known {
            return Err(format!(
                "it holds {last} records where {known} were written; restore it, then restart"
            ));
        }
        // What was acknowledged is durable in the write-ahead log. What a failed commit left there may not be, and is not told
        // before it is flushed.
        if last > known && !emptied {
            return Err("readers are in the way of flushing it".into());
        }
        schema::probe(&connection).map_err(|error| error.to_string())?;
        if !emptied {
            tracing::warn!(
                "a reader keeps the write-ahead log from being emptied: it grows until that reader ends"
            );
        }
        self.connection = connection;
        self.wal = self.folder.wal_identity();
        self.ends = Ends { seq: last, streams: HashMap::new() };
        if last > known {
            self.shared.window().reset(last);
            self.committed.send_replace(last);
        }
        Ok(())
    }

    /// Empties the write-ahead log of erased content once that is due.
    fn forget(&mut self) {
        let Some(forgetting) = &mut self.forgetting else { return };
        let now = Instant::now();
        if now < forgetting.next {
            return;
        }
        if empty_wal(&self.connection, FORGET_WAIT_MAX) {
            self.forgetting = None;
            return;
        }
        forgetting.next = Instant::now() + FORGET_EVERY;
        if !forgetting.reported && now.duration_since(forgetting.since) > FORGET_WITHIN {
            forgetting.reported = true;
            tracing::warn!(
                "erased content still lies in the write-ahead log: a reader holds it up; trying again"
            );
        }
    }

    /// Leaves the folder tidy: one file that holds it all.
    fn finish(self) {
        self.shared.readers.close();
        self.checkpointer.stop();
        if !self.failing && !empty_wal(&self.connection, LOCK_WAIT_MAX) {
            tracing::info!("readers are at work; the next start copies the write-ahead log");
        }
        self.shared.health.send_replace(Health::Unavailable("it is closed".into()));
        // The folder is freed before anyone hears that the writer has stopped.
        let Self { connection, folder, committed, .. } = self;
        drop(connection);
        drop(folder);
        drop(committed);
    }
}

/// Marks the log unhealthy if the writer thread panics.
struct PanicGuard(Arc<Shared>);

impl Drop for PanicGuard {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.health.send_replace(Health::Unavailable("its writer died; restart".into()));
        }
    }
}

fn empty_wal(connection: &Connection, wait: Duration) -> bool {
    let attempt = || -> rusqlite::Result<bool> {
        connection.busy_timeout(wait)?;
        let done = schema::truncate_wal(connection);
        connection.busy_timeout(LOCK_WAIT_MAX)?;
        done
    };
    attempt().unwrap_or(false)
}

#[cfg(test)]
mod tests;
