//! What the present site was made from.

use super::Mode;
use crate::place;
use anyhow::{Context as _, Result};
use std::{
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::{Path, PathBuf},
};

/// A hash of files' contents and names, folders with all in them. What the builder is made from counts as well: it may
/// have changed. (Not its program file: cargo may put another in its place while this one runs.)
pub(super) fn of(inputs: &[&Path]) -> Result<u64> {
    let mut hasher = DefaultHasher::new();
    let builder = place::root().join("xtask/src");
    for input in inputs.iter().copied().chain([builder.as_path()]) {
        add(input, &mut hasher)?;
    }
    Ok(hasher.finish())
}

fn add(path: &Path, hasher: &mut DefaultHasher) -> Result<()> {
    path.file_name().hash(hasher);
    if path.is_dir() {
        let mut entries: Vec<PathBuf> =
            fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
        entries.sort();
        return entries.iter().try_for_each(|entry| add(entry, hasher));
    }
    fs::read(path).with_context(|| path.display().to_string())?.hash(hasher);
    Ok(())
}

/// The stamp lies beside the site, so that it is not served.
fn file() -> PathBuf {
    place::site().with_extension("stamp")
}

/// What the site was made from, and in which mode.
pub(super) fn read() -> Option<(u64, String)> {
    let text = fs::read_to_string(file()).ok()?;
    let (hash, mode) = text.trim().split_once(' ')?;
    Some((hash.parse().ok()?, mode.to_owned()))
}

/// Keeps what the site was made from.
pub(super) fn write(inputs: u64, mode: Mode) -> Result<()> {
    fs::write(file(), format!("{inputs} {mode:?}\n"))?;
    Ok(())
}

/// Before the site changes: half a site must not look whole.
pub(super) fn forget() -> Result<()> {
    match fs::remove_file(file()) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}
