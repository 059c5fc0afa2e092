//! The golden files: a folder for each version, and in it a file for each kind that it wrote first or in a new way.

use serde_json::Value;
use std::{collections::BTreeSet, fs, path::Path};

/// A golden file.
pub(super) struct File {
    /// Where it is, for people.
    pub(super) path: String,
    /// What it holds examples of, such as `server.ack`.
    pub(super) kind: String,
    /// Whether no later version has one of that kind.
    pub(super) newest: bool,
    /// As they were written.
    pub(super) examples: Vec<Value>,
}

/// Every file of every version, the newest version first.
pub(super) fn all() -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let entries = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let mut versions: Vec<_> = entries.filter(|path| path.is_dir()).collect();
    let number = |path: &Path| -> u32 {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.strip_prefix('v').and_then(|number| number.parse().ok()).expect("a folder such as v1")
    };
    versions.sort_by_key(|path| std::cmp::Reverse(number(path)));
    let (mut files, mut seen) = (Vec::new(), BTreeSet::new());
    for path in versions.into_iter().flat_map(|version| fs::read_dir(version).unwrap()) {
        let path = path.unwrap().path();
        let kind = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&path).unwrap();
        let path = path.display().to_string();
        let examples = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
        let newest = seen.insert(kind.clone());
        files.push(File { path, kind, newest, examples });
    }
    files
}
