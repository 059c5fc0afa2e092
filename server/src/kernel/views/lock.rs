//! One writer, across processes: two would count records twice.

use super::ViewsError;
use std::{
    fs::{File, TryLockError},
    path::Path,
};

/// Held as long as this lives; the system takes it back when the process ends, however it ends.
pub(super) struct Lock(File);

/// A program that is just being started holds the file open for a moment, too, and with it the lock, unless it is let go.
impl Drop for Lock {
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}

/// Takes the lock beside the file.
pub(super) fn take(views: &Path) -> Result<Lock, ViewsError> {
    if let Some(folder) = views.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let name = super::file::beside(views, ".lock");
    let lock = File::options().create(true).truncate(false).write(true).open(name)?;
    match lock.try_lock() {
        Ok(()) => Ok(Lock(lock)),
        Err(TryLockError::WouldBlock) => Err(ViewsError::InUse),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}
