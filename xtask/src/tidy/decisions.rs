//! The records of decisions: one file each in `docs/decisions`, listed in `docs/decisions.md`.

use super::repository::Repository;

const INDEX: &str = "docs/decisions.md";
const FOLDER: &str = "docs/decisions/";
/// Sections that every record has, in this order.
const SECTIONS: [&str; 4] = ["## Status", "## Context", "## Decision", "## Consequences"];

/// Records whose number, title or sections are missing, and records that the index does not list under their title.
pub(super) fn incomplete(repository: &Repository) -> Vec<String> {
    let index = repository.get(INDEX).unwrap_or_default();
    let mut expected = 0;
    let mut found = Vec::new();
    for (path, text) in repository.ending(&[".md"]) {
        let Some(name) = path.strip_prefix(FOLDER) else { continue };
        expected += 1;
        if !name.starts_with(&format!("{expected:04}-")) {
            found.push(format!("{path}: the next number is {expected:04}"));
        }
        let lines: Vec<&str> = text.lines().collect();
        let title = lines.first().and_then(|line| line.strip_prefix(&format!("# {expected}. ")));
        match title {
            None => found.push(format!("{path}:1: the title begins with `# {expected}. `")),
            Some(title) if !index.contains(&format!("[{title}](decisions/{name})")) => {
                found.push(format!("{INDEX}: does not list {path} under its title"));
            }
            Some(_) => {}
        }
        let sections: Vec<&str> = lines.into_iter().filter(|line| line.starts_with("## ")).collect();
        if sections != SECTIONS {
            found.push(format!("{path}: the sections are {}", SECTIONS.join(", ")));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: &str =
        "# 1. Logs have offsets\n\n## Status\n\n## Context\n\n## Decision\n\n## Consequences\n";

    #[test]
    fn a_complete_record_that_the_index_lists_is_accepted() {
        let index = "| 1 | [Logs have offsets](decisions/0001-offsets.md) | accepted |\n";
        let files = [("docs/decisions.md", index), ("docs/decisions/0001-offsets.md", RECORD)];
        assert_eq!(incomplete(&Repository::of(files)), [] as [&str; 0]);
    }

    #[test]
    fn a_record_that_the_index_does_not_list_is_found() {
        let files = [("docs/decisions.md", "# Decisions\n"), ("docs/decisions/0001-offsets.md", RECORD)];
        assert_eq!(
            incomplete(&Repository::of(files)),
            ["docs/decisions.md: does not list docs/decisions/0001-offsets.md under its title"]
        );
    }

    #[test]
    fn a_skipped_number_and_a_missing_section_are_found() {
        let text = "# 2. Logs have offsets\n\n## Status\n\n## Decision\n";
        let found = incomplete(&Repository::of([("docs/decisions/0002-offsets.md", text)]));
        assert_eq!(
            found,
            [
                "docs/decisions/0002-offsets.md: the next number is 0001",
                "docs/decisions/0002-offsets.md:1: the title begins with `# 1. `",
                "docs/decisions/0002-offsets.md: the sections are ## Status, ## Context, ## Decision, ## Consequences",
            ]
        );
    }
}
