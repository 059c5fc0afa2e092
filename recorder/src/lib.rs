//! Records what this process does to the files below a folder: every creation, write, change of size, removal and sync, in
//! the order in which they happened. For tests that simulate power cuts; only on Linux with glibc, on 64 bits.
//!
//! The functions in `hooks` have the names of the C library's (`open`, `pwrite`, `fdatasync`, ...). They are part of the
//! test's executable, so that the linker takes them instead of the library's for all code in it, SQLite and Rust's standard
//! library alike. Each makes the system call itself and notes what it did.
//!
//! What goes past these functions (a memory mapping, a system call made directly) is not seen. A test that replays the
//! operations must therefore compare the result with the files themselves.
//!
//! No sync is passed on to the system in a process that has begun a recording: none of its files needs to outlive a power
//! cut, and a simulated disk is faster.
#![cfg(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64"))]

mod hooks;
mod registry;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file, whatever its name is by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(pub u64);

/// What a sync makes durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A file's content and size.
    File(FileId),
    /// The names in a folder.
    Folder(PathBuf),
}

/// One operation. Paths are relative to the recorded folder, which itself is the empty path.
#[derive(Clone, Debug)]
pub enum Op {
    /// A new, empty file.
    Create {
        /// The file.
        file: FileId,
        /// Its name.
        path: PathBuf,
    },
    /// A new folder.
    MakeFolder {
        /// Its name.
        path: PathBuf,
    },
    /// A name was removed.
    Remove {
        /// The name.
        path: PathBuf,
    },
    /// A file got another name; what had that name lost it.
    Rename {
        /// The name before.
        from: PathBuf,
        /// The name since.
        to: PathBuf,
    },
    /// Bytes were written.
    Write {
        /// The file.
        file: FileId,
        /// Where, in bytes.
        offset: u64,
        /// What.
        data: Arc<[u8]>,
    },
    /// The size was set; what lies beyond the old one reads as zeros.
    Resize {
        /// The file.
        file: FileId,
        /// The new size in bytes.
        len: u64,
    },
    /// A sync began: what was done before is durable once it is done.
    SyncBegun {
        /// Which sync.
        sync: u64,
        /// Of what.
        target: Target,
    },
    /// A sync returned.
    SyncDone {
        /// Which sync.
        sync: u64,
    },
}

/// A recording under way.
pub struct Recording(Arc<registry::Recording>);

impl Recording {
    /// Begins to record what is done below a folder. Its path must be the canonical one. The files that are there already,
    /// by their paths relative to it, keep the ids that they are given here; folders are known by themselves.
    pub fn start(root: &Path, files: BTreeMap<PathBuf, FileId>) -> Self {
        hooks::link();
        Self(registry::start(root, files))
    }

    /// How many operations there were.
    pub fn position(&self) -> usize {
        self.0.with(|state| state.ops.len())
    }

    /// Ends the recording; what was done.
    pub fn stop(self) -> Vec<Op> {
        registry::stop(&self.0);
        self.0.with(|state| std::mem::take(&mut state.ops))
    }
}
