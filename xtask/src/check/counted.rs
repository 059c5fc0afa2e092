//! Programs that say how many tests passed.

use crate::command;
use anyhow::{Context as _, Result};
use std::{
    io::{BufRead as _, BufReader, Write},
    ops::{Add, AddAssign},
    process::{Command, Stdio},
};

/// What was proved.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) struct Counts {
    pub(super) passed: usize,
    pub(super) failed: usize,
}

impl Counts {
    /// One check that passed.
    pub(super) fn one() -> Self {
        Self { passed: 1, failed: 0 }
    }

    /// One check that passed or failed.
    pub(super) fn of(passed: bool) -> Self {
        if passed { Self::one() } else { Self { passed: 0, failed: 1 } }
    }
}

impl Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { passed: self.passed + other.passed, failed: self.failed + other.failed }
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

/// How a program tells what it counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Told {
    /// `test result: ok. 3 passed; 1 failed; ...` after each binary of tests: to be added up.
    ByCargo,
    /// `3 passed, 1 failed`: the last such line counts. One before is something that a test printed.
    AtTheEnd,
}

impl Told {
    /// The counts so far, after one more line.
    fn after(self, counts: Counts, line: &str) -> Counts {
        match self {
            Self::ByCargo => cargo_result(line).map_or(counts, |more| counts + more),
            Self::AtTheEnd => summary(line).unwrap_or(counts),
        }
    }
}

/// Runs a program that counts its tests, hands on what it prints and reads the counts. Ending badly without a failed
/// test, as after an error of the compiler, is a failure too.
pub(super) fn run_counting(command: &mut Command, told: Told, shown: &mut dyn Write) -> Result<Counts> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("could not start {}", command.get_program().to_string_lossy()))?;
    let mut counts = Counts::default();
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).split(b'\n') {
            let line = line?;
            let line = String::from_utf8_lossy(&line);
            writeln!(shown, "{line}")?;
            counts = told.after(counts, &line);
        }
    }
    let status = child.wait()?;
    if !status.success() && counts.failed == 0 {
        command::say(&format!("ended with {status}"));
        counts.failed = 1;
    }
    Ok(counts)
}

fn cargo_result(line: &str) -> Option<Counts> {
    let (_, counts) = line.trim().strip_prefix("test result: ")?.split_once(". ")?;
    let mut counts = counts.split("; ");
    of_words(counts.next()?, counts.next()?)
}

fn summary(line: &str) -> Option<Counts> {
    let (passed, failed) = line.trim().split_once(", ")?;
    of_words(passed, failed)
}

fn of_words(passed: &str, failed: &str) -> Option<Counts> {
    let passed = passed.strip_suffix(" passed")?.parse().ok()?;
    let failed = failed.strip_suffix(" failed")?.parse().ok()?;
    Some(Counts { passed, failed })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counts_of_cargo_are_read() {
        let line = "test result: FAILED. 12 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.62s";
        assert_eq!(cargo_result(line), Some(Counts { passed: 12, failed: 1 }));
    }

    #[test]
    fn the_counts_of_the_browser_tests_are_read() {
        assert_eq!(summary("30 passed, 0 failed"), Some(Counts { passed: 30, failed: 0 }));
    }

    #[test]
    fn other_lines_are_not_taken_for_counts() {
        for line in ["test a ... ok", "I saw 3 passed, 1 failed", "3 passed, some failed", ""] {
            assert_eq!(summary(line), None, "{line}");
            assert_eq!(cargo_result(line), None, "{line}");
        }
    }

    fn counts_of(script: &str, told: Told) -> (Counts, String) {
        let mut shown = Vec::new();
        let counts = run_counting(Command::new("sh").args(["-c", script]), told, &mut shown).unwrap();
        (counts, String::from_utf8(shown).unwrap())
    }

    #[test]
    fn what_a_test_of_cargo_prints_is_shown_and_not_counted() {
        let (counts, shown) =
            counts_of("echo '2 passed, 9 failed'; echo 'test result: ok. 3 passed; 0 failed'", Told::ByCargo);
        assert_eq!(counts, Counts { passed: 3, failed: 0 });
        assert!(shown.starts_with("2 passed, 9 failed\n"), "{shown}");
    }

    #[test]
    fn the_last_line_of_the_browser_tests_counts() {
        let (counts, _) = counts_of(
            "echo '2 passed, 9 failed'; echo 'test result: ok. 3 passed; 0 failed'; echo '30 passed, 0 failed'",
            Told::AtTheEnd,
        );
        assert_eq!(counts, Counts { passed: 30, failed: 0 });
    }

    #[test]
    fn a_program_that_ends_badly_without_a_failed_test_has_failed() {
        let (counts, _) = counts_of("echo '2 passed, 0 failed'; exit 3", Told::AtTheEnd);
        assert_eq!(counts, Counts { passed: 2, failed: 1 });
    }
}
