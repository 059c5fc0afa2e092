//! Which folders are recorded, and which descriptors lead to their files.

use crate::{FileId, Op, Target};
use std::collections::{BTreeMap, HashMap};
use std::ffi::c_int;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

/// One folder's recording.
pub(crate) struct Recording {
    root: PathBuf,
    state: Mutex<State>,
}

/// What is known of the folder, and what was done in it.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) ops: Vec<Op>,
    files: BTreeMap<PathBuf, FileId>,
    next_file: u64,
    next_sync: u64,
}

#[derive(Default)]
struct Registry {
    recordings: Vec<Arc<Recording>>,
    open: HashMap<c_int, (Arc<Recording>, Target)>,
}

static REGISTRY: LazyLock<Mutex<Registry>> = LazyLock::new(Mutex::default);
/// Whether there ever was a recording: until then the hooks touch nothing of the above.
static BEGUN: AtomicBool = AtomicBool::new(false);

fn registry<T>(with: impl FnOnce(&mut Registry) -> T) -> T {
    with(&mut REGISTRY.lock().unwrap_or_else(PoisonError::into_inner))
}

pub(crate) fn begun() -> bool {
    BEGUN.load(Ordering::Acquire)
}

pub(crate) fn start(root: &Path, files: BTreeMap<PathBuf, FileId>) -> Arc<Recording> {
    let next_file = files.values().map(|file| file.0 + 1).max().unwrap_or(0);
    let state = Mutex::new(State { files, next_file, ..State::default() });
    let recording = Arc::new(Recording { root: root.into(), state });
    registry(|registry| registry.recordings.push(Arc::clone(&recording)));
    BEGUN.store(true, Ordering::Release);
    recording
}

pub(crate) fn stop(recording: &Arc<Recording>) {
    registry(|registry| {
        registry.recordings.retain(|other| !Arc::ptr_eq(other, recording));
        registry.open.retain(|_, (other, _)| !Arc::ptr_eq(other, recording));
    });
}

/// The recording in whose folder a path lies, and the path in it.
pub(crate) fn below(path: &Path) -> Option<(Arc<Recording>, PathBuf)> {
    if !begun() {
        return None;
    }
    registry(|registry| {
        registry.recordings.iter().find_map(|recording| {
            let inside = path.strip_prefix(&recording.root).ok()?;
            Some((Arc::clone(recording), inside.to_owned()))
        })
    })
}

/// What a descriptor leads to, if that is recorded.
pub(crate) fn opened(fd: c_int) -> Option<(Arc<Recording>, Target)> {
    if !begun() {
        return None;
    }
    registry(|registry| registry.open.get(&fd).cloned())
}

pub(crate) fn open(fd: c_int, recording: &Arc<Recording>, target: Target) {
    registry(|registry| registry.open.insert(fd, (Arc::clone(recording), target)));
}

pub(crate) fn close(fd: c_int) {
    if begun() {
        registry(|registry| registry.open.remove(&fd));
    }
}

impl Recording {
    /// Nobody else does anything in the folder meanwhile.
    pub(crate) fn with<T>(&self, with: impl FnOnce(&mut State) -> T) -> T {
        with(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    /// A path was opened, and made where it was not there.
    pub(crate) fn opened(&mut self, path: PathBuf, is_folder: bool) -> Target {
        if is_folder {
            return Target::Folder(path);
        }
        if let Some(file) = self.files.get(&path) {
            return Target::File(*file);
        }
        let file = FileId(self.next_file);
        self.next_file += 1;
        self.files.insert(path.clone(), file);
        self.ops.push(Op::Create { file, path });
        Target::File(file)
    }

    pub(crate) fn removed(&mut self, path: PathBuf) {
        self.files.remove(&path);
        self.ops.push(Op::Remove { path });
    }

    pub(crate) fn renamed(&mut self, from: PathBuf, to: PathBuf) {
        if let Some(file) = self.files.remove(&from) {
            self.files.insert(to.clone(), file);
        }
        self.ops.push(Op::Rename { from, to });
    }

    pub(crate) fn sync_begins(&mut self, target: Target) -> u64 {
        let sync = self.next_sync;
        self.next_sync += 1;
        self.ops.push(Op::SyncBegun { sync, target });
        sync
    }
}
