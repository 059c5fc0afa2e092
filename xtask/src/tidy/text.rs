//! Conventions about single files and lines.

use super::{
    exceptions::{LONG_FILES, LONG_FUNCTIONS, PANICS},
    repository::Repository,
};
use std::collections::BTreeMap;

/// Longer files hide their rooms.
pub(super) const FILE_LINES_MAX: usize = 500;

/// What people write, and other people read.
const WRITTEN: [&str; 11] =
    [".rs", ".css", ".js", ".mjs", ".sh", ".md", ".toml", ".yml", "Makefile", "Dockerfile", ".ci/run"];

/// Files longer than the limit, but for the excepted.
pub(super) fn long_files(repository: &Repository) -> Vec<String> {
    repository
        .ending(&[".rs", ".css", ".js", ".mjs", ".sh"])
        .filter_map(|(path, text)| {
            let lines = text.lines().count();
            let excepted = LONG_FILES.iter().find(|(file, ..)| *file == path).map_or(0, |(_, most, _)| *most);
            (lines > FILE_LINES_MAX.max(excepted)).then(|| format!("{path}: {lines} lines"))
        })
        .collect()
}

/// How often clippy's limit on functions is lifted in a file.
pub(super) fn count_long_functions(repository: &Repository, path: &str) -> usize {
    repository.get(path).map_or(0, |text| text.matches(concat!("clippy::", "too_many_lines")).count())
}

/// Files that lift clippy's limit on functions more often than the list says.
pub(super) fn long_functions(repository: &Repository) -> Vec<String> {
    over_list(repository, LONG_FUNCTIONS, count_long_functions)
}

fn over_list(
    repository: &Repository,
    list: &[(&str, usize, &str)],
    count: fn(&Repository, &str) -> usize,
) -> Vec<String> {
    repository
        .ending(&[".rs"])
        .filter_map(|(path, _)| {
            let now = count(repository, path);
            let allowed = list.iter().find(|(file, ..)| *file == path).map_or(0, |(_, most, _)| *most);
            (now > allowed).then(|| format!("{path}: {now} times, {allowed} in the list"))
        })
        .collect()
}

/// Files named `mod.rs`.
pub(super) fn mod_files(repository: &Repository) -> Vec<String> {
    repository.ending(&["/mod.rs"]).map(|(path, _)| path.to_owned()).collect()
}

/// Notes to oneself, and what a merge leaves behind.
pub(super) fn unfinished(repository: &Repository) -> Vec<String> {
    let notes = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X:"), concat!("HA", "CK:")];
    let conflicts = [concat!("<<<<", "<<< "), concat!(">>>>", ">>> ")];
    lines_with(repository, &WRITTEN, |line| {
        notes.iter().any(|note| line.contains(note)) || conflicts.iter().any(|mark| line.starts_with(mark))
    })
}

/// Paths that exist on one machine only.
pub(super) fn machine_paths(repository: &Repository) -> Vec<String> {
    let paths = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/Use", "rs/"), concat!("/home", "/")];
    lines_with(repository, &WRITTEN, |line| {
        paths.iter().any(|path| {
            line.match_indices(path).any(|(at, _)| {
                // A path from the root, and not the middle of a longer one or of an address.
                line[..at].chars().next_back().is_none_or(|before| " \"'`=(:".contains(before))
            })
        })
    })
}

/// Lines that end in white space, files that do not end in a line's end, carriage returns.
pub(super) fn line_ends(repository: &Repository) -> Vec<String> {
    let unfinished = repository
        .ending(&WRITTEN)
        .filter(|(_, text)| !text.is_empty() && !text.ends_with('\n'))
        .map(|(path, _)| format!("{path}: the last line has no end"));
    let trailing = repository.ending(&WRITTEN).flat_map(|(path, text)| {
        text.split_terminator('\n')
            .enumerate()
            .filter(|(_, line)| line.ends_with([' ', '\t', '\r']))
            .map(move |(index, _)| format!("{path}:{}", index + 1))
    });
    trailing.chain(unfinished).collect()
}

fn may_panic(line: &str) -> bool {
    [".unwrap()", ".expect(", "panic!(", "unreachable!("].iter().any(|call| {
        line.match_indices(call).any(|(at, _)| {
            // `debug_assert!`, and words that merely end alike, are something else.
            call.starts_with('.') || !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_')
        })
    })
}

/// How many lines of a shipped file may panic.
pub(super) fn count_panics(repository: &Repository, path: &str) -> usize {
    repository.shipped_lines().filter(|(file, _, line)| *file == path && may_panic(line)).count()
}

/// Lines that may panic, in files that have more of them than the list says.
pub(super) fn panics(repository: &Repository) -> Vec<String> {
    let mut places: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (path, number, line) in repository.shipped_lines().filter(|(.., line)| may_panic(line)) {
        places.entry(path).or_default().push(format!("{path}:{number}: {}", line.trim()));
    }
    let allowed = |path: &str| PANICS.iter().find(|(file, ..)| *file == path).map_or(0, |(_, most, _)| *most);
    places
        .into_iter()
        .filter(|(path, lines)| lines.len() > allowed(path))
        .flat_map(|(_, lines)| lines)
        .collect()
}

/// Waits and capacities that are a bare number where they are used.
pub(super) fn bare_limits(repository: &Repository) -> Vec<String> {
    let calls = [
        "Duration::from_millis(",
        "Duration::from_secs(",
        "Duration::from_mins(",
        "Duration::from_hours(",
        "channel(",
        "Semaphore::new(",
    ];
    repository
        .shipped_lines()
        .filter(|(path, _, line)| {
            let named = line.contains("const ") || path.ends_with("limits.rs") || is_a_field(line);
            let bare = calls.iter().any(|call| {
                line.match_indices(call).any(|(at, _)| {
                    let argument: String = line[at + call.len()..]
                        .chars()
                        .take_while(|c| c.is_ascii_digit() || *c == '_')
                        .collect();
                    // One place for one answer needs no name.
                    !argument.is_empty() && argument != "0" && argument != "1"
                })
            });
            bare && !named
        })
        .map(|(path, number, line)| format!("{path}:{number}: {}", line.trim()))
        .collect()
}

/// `name: value,`: the default of a setting, which has its name and its words where it is declared.
fn is_a_field(line: &str) -> bool {
    line.trim()
        .split_once(": ")
        .is_some_and(|(name, _)| name.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
}

/// Queues that grow as long as memory lasts.
pub(super) fn unbounded_queues(repository: &Repository) -> Vec<String> {
    repository
        .shipped_lines()
        .filter(|(.., line)| line.contains("unbounded_channel") || line.contains("mpsc::unbounded"))
        .map(|(path, number, line)| format!("{path}:{number}: {}", line.trim()))
        .collect()
}

fn lines_with(repository: &Repository, endings: &[&str], wrong: impl Fn(&str) -> bool) -> Vec<String> {
    repository
        .ending(endings)
        .flat_map(|(path, text)| text.lines().enumerate().map(move |(index, line)| (path, index, line)))
        .filter(|(.., line)| wrong(line))
        .map(|(path, index, line)| format!("{path}:{}: {}", index + 1, line.trim()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_file_is_found() {
        let text = "line\n".repeat(FILE_LINES_MAX + 1);
        assert_eq!(long_files(&Repository::of([("app/src/a.rs", &text)])), ["app/src/a.rs: 501 lines"]);
    }

    #[test]
    fn a_note_for_later_is_found() {
        let note = format!("// {}{}: finish\n", "TO", "DO");
        assert_eq!(unfinished(&Repository::of([("a.rs", &note)])).len(), 1);
    }

    #[test]
    fn a_path_of_one_machine_is_found_and_an_address_is_not() {
        let text = format!("in {0}\nsee https://example.org{0}\n", ["/ho", "me/anna/src"].concat());
        assert_eq!(machine_paths(&Repository::of([("docs/a.md", &text)])).len(), 1);
    }

    #[test]
    fn a_panic_is_found_in_shipped_code_and_not_in_tests() {
        let text = "fn a() {\n    b().unwrap();\n}\n#[cfg(test)]\nmod tests {\n    c().unwrap();\n}\n";
        let found = panics(&Repository::of([("server/src/a.rs", text), ("server/tests/b.rs", text)]));
        assert_eq!(found, ["server/src/a.rs:2: b().unwrap();"]);
    }

    #[test]
    fn a_bare_limit_is_found_and_a_named_one_is_not() {
        let text = "const WAIT: Duration = Duration::from_secs(5);\nlet (a, b) = channel(64);\nlet c = channel(QUEUE);\n";
        assert_eq!(
            bare_limits(&Repository::of([("log/src/a.rs", text)])),
            ["log/src/a.rs:2: let (a, b) = channel(64);"]
        );
        let text = "wait(Duration::from_mins(5));\nwait(Duration::from_hours(24));\n";
        assert_eq!(bare_limits(&Repository::of([("log/src/a.rs", text)])).len(), 2);
    }

    #[test]
    fn a_panic_below_the_declaration_of_tests_is_found() {
        let text = "#[cfg(test)]\nmod tests;\n\nfn a() {\n    b().unwrap();\n}\n";
        assert_eq!(panics(&Repository::of([("log/src/a.rs", text)])), ["log/src/a.rs:5: b().unwrap();"]);
    }

    #[test]
    fn a_trailing_space_and_a_missing_end_are_found() {
        assert_eq!(
            line_ends(&Repository::of([("a.md", "one \ntwo")])),
            ["a.md:1", "a.md: the last line has no end"]
        );
    }
}
