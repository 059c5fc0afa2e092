//! What the present site was made from.

use super::Mode;
use crate::place;
use anyhow::{Context as _, Result};
use std::{
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::{Path, PathBuf},
};

/// What puts the site together, as it was compiled into this program. The program's own file says nothing: cargo may put
/// another in its place while this one runs. The versions of the libraries are in Cargo.lock.
const BUILDER: [&str; 6] = [
    include_str!("../site.rs"),
    include_str!("compress.rs"),
    include_str!("reload.js"),
    include_str!("stamp.rs"),
    include_str!("style.rs"),
    include_str!("wasm.rs"),
];

/// What a site was made from, how, and by what.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Stamp {
    /// A hash of everything that goes in.
    pub(super) inputs: u64,
    /// How much work went in.
    pub(super) mode: Mode,
    /// The `wasm-opt` that made it smaller.
    pub(super) optimiser: String,
}

impl Stamp {
    /// Whether a site with the stamp `built` is what this one asks for.
    pub(super) fn is_met_by(&self, built: &Self) -> bool {
        let optimised = self.mode != Mode::Release || self.optimiser == built.optimiser;
        self.inputs == built.inputs && self.mode.is_served_by(built.mode) && optimised
    }
}

/// A hash of files' contents and names, folders with all in them, and of the builder.
pub(super) fn of(inputs: &[&Path]) -> Result<u64> {
    let mut hasher = DefaultHasher::new();
    BUILDER.hash(&mut hasher);
    inputs.iter().try_for_each(|input| add(input, &mut hasher))?;
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

/// The present site's stamp; none where there is no whole site.
pub(super) fn read() -> Option<Stamp> {
    parse(&fs::read_to_string(file()).ok()?)
}

fn parse(text: &str) -> Option<Stamp> {
    let mut words = text.trim().splitn(3, ' ');
    let inputs = words.next()?.parse().ok()?;
    let name = words.next()?;
    let mode = [Mode::Dev, Mode::Run, Mode::Release].into_iter().find(|mode| format!("{mode:?}") == name)?;
    Some(Stamp { inputs, mode, optimiser: words.next()?.to_owned() })
}

/// Keeps what the site was made from.
pub(super) fn write(stamp: &Stamp) -> Result<()> {
    fs::write(file(), words(stamp))?;
    Ok(())
}

fn words(Stamp { inputs, mode, optimiser }: &Stamp) -> String {
    format!("{inputs} {mode:?} {optimiser}\n")
}

/// Before the site changes: half a site must not look whole.
pub(super) fn forget() -> Result<()> {
    match fs::remove_file(file()) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(mode: Mode, optimiser: &str) -> Stamp {
        Stamp { inputs: 7, mode, optimiser: optimiser.into() }
    }

    #[test]
    fn every_file_that_puts_the_site_together_counts() {
        for entry in fs::read_dir(place::root().join("xtask/src/site")).unwrap() {
            let path = entry.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            assert!(BUILDER.contains(&text.as_str()), "{}", path.display());
        }
    }

    #[test]
    fn a_stamp_is_read_as_it_was_written() {
        let written = stamp(Mode::Release, "wasm-opt version 129 (version_129)");
        assert_eq!(parse(&words(&written)), Some(written));
    }

    #[test]
    fn a_release_site_made_without_the_optimiser_is_made_again_with_it() {
        let (plain, small) = (stamp(Mode::Release, "none"), stamp(Mode::Release, "wasm-opt version 129"));
        assert!(!small.is_met_by(&plain));
        assert!(small.is_met_by(&small));
    }

    #[test]
    fn a_release_site_serves_for_running_whatever_made_it_small() {
        assert!(stamp(Mode::Run, "none").is_met_by(&stamp(Mode::Release, "wasm-opt version 129")));
        assert!(!stamp(Mode::Release, "none").is_met_by(&stamp(Mode::Run, "none")));
    }
}
