//! A simulated disk: what of a process's operations is durable, what only in the system's memory, and what a power cut
//! leaves of that.
//!
//! As POSIX promises and no more: a sync of a file makes its content and size durable as they were when it began, but not
//! its name; a sync of a folder makes the names in it durable. Of all else a cut leaves any part, in any order across
//! files; see [`super::damage`].

use super::damage::{Damage, Keep};
use kafkatalk_recorder::{FileId, Op, Target};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// SQLite's index of the write-ahead log ends so. It is in memory that processes share, and means nothing after a cut.
const VOLATILE: &str = "-shm";

/// Which syncs the disk carries out. A disk that skips some is there to show that the checks notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Syncs {
    All,
    /// None at all, as where a log asks for none.
    Ignored,
    /// None of files whose names end so.
    IgnoredOf(&'static str),
    /// None of folders.
    IgnoredOfFolders,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    Folder,
    File(FileId),
}

/// What happened to a file. Numbers count the changes of the whole disk.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Write { number: u64, offset: usize, data: Arc<[u8]> },
    Resize { number: u64, len: usize },
}

impl Change {
    pub(crate) fn number(&self) -> u64 {
        let (Self::Write { number, .. } | Self::Resize { number, .. }) = self;
        *number
    }

    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Write { offset, data, .. } => {
                let end = offset + data.len();
                if content.len() < end {
                    content.resize(end, 0);
                }
                content[*offset..end].copy_from_slice(data);
            }
            Self::Resize { len, .. } => content.resize(*len, 0),
        }
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct File {
    pub(crate) durable: Vec<u8>,
    pub(crate) pending: Vec<Change>,
}

impl File {
    fn current(&self) -> Vec<u8> {
        let mut content = self.durable.clone();
        self.pending.iter().for_each(|change| change.apply(&mut content));
        content
    }

    fn sync(&mut self, before: u64) {
        let done = self.pending.partition_point(|change| change.number() < before);
        for change in self.pending.drain(..done) {
            change.apply(&mut self.durable);
        }
    }
}

#[derive(Clone, Debug)]
enum NameChange {
    Link(PathBuf, Node),
    Unlink(PathBuf),
    Rename(PathBuf, PathBuf),
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<PathBuf, Node>) {
        match self {
            Self::Link(path, node) => {
                names.insert(path.clone(), *node);
            }
            Self::Unlink(path) => {
                names.remove(path);
            }
            Self::Rename(from, to) => {
                if let Some(node) = names.remove(from) {
                    names.insert(to.clone(), node);
                }
            }
        }
    }

    fn paths(&self) -> Vec<&Path> {
        match self {
            Self::Link(path, _) | Self::Unlink(path) => vec![path],
            Self::Rename(from, to) => vec![from, to],
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Disk {
    files: HashMap<FileId, File>,
    names: BTreeMap<PathBuf, Node>,
    durable_names: BTreeMap<PathBuf, Node>,
    pending_names: Vec<(u64, NameChange)>,
    /// Syncs under way: of what, and the number of changes when they began.
    syncs: HashMap<u64, (Target, u64)>,
    /// The number of the next change.
    pub(crate) next: u64,
    pub(crate) honours: Syncs,
}

impl Disk {
    pub(crate) fn empty() -> Self {
        Self {
            files: HashMap::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            pending_names: Vec::new(),
            syncs: HashMap::new(),
            next: 0,
            honours: Syncs::All,
        }
    }

    /// Carries an operation out.
    pub(crate) fn apply(&mut self, op: &Op) {
        match op {
            Op::Create { file, path } => {
                self.files.insert(*file, File::default());
                self.name(NameChange::Link(path.clone(), Node::File(*file)));
            }
            Op::MakeFolder { path } => self.name(NameChange::Link(path.clone(), Node::Folder)),
            Op::Remove { path } => self.name(NameChange::Unlink(path.clone())),
            Op::Rename { from, to } => self.name(NameChange::Rename(from.clone(), to.clone())),
            Op::Write { file, offset, data } => {
                let offset = usize::try_from(*offset).unwrap();
                let change = Change::Write { number: self.next, offset, data: Arc::clone(data) };
                self.change(*file, change);
            }
            Op::Resize { file, len } => {
                let change = Change::Resize { number: self.next, len: usize::try_from(*len).unwrap() };
                self.change(*file, change);
            }
            Op::SyncBegun { sync, target } => {
                if self.carries_out(target) {
                    self.syncs.insert(*sync, (target.clone(), self.next));
                }
            }
            Op::SyncDone { sync } => self.synced(*sync),
        }
    }

    fn name(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.pending_names.push((self.next, change));
        self.next += 1;
    }

    fn change(&mut self, file: FileId, change: Change) {
        self.files.entry(file).or_default().pending.push(change);
        self.next += 1;
    }

    fn carries_out(&self, target: &Target) -> bool {
        match (self.honours, target) {
            (Syncs::All, _)
            | (Syncs::IgnoredOf(_), Target::Folder(_))
            | (Syncs::IgnoredOfFolders, Target::File(_)) => true,
            (Syncs::Ignored, _) | (Syncs::IgnoredOfFolders, Target::Folder(_)) => false,
            (Syncs::IgnoredOf(end), Target::File(file)) => !self
                .names
                .iter()
                .any(|(path, node)| *node == Node::File(*file) && path.to_str().unwrap().ends_with(end)),
        }
    }

    fn synced(&mut self, sync: u64) {
        let Some((target, before)) = self.syncs.remove(&sync) else { return };
        match target {
            Target::File(file) => self.files.get_mut(&file).unwrap().sync(before),
            Target::Folder(folder) => {
                let durable = &mut self.durable_names;
                self.pending_names.retain(|(number, change)| {
                    let here = change.paths().iter().any(|path| path.parent() == Some(&folder));
                    let done = *number < before && here;
                    if done {
                        change.apply(durable);
                    }
                    !done
                });
            }
        }
    }

    /// The process is gone, the system is not: what was not durable is not yet, either.
    pub(crate) fn process_ended(&mut self) {
        self.syncs.clear();
    }

    /// What is on the disk after a power cut. All of that is durable, as the next process finds it.
    pub(crate) fn cut(&self, damage: &mut Damage) -> Self {
        let mut names = self.durable_names.clone();
        let mut lost: Vec<&Path> = Vec::new();
        for (number, change) in &self.pending_names {
            // What happens to a name happens in turn.
            let follows = change.paths().iter().any(|path| lost.contains(path));
            if !follows && damage.keeps_name(*number) {
                change.apply(&mut names);
            } else {
                lost.extend(change.paths());
            }
        }
        let reachable = |path: &Path| {
            path.ancestors()
                .skip(1)
                .filter(|above| *above != Path::new(""))
                .all(|above| names.get(above) == Some(&Node::Folder))
        };
        let names: BTreeMap<_, _> = names
            .iter()
            .filter(|(path, _)| reachable(path))
            .map(|(path, node)| (path.clone(), *node))
            .collect();
        let mut files = HashMap::new();
        for node in names.values() {
            if let Node::File(id) = node {
                let durable =
                    Keep::choose(damage, &self.files[id], self.next).content(&self.files[id], damage);
                files.insert(*id, File { durable, pending: Vec::new() });
            }
        }
        let durable_names = names.clone();
        Self {
            files,
            names,
            durable_names,
            pending_names: Vec::new(),
            syncs: HashMap::new(),
            next: self.next,
            honours: self.honours,
        }
    }

    fn present(&self) -> impl Iterator<Item = (&Path, Node)> {
        let stays = |path: &Path| !path.to_str().unwrap().ends_with(VOLATILE);
        self.names.iter().filter(move |(path, _)| stays(path)).map(|(path, node)| (path.as_path(), *node))
    }

    /// The files by their names, for a recording that goes on from here.
    pub(crate) fn file_names(&self) -> BTreeMap<PathBuf, FileId> {
        let file = |(path, node): (&Path, Node)| match node {
            Node::File(file) => Some((path.to_owned(), file)),
            Node::Folder => None,
        };
        self.present().filter_map(file).collect()
    }

    /// Writes what a process would read into an empty folder.
    pub(crate) fn write_to(&self, dir: &Path) {
        for (path, node) in self.present() {
            match node {
                Node::Folder => std::fs::create_dir(dir.join(path)).unwrap(),
                Node::File(file) => std::fs::write(dir.join(path), self.files[&file].current()).unwrap(),
            }
        }
    }

    /// How a folder differs from what a process would read; empty where it does not.
    pub(crate) fn differences(&self, dir: &Path) -> Vec<String> {
        let mut there = Vec::new();
        list(dir, Path::new(""), &mut there);
        let expected: Vec<&Path> = self.present().map(|(path, _)| path).collect();
        let mut differences = Vec::new();
        if there != expected {
            differences.push(format!("{there:?} are there, {expected:?} were recorded"));
        }
        for (path, node) in self.present() {
            if let Node::File(file) = node
                && std::fs::read(dir.join(path)).ok() != Some(self.files[&file].current())
            {
                differences.push(format!("{} was written to past the recorder", path.display()));
            }
        }
        differences
    }
}

fn list(root: &Path, below: &Path, found: &mut Vec<PathBuf>) {
    let mut names: Vec<_> =
        std::fs::read_dir(root.join(below)).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    for name in names {
        let path = below.join(name);
        if path.to_str().unwrap().ends_with(VOLATILE) {
            continue;
        }
        found.push(path.clone());
        if root.join(&path).is_dir() {
            list(root, &path, found);
        }
    }
}
