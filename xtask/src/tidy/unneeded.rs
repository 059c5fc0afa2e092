//! Exceptions that are no longer needed.

use super::{
    exceptions::{LONG_FILES, LONG_FUNCTIONS, PANICS},
    repository::Repository,
    text,
};

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
