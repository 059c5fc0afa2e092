//! What comes from the registries of the system and of npm.

use crate::{
    command::{self, find_program, run, say, succeeds_within},
    place::{self, Unfinished},
};
use anyhow::{Context as _, Result, bail};
use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// Where rustup downloads from, unless its own setting names another place.
const RUSTUP_SERVER: &str = "https://static.rust-lang.org";
/// Longest look whether a server answers; curl's own limits are shorter.
const ANSWER_LIMIT: Duration = Duration::from_secs(15);

/// Installs Debian packages; an error says what to install by hand where that cannot be done.
pub(crate) fn install_debian(packages: &[&str]) -> Result<()> {
    let wanted = packages.join(" ");
    if find_program("apt-get").is_none() {
        bail!("please install these first (Debian's names): {wanted}");
    }
    say(&format!("installing from Debian: {wanted}"));
    let user = command::output(Command::new("id").arg("-u"))?;
    let apt = |arguments: &[&str]| {
        let mut command = Command::new(if user == "0" { "env" } else { "sudo" });
        command.arg("DEBIAN_FRONTEND=noninteractive").arg("apt-get").arg("-qq").args(arguments);
        command.stdout(std::process::Stdio::null());
        command
    };
    let install = |packages: &[&str]| {
        run(apt(&["install", "-y", "--no-install-recommends"]).args(packages).arg("-o=Dpkg::Use-Pty=0"))
    };
    // Package lists may be missing or old; asking for them first costs a second.
    run(&mut apt(&["update"])).context("the package lists could not be read")?;
    install(packages).with_context(|| format!("please install these by hand: {wanted}"))
}

/// Whether anything answers where rustup downloads from: where nothing does, rustup itself waits for minutes. Without
/// curl nobody knows, and then it is worth a try.
pub(crate) fn reaches_rustup() -> bool {
    let server = std::env::var("RUSTUP_DIST_SERVER").unwrap_or_else(|_| RUSTUP_SERVER.into());
    let Some(curl) = find_program("curl") else { return true };
    let mut look = Command::new(curl);
    look.args([
        "--silent",
        "--fail",
        "--head",
        "--output",
        "/dev/null",
        "--connect-timeout",
        "5",
        "--max-time",
        "10",
    ]);
    look.arg(format!("{server}/dist/channel-rust-stable.toml.sha256"));
    succeeds_within(&mut look, ANSWER_LIMIT)
}

/// Installs what is missing of some programs, each given with the Debian package that has it.
pub(crate) fn need(programs: &[(&str, &str)]) -> Result<()> {
    let absent = |(program, _): &&(&str, &str)| find_program(program).is_none();
    let missing: Vec<&str> = programs.iter().filter(absent).map(|(_, package)| *package).collect();
    if missing.is_empty() { Ok(()) } else { install_debian(&missing) }
}

/// The folder with the packages of `end2end/package.json`, installed once per lock file; none without npm.
pub(crate) fn node_modules() -> Result<Option<PathBuf>> {
    let project = place::root().join("end2end");
    if find_program("npm").is_none() {
        return Ok(None);
    }
    let lock = std::fs::read(project.join("package-lock.json")).context("end2end/package-lock.json")?;
    let mut hasher = DefaultHasher::new();
    lock.hash(&mut hasher);
    let folder = place::cache().join("node").join(format!("{:016x}", hasher.finish()));
    let modules = folder.join("node_modules");
    if !folder.join("complete").exists() {
        say("installing npm packages");
        if folder.exists() {
            // Half of it, from before folders were put in place whole.
            std::fs::remove_dir_all(&folder)?;
        }
        let unfinished = Unfinished::beside(&folder)?;
        let work = unfinished.path();
        for file in ["package.json", "package-lock.json"] {
            std::fs::copy(project.join(file), work.join(file))?;
        }
        let arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
        run(Command::new("npm").args(arguments).current_dir(work))?;
        std::fs::write(work.join("complete"), "")?;
        unfinished.publish("", &folder)?;
    }
    link(&modules, &project.join("node_modules"))?;
    Ok(Some(modules))
}

/// `wasm-opt`, where one is at hand or may be fetched.
pub(crate) fn wasm_opt() -> Result<Option<PathBuf>> {
    Ok(from_npm("wasm-opt")?.or_else(|| find_program("wasm-opt")))
}

/// A program of the npm packages, where there is npm.
pub(crate) fn from_npm(program: &str) -> Result<Option<PathBuf>> {
    Ok(node_modules()?.map(|modules| modules.join(".bin").join(program)).filter(|file| file.exists()))
}

/// OpenSSL is compiled from source, and its build asks for more of Perl than the smallest systems have.
pub(crate) fn perl_for_openssl() -> Result<()> {
    let modules = ["-MFindBin", "-MIPC::Cmd", "-MFile::Compare", "-MFile::Copy", "-e", "1"];
    if succeeds_within(Command::new("perl").args(modules), command::DOWNLOAD_LIMIT) {
        return Ok(());
    }
    install_debian(&["perl"])
}

/// Makes `link` point to `target`, whatever it was before.
fn link(target: &Path, link: &Path) -> Result<()> {
    if std::fs::read_link(link).is_ok_and(|now| now == target) {
        return Ok(());
    }
    if link.is_symlink() {
        std::fs::remove_file(link)?;
    } else if link.exists() {
        std::fs::remove_dir_all(link)?;
    }
    std::os::unix::fs::symlink(target, link).with_context(|| format!("could not link {}", link.display()))
}
