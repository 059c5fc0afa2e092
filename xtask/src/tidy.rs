//! The conventions, as checks over the files that git knows. `cargo xtask tidy` tells what is not kept; so does a test.

mod crates;
mod decisions;
mod exceptions;
mod links;
mod repository;
mod text;
mod unneeded;

use crate::command;
use anyhow::{Result, bail};
use repository::Repository;

/// A convention: what it asks for, and the check that returns each place that does not keep it.
struct Rule {
    asks: &'static str,
    check: fn(&Repository) -> Vec<String>,
}

const RULES: &[Rule] = &[
    Rule { asks: "a file has at most 500 lines, or a reason", check: text::long_files },
    Rule { asks: "a function over clippy's length has a reason", check: text::long_functions },
    Rule { asks: "a module is `name.rs`, never `mod.rs`", check: text::mod_files },
    Rule { asks: "nothing is left for later or half merged", check: text::unfinished },
    Rule { asks: "no paths of one machine", check: text::machine_paths },
    Rule { asks: "lines end plainly", check: text::line_ends },
    Rule { asks: "code that input can reach does not panic", check: text::panics },
    Rule { asks: "waits and queues have names, in a `limits` module", check: text::bare_limits },
    Rule { asks: "every queue has an end", check: text::unbounded_queues },
    Rule { asks: "links in the docs lead somewhere", check: links::broken },
    Rule { asks: "each decision has a complete file and a line in the index", check: decisions::incomplete },
    Rule { asks: "crates depend in one direction", check: crates::arrows },
    Rule { asks: "crates stay clear of what is not theirs", check: crates::foreign },
    Rule { asks: "every crate has the workspace's lints, edition and licence", check: crates::inherited },
    Rule { asks: "versions that must be the same are the same", check: crates::versions },
    Rule { asks: "what binds and splits the wasm was tried together", check: crates::splitting },
    Rule { asks: "an exception is still needed", check: unneeded::unneeded },
];

/// Tells every place where a convention is not kept.
pub(crate) fn check() -> Result<()> {
    let repository = Repository::read()?;
    let mut found = 0;
    for rule in RULES {
        for place in (rule.check)(&repository) {
            command::print(&format!("{place}\n    {}\n", rule.asks));
            found += 1;
        }
    }
    if found > 0 {
        bail!("{found} places are not tidy");
    }
    command::say(&format!("{} files keep {} conventions", repository.files().count(), RULES.len()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_keeps_its_conventions() {
        let repository = Repository::read().unwrap();
        assert!(repository.files().count() > 10, "git lists the files");
        let broken: Vec<String> = RULES
            .iter()
            .flat_map(|rule| {
                (rule.check)(&repository).into_iter().map(|place| format!("{place}: {}", rule.asks))
            })
            .collect();
        assert!(broken.is_empty(), "\n{}", broken.join("\n"));
    }
}
