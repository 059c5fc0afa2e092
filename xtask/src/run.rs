//! Building the binary, to run it here or to hand it out.

use crate::{
    command::{run, say},
    place, site,
};
use anyhow::{Context as _, Result};
use std::{fs, os::unix::process::CommandExt as _, process::Command};

const PACKAGE: [&str; 4] = ["--package", "kafkatalk-server", "--bin", "kafkatalk"];

/// The cargo that called us.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(place::root());
    command
}

/// Builds everything and becomes `kafkatalk serve`.
pub(crate) fn serve(arguments: &[String]) -> Result<()> {
    site::build(site::Mode::Run)?;
    build_server()?;
    say("starting; Ctrl-C ends it");
    let mut server = Command::new(place::target().join("debug/kafkatalk"));
    let error = server.arg("serve").args(arguments).exec();
    Err(error).context("could not start the server")
}

/// Builds the server for this machine alone: quick to compile, the site read from disk.
pub(crate) fn build_server() -> Result<()> {
    say("building the server");
    run(cargo().arg("build").args(PACKAGE))
}

/// Builds the stripped binary with the site in it, and says how large it is.
pub(crate) fn release() -> Result<()> {
    site::build(site::Mode::Release)?;
    say("building the server for release");
    run(cargo().args(["build", "--release"]).args(PACKAGE))?;
    let dist = place::root().join("dist");
    fs::create_dir_all(&dist)?;
    let binary = dist.join("kafkatalk");
    fs::copy(place::target().join("release/kafkatalk"), &binary)?;
    let bytes = fs::metadata(&binary)?.len();
    say(&format!("dist/kafkatalk: {bytes} bytes ({}.{} MB)", bytes / 1_000_000, bytes / 100_000 % 10));
    Ok(())
}
