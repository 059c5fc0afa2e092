//! One writer, across processes: two would count records twice.

use super::ViewsError;
use std::{
    fs::{File, TryLockError},
    path::Path,
};

/// Takes the lock beside the file. It is held as long as the answer lives; the system takes it back when the process
/// ends, however it ends.
pub(super) fn take(views: &Path) -> Result<File, ViewsError> {
    if let Some(folder) = views.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let name = super::schema::beside(views, ".lock");
    let lock = File::options().create(true).truncate(false).write(true).open(name)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(ViewsError::InUse),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}
