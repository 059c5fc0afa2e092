//! Links in Markdown files.

use super::repository::Repository;
use std::{collections::BTreeSet, path::Path};

/// Links to files and headings that are not there.
pub(super) fn broken(repository: &Repository) -> Vec<String> {
    let mut broken = Vec::new();
    for (path, text) in repository.ending(&[".md"]) {
        for (number, link) in links(text) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { path.to_owned() } else { resolve(path, file) };
            if !repository.has(&target) {
                // Pictures are not text, and so not among the files that were read.
                if !crate::place::root().join(&target).exists() {
                    broken.push(format!("{path}:{number}: {link}"));
                }
            } else if let Some(text) = repository.get(&target).filter(|_| markdown(&target))
                && !heading.is_empty()
                && !headings(text).contains(heading)
            {
                broken.push(format!("{path}:{number}: {link} (no such heading)"));
            }
        }
    }
    broken
}

fn markdown(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|kind| kind == "md")
}

/// Lines outside of code blocks, numbered from 1.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut code = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        if line.trim_start().starts_with("```") {
            code = !code;
            return None;
        }
        (!code).then_some((index + 1, line))
    })
}

/// What stands in `](...)`, `href="..."` and `src="..."`.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        for (open, close) in [("](", ')'), ("href=\"", '"'), ("src=\"", '"')] {
            for (at, _) in line.match_indices(open) {
                let rest = &line[at + open.len()..];
                if let Some(end) = rest.find(close) {
                    found.push((number, rest[..end].split(' ').next().unwrap_or_default()));
                }
            }
        }
    }
    found
}

fn resolve(from: &str, link: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    parts.join("/")
}

/// The anchors that a file's headings have on the usual hosts.
fn headings(text: &str) -> BTreeSet<String> {
    prose(text)
        .filter(|(_, line)| line.starts_with('#'))
        .map(|(_, line)| {
            let words = line.trim_start_matches('#').trim().to_lowercase();
            words
                .chars()
                .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
                .collect::<String>()
                .replace(' ', "-")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_to_a_file_a_folder_or_a_heading() {
        let readme =
            "# Title\n[a](docs/a.md#the-log-port) [b](docs) [c](#title) [d](https://example.org/x)\n";
        let files = Repository::of([("README.md", readme), ("docs/a.md", "## The log, port\n")]);
        assert_eq!(broken(&files), [] as [&str; 0]);
    }

    #[test]
    fn a_broken_link_is_found() {
        let files =
            Repository::of([("docs/a.md", "# A\n[b](../b.md)\n[c](#nothing)\n```\n[d](d.md)\n```\n")]);
        assert_eq!(broken(&files), ["docs/a.md:2: ../b.md", "docs/a.md:3: #nothing (no such heading)"]);
    }
}
