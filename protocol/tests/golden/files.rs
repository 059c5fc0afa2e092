//! Reading and writing the golden files.

use super::kind::Kind;
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// Folders of versions, oldest first.
fn versions() -> Vec<PathBuf> {
    let number = |path: &PathBuf| -> Option<u32> {
        path.file_name()?.to_str()?.strip_prefix('v').and_then(|number| number.parse().ok())
    };
    let entries = fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().path());
    let mut versions: Vec<_> = entries.filter_map(|path| Some((number(&path)?, path))).collect();
    versions.sort();
    versions.into_iter().map(|(_, path)| path).collect()
}

fn read(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Every golden file of every version: where it is, its kind, what it holds.
pub(super) fn all() -> Vec<(PathBuf, String, Vec<Value>)> {
    let files = versions().into_iter().flat_map(|version| fs::read_dir(version).unwrap());
    let mut files: Vec<PathBuf> = files.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let described = |file: PathBuf| {
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        let golden = read(&file);
        (file, name, golden)
    };
    files.into_iter().map(described).collect()
}

/// The newest golden file of a kind.
pub(super) fn newest(name: &str) -> Option<(PathBuf, Vec<Value>)> {
    let file = versions().into_iter().rev().map(|version| version.join(format!("{name}.json")));
    let file = file.into_iter().find(|file| file.exists())?;
    let golden = read(&file);
    Some((file, golden))
}

/// The version whose files are to be written, where that is asked for.
pub(super) fn asked_for() -> Option<String> {
    std::env::var("KAFKATALK_GOLDEN").ok()
}

/// Writes a kind's file in that version's folder, where there is none and the newest one differs.
pub(super) fn write(version: &str, kind: &Kind) {
    let file = root().join(version).join(format!("{}.json", kind.name));
    if file.exists() || newest(&kind.name).is_some_and(|(_, golden)| golden == kind.samples) {
        return;
    }
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    let text = serde_json::to_string_pretty(&kind.samples).unwrap();
    fs::write(file, format!("{text}\n")).unwrap();
}
