//! Programs that say how many tests passed.

use crate::command;
use anyhow::{Context as _, Result};
use std::{
    io::{BufRead as _, BufReader},
    ops::AddAssign,
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

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

/// Runs a program that counts its tests, shows what it prints and adds up. Ending badly without a failed test, as after
/// an error of the compiler, is a failure too.
pub(super) fn run_counting(command: &mut Command) -> Result<Counts> {
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
            command::print(&format!("{line}\n"));
            if let Some(more) = parse(&line) {
                counts += more;
            }
        }
    }
    let status = child.wait()?;
    if !status.success() && counts.failed == 0 {
        command::say(&format!("ended with {status}"));
        counts.failed = 1;
    }
    Ok(counts)
}

/// Reads `test result: ok. 3 passed; 1 failed; ...` of cargo and `3 passed, 1 failed` of the browser tests.
fn parse(line: &str) -> Option<Counts> {
    let line = line.trim();
    let (passed, failed) = match line.strip_prefix("test result: ") {
        Some(result) => {
            let (_, counts) = result.split_once(". ")?;
            let mut counts = counts.split("; ");
            (counts.next()?, counts.next()?)
        }
        None => line.split_once(", ")?,
    };
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
        assert_eq!(parse(line), Some(Counts { passed: 12, failed: 1 }));
    }

    #[test]
    fn the_counts_of_the_browser_tests_are_read() {
        assert_eq!(parse("30 passed, 0 failed"), Some(Counts { passed: 30, failed: 0 }));
    }

    #[test]
    fn other_lines_are_not_taken_for_counts() {
        for line in ["test a ... ok", "I saw 3 passed, 1 failed", "3 passed, some failed", ""] {
            assert_eq!(parse(line), None, "{line}");
        }
    }

    #[test]
    fn a_program_that_ends_badly_without_a_failed_test_has_failed() {
        let counts =
            run_counting(Command::new("sh").args(["-c", "echo '2 passed, 0 failed'; exit 3"])).unwrap();
        assert_eq!(counts, Counts { passed: 2, failed: 1 });
    }
}
