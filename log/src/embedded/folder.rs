//! The data folder and the lock on it.

use super::error::OpenError;
use std::fs::{File, OpenOptions, TryLockError, create_dir_all};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// The name of the log's file in the data folder.
pub const FILE: &str = "log.sqlite3";

/// As much as SQLite writes at once.
const PROBE_BYTES: usize = 4_096;

/// A folder that belongs to this process for as long as this lives. The system takes the lock back when the process
/// ends, however it ends.
pub(super) struct Folder {
    dir: PathBuf,
    lock: File,
}

impl Folder {
    /// Makes the folder where there is none, and locks it.
    pub(super) fn open(dir: &Path) -> Result<Self, OpenError> {
        let unusable =
            |error: std::io::Error| OpenError::Folder { dir: dir.into(), reason: error.to_string() };
        create_dir_all(dir).map_err(unusable)?;
        if cfg!(unix) {
            sync_above(dir).map_err(unusable)?;
        }
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(dir.join("log.lock"))
            .map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(OpenError::InUse { dir: dir.into(), process: process_in(&mut file) });
            }
            Err(TryLockError::Error(error)) => return Err(unusable(error)),
        }
        // Only a help for people who look for the process; the lock counts, not the number.
        let _ = write_process(&mut file);
        Ok(Self { dir: dir.into(), lock: file })
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn database(&self) -> PathBuf {
        self.dir.join(FILE)
    }

    /// Why the log cannot be written, with what the system says of the folder where SQLite keeps that to itself.
    pub(super) fn explain(&self, reason: &str) -> String {
        let file = self.dir.join("log.probe");
        let written = std::fs::write(&file, [0; PROBE_BYTES]);
        let _ = std::fs::remove_file(&file);
        written.map_or_else(|error| format!("{reason} ({error})"), |()| reason.into())
    }

    fn write_ahead_log(&self) -> PathBuf {
        self.dir.join(format!("{FILE}-wal"))
    }

    /// What tells the log's file from any other that may take its place; `None` where there is no file, or where the
    /// system has no such thing.
    pub(super) fn identity(&self) -> Option<(u64, u64)> {
        identity(&self.database())
    }

    /// The same for the write-ahead log, which is there from the first write until the last connection is closed.
    pub(super) fn wal_identity(&self) -> Option<(u64, u64)> {
        identity(&self.write_ahead_log())
    }

    /// Makes durable what a killed process wrote to the write-ahead log and did not flush any more: SQLite reads it back
    /// all the same, and what was read may not be lost later. Before the first connection, for closing a file lets go of
    /// the locks that a connection holds on it.
    pub(super) fn sync_wal(&self) -> Result<(), OpenError> {
        let synced = match OpenOptions::new().write(true).open(self.write_ahead_log()) {
            Ok(file) => file.sync_all(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        };
        synced.map_err(|error| OpenError::Folder { dir: self.dir.clone(), reason: error.to_string() })
    }

    /// Makes the names of new files durable, as far as the system can.
    pub(super) fn sync(&self) -> std::io::Result<()> {
        if cfg!(unix) { File::open(&self.dir)?.sync_all() } else { Ok(()) }
    }
}

/// A program that is just being started holds the file open for a moment, too, and with it the lock, unless it is let go.
impl Drop for Folder {
    fn drop(&mut self) {
        let _ = self.lock.unlock();
    }
}

/// Makes the names of the folder and of those above it durable: whoever made them may have done so a moment ago. A folder
/// that may not be opened, or whose file system does not flush folders, is left as it is.
fn sync_above(dir: &Path) -> std::io::Result<()> {
    use std::io::ErrorKind::{InvalidInput, PermissionDenied, ReadOnlyFilesystem, Unsupported};
    for above in dir.ancestors().skip(1) {
        let above = if above.as_os_str().is_empty() { Path::new(".") } else { above };
        let Ok(folder) = File::open(above) else { continue };
        if let Err(error) = folder.sync_all()
            && !matches!(error.kind(), InvalidInput | PermissionDenied | ReadOnlyFilesystem | Unsupported)
        {
            return Err(error);
        }
    }
    Ok(())
}

#[cfg(unix)]
fn identity(file: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    let file = std::fs::metadata(file).ok()?;
    Some((file.dev(), file.ino()))
}

#[cfg(not(unix))]
fn identity(_file: &Path) -> Option<(u64, u64)> {
    None
}

fn process_in(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn write_process(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    writeln!(file, "{}", std::process::id())
}
