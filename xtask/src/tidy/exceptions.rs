//! Where a convention is not kept, and why. These lists only shrink: an entry that is no longer needed fails the check.

use super::{repository::Repository, text};

/// Files over the limit: path, the most lines that it may have, why.
pub(super) const LONG_FILES: &[(&str, usize, &str)] = &[];

/// Functions over the limit: file, how many it holds, why.
pub(super) const LONG_FUNCTIONS: &[(&str, usize, &str)] = &[];

/// Calls that may panic in shipped code: file, how many, why that cannot happen.
pub(super) const PANICS: &[(&str, usize, &str)] =
    &[("log/src/record.rs", 2, "our own types are always writable as JSON")];

/// Entries that ask for more than is needed.
pub(super) fn unneeded(repository: &Repository) -> Vec<String> {
    let long_files = LONG_FILES.iter().filter_map(|(path, ..)| {
        let lines = repository.get(path).map_or(0, |text| text.lines().count());
        (lines <= text::FILE_LINES_MAX).then(|| format!("LONG_FILES: {path} has {lines} lines"))
    });
    let counts = [
        ("LONG_FUNCTIONS", LONG_FUNCTIONS, text::count_long_functions as fn(&Repository, &str) -> usize),
        ("PANICS", PANICS, text::count_panics),
    ];
    let counted = counts.into_iter().flat_map(|(list, entries, count)| {
        entries.iter().filter_map(move |(path, allowed, _)| {
            let now = count(repository, path);
            (now < *allowed).then(|| format!("{list}: {path} has {now}, the list says {allowed}"))
        })
    });
    long_files.chain(counted).collect()
}
