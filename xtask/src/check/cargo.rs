//! Checks that cargo runs. All of them name the same packages and, like [`crate::run::build_server`], kinds of targets for
//! which cargo counts in what only the tests ask of a dependency: so all agree on its features, and nothing is compiled
//! twice.

use super::counted::{Counts, Told, run_counting};
use crate::{
    command::{self, say},
    place,
    run::{built_server, cargo},
    wasm_toolchain::WasmToolchain,
};
use anyhow::Result;
use std::{fs, io::stdout, path::PathBuf, process::Command};

/// All but the browser's entry point, which asks the app for other features, and but this program: with the others it
/// would have other features than `cargo run` gave it, and the file that runs would be replaced.
const NATIVE: [&str; 5] = ["--workspace", "--exclude", "kafkatalk-frontend", "--exclude", "xtask"];
/// This program, by itself.
const BUILDER: [&str; 2] = ["--package", "xtask"];

fn passes(command: &mut Command) -> Result<Counts> {
    Ok(Counts::of(command.status()?.success()))
}

pub(super) fn format() -> Result<Counts> {
    component("fmt", "rustfmt")?;
    passes(cargo().args(["fmt", "--all", "--check"]))
}

pub(super) fn lint() -> Result<Counts> {
    component("clippy", "clippy")?;
    let lint = |packages: &[&str]| {
        passes(cargo().args(["clippy", "--all-targets"]).args(packages).args(["--", "-D", "warnings"]))
    };
    Ok(lint(&NATIVE)? + lint(&BUILDER)?)
}

pub(super) fn docs() -> Result<Counts> {
    let doc = |packages: &[&str], targets: &[&str]| {
        let mut command = cargo();
        command.args(["doc", "--no-deps"]).args(packages).args(targets);
        passes(command.env("RUSTDOCFLAGS", "-D warnings"))
    };
    Ok(doc(&NATIVE, &["--lib", "--bins", "--examples"])? + doc(&BUILDER, &[])?)
}

pub(super) fn lint_browser() -> Result<Counts> {
    let toolchain = WasmToolchain::find_or_set_up()?;
    let packages = ["--package", "kafkatalk-frontend", "--package", "kafkatalk-app", "--lib"];
    let features = ["--features", "kafkatalk-app/hydrate"];
    if toolchain.is_ours() {
        let mut clippy = toolchain.cargo("clippy");
        return passes(clippy.args(packages).args(features).args(["--", "-D", "warnings"]));
    }
    say("Debian's Rust is newer and has other lints: compiling only");
    passes(toolchain.cargo("check").args(packages).args(features))
}

pub(super) fn tests() -> Result<Counts> {
    say("making Apache Kafka ready");
    command::output(Command::new(crate::place::root().join("scripts/kafka.sh")).arg("jars"))?;
    let test = |packages: &[&str]| {
        run_counting(cargo().args(["test", "--no-fail-fast"]).args(packages), Told::ByCargo, &mut stdout())
    };
    Ok(test(&NATIVE)? + test(&BUILDER)?)
}

/// The binaries, as the tests are built: other stages run them.
pub(super) fn build() -> Result<()> {
    command::run(cargo().args(["build", "--quiet", "--all-targets"]).args(NATIVE))
}

/// A server that can go wrong on purpose. Moved aside: the next [`build`] puts the usual one in its place.
pub(super) fn build_breakable() -> Result<PathBuf> {
    let server = ["--package", "kafkatalk-server", "--bin", "kafkatalk", "--examples"];
    command::run(cargo().args(["build", "--quiet"]).args(server).args(["--features", "failpoints"]))?;
    let aside = place::target().join("debug/kafkatalk-breakable");
    fs::rename(built_server(), &aside)?;
    Ok(aside)
}

/// Adds a part of the toolchain where it is missing and rustup can be reached.
fn component(subcommand: &str, name: &str) -> Result<()> {
    let there = command::succeeds_within(cargo().args([subcommand, "--version"]), command::DOWNLOAD_LIMIT);
    if !there
        && !command::succeeds_within(
            Command::new("rustup").args(["component", "add", name]),
            command::DOWNLOAD_LIMIT,
        )
    {
        anyhow::bail!("please install {name} first");
    }
    Ok(())
}
