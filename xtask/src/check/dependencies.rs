//! `cargo deny`: what we build upon.

use super::counted::Counts;
use crate::{
    command::{find_program, output, run, say, succeeds_within},
    place,
    run::cargo,
};
use anyhow::Result;
use std::{path::PathBuf, process::Command, time::Duration};

const VERSION: &str = "0.20.2";
/// The list of known vulnerabilities lies on GitHub: some seconds where that is in reach.
const ADVISORIES_LIMIT: Duration = Duration::from_secs(45);

/// Licences, banned crates and sources; advisories where their list can be fetched.
pub(super) fn deny() -> Result<Counts> {
    let program = find_or_install()?;
    let deny = |arguments: &[&str]| {
        let mut command = Command::new(&program);
        command.current_dir(place::root()).args(["--log-level", "error"]).args(arguments);
        command
    };
    let mut counts = Counts::of(deny(&["check", "licenses", "bans", "sources"]).status()?.success());
    if succeeds_within(&mut deny(&["fetch", "db"]), ADVISORIES_LIMIT) {
        counts += Counts::of(deny(&["check", "--disable-fetch", "advisories"]).status()?.success());
    } else {
        say("the list of advisories cannot be fetched here: known vulnerabilities were NOT looked for");
    }
    Ok(counts)
}

/// `cargo-deny` of our version: installed, or compiled once into the cache.
fn find_or_install() -> Result<PathBuf> {
    if let Some(program) = find_program("cargo-deny") {
        let version = output(Command::new(&program).arg("--version")).unwrap_or_default();
        if version == format!("cargo-deny {VERSION}") {
            return Ok(program);
        }
    }
    let folder = place::cache().join(format!("cargo-deny-{VERSION}"));
    let program = folder.join("bin/cargo-deny");
    if !program.exists() {
        say(&format!("compiling cargo-deny {VERSION} (once)"));
        let mut install = cargo();
        install.args([
            "install",
            "cargo-deny",
            "--version",
            VERSION,
            "--locked",
            "--debug",
            "--quiet",
            "--root",
        ]);
        install.arg(&folder).env("CARGO_TARGET_DIR", place::target().join("cargo-deny"));
        install.env("CARGO_PROFILE_DEV_DEBUG", "false");
        run(&mut install)?;
    }
    Ok(program)
}
