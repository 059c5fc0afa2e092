//! Checks of files that no compiler reads.

use super::counted::Counts;
use crate::{command, place, tidy};
use anyhow::Result;
use std::process::Command;

pub(super) fn tidy() -> Result<Counts> {
    tidy::check()?;
    Ok(Counts::one())
}

/// `shellcheck` on every shell script.
pub(super) fn scripts() -> Result<Counts> {
    let listed = ["ls-files", "--cached", "--others", "--exclude-standard", "*.sh", ".ci/run"];
    let scripts = command::output(Command::new("git").args(listed).current_dir(place::root()))?;
    let mut counts = Counts::default();
    for script in scripts.lines().filter(|script| place::root().join(script).exists()) {
        let mut check = Command::new("shellcheck");
        counts += Counts::of(
            check.args(["--external-sources", script]).current_dir(place::root()).status()?.success(),
        );
    }
    Ok(counts)
}
