//! The files of the repository, read once.

use crate::{command, place};
use anyhow::Result;
use std::{collections::BTreeMap, fs, process::Command};

/// The text files that git knows or would add, by path from the root.
pub(super) struct Repository {
    files: BTreeMap<String, String>,
}

impl Repository {
    /// Reads the checkout; files that are not text are left out.
    pub(super) fn read() -> Result<Self> {
        let arguments = ["ls-files", "--cached", "--others", "--exclude-standard"];
        let listed = command::output(Command::new("git").args(arguments).current_dir(place::root()))?;
        let text = |path: &str| fs::read_to_string(place::root().join(path)).ok();
        let files = listed.lines().filter_map(|path| Some((path.to_owned(), text(path)?))).collect();
        Ok(Self { files })
    }

    #[cfg(test)]
    pub(super) fn of<const N: usize>(files: [(&str, &str); N]) -> Self {
        Self { files: files.into_iter().map(|(path, text)| (path.into(), text.into())).collect() }
    }

    /// All files: path and text.
    pub(super) fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// Files written by people, with one of these endings.
    pub(super) fn ending<'a>(&'a self, endings: &'a [&str]) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.files().filter(move |(path, _)| endings.iter().any(|ending| path.ends_with(ending)))
    }

    /// A file's text.
    pub(super) fn get(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// Whether there is such a file, or a folder with files in it.
    pub(super) fn has(&self, path: &str) -> bool {
        let folder = format!("{}/", path.trim_end_matches('/'));
        self.files.contains_key(path) || self.files.keys().any(|file| file.starts_with(&folder))
    }

    /// The lines of Rust files that are shipped, numbered from 1: not tests, not comments.
    pub(super) fn shipped_lines(&self) -> impl Iterator<Item = (&str, usize, &str)> {
        self.ending(&[".rs"]).filter(|(path, _)| is_shipped(path)).flat_map(|(path, text)| {
            let mut tests = Tests::default();
            text.lines()
                .enumerate()
                .filter(move |(_, line)| !tests.hold(line) && !line.trim_start().starts_with("//"))
                .map(move |(index, line)| (path, index + 1, line))
        })
    }
}

/// Follows the lines of a file and tells which belong to an item for tests: the one after `#[cfg(test)]`, to its end.
#[derive(Default)]
struct Tests {
    /// How far the item is indented that has begun and not ended.
    inside: Option<usize>,
}

impl Tests {
    const ATTRIBUTE: &str = "#[cfg(test)]";

    fn hold(&mut self, line: &str) -> bool {
        let text = line.trim();
        let indent = line.len() - line.trim_start().len();
        let Some(item) = self.inside else {
            let Some(rest) = text.strip_prefix(Self::ATTRIBUTE) else { return false };
            self.inside = (!ends_an_item(rest.trim())).then_some(indent);
            return true;
        };
        // As rustfmt writes it, an item ends on the first line that is indented like its first.
        if indent == item && !text.is_empty() && ends_an_item(text) {
            self.inside = None;
        }
        true
    }
}

fn ends_an_item(line: &str) -> bool {
    !line.starts_with("//") && !line.starts_with("#[") && line.ends_with([';', '}', ','])
}

/// Rust that ends up in the product: not tests, not the tools around it.
fn is_shipped(path: &str) -> bool {
    let of_a_crate = ["protocol/src/", "log/src/", "app/src/", "frontend/src/", "server/src/"]
        .iter()
        .any(|folder| path.starts_with(folder));
    let of_tests =
        path.split('/').any(|part| part == "tests" || part == "tests.rs" || part.ends_with("_tests.rs"));
    of_a_crate && !of_tests
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shipped(text: &str) -> Vec<String> {
        let repository = Repository::of([("log/src/a.rs", text)]);
        repository.shipped_lines().map(|(_, number, line)| format!("{number} {}", line.trim())).collect()
    }

    #[test]
    fn what_follows_a_module_of_tests_is_shipped() {
        assert_eq!(shipped("mod a;\n#[cfg(test)]\nmod tests;\nmod b;\n"), ["1 mod a;", "4 mod b;"]);
        assert_eq!(shipped("#[cfg(test)] mod tests;\nmod b;\n"), ["2 mod b;"]);
        let text = "#[cfg(test)]\nmod tests {\n    use super::*;\n\n    fn a() {}\n}\nmod b;\n";
        assert_eq!(shipped(text), ["7 mod b;"]);
    }

    #[test]
    fn a_function_for_tests_is_not_shipped_and_its_neighbours_are() {
        let text = "impl A {\n    #[cfg(test)]\n    /// Of files;\n    #[must_use]\n    fn of(\n        a: u8,\n    ) -> Self {\n        b();\n    }\n    fn c() {\n    }\n}\n";
        assert_eq!(shipped(text), ["1 impl A {", "10 fn c() {", "11 }", "12 }"]);
    }
}
