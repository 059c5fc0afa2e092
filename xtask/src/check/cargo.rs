//! Checks that cargo runs. All of them name the same packages and, like [`crate::run::build_server`], kinds of targets for
//! which cargo counts in what only the tests ask of a dependency: so all agree on its features, and nothing is compiled
//! twice.

use super::counted::{Counts, Told, run_counting};
use crate::{
    command::{self, say},
    packages, place,
    run::{built_server, cargo},
    wasm_toolchain::WasmToolchain,
};
use anyhow::Result;
use std::{collections::BTreeSet, ffi::OsStr, fs, io::stdout, path::PathBuf, process::Command};
use toml::{Table, Value};

/// All but the browser's entry point, which asks the app for other features, and but this program: with the others it
/// would have other features than `cargo run` gave it, and the file that runs would be replaced.
const NATIVE: [&str; 5] = ["--workspace", "--exclude", "kafkatalk-frontend", "--exclude", "xtask"];
/// The tests that start Apache Kafka.
const WITH_BROKERS: [&str; 5] = ["another_log", "kafka", "kafka_tls", "level", "migrate"];
/// The proxies behind which nodes are tested, each with the Debian package that has it.
const PROXIES: [(&str, &str); 3] = [("nginx", "nginx"), ("haproxy", "haproxy"), ("caddy", "caddy")];
/// The test of brokers with TLS. The only one for which OpenSSL is compiled, once.
const BY_TLS: [&str; 6] = ["--package", "kafkatalk-log", "--features", "kafka-tls", "--test", "kafka_tls"];
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
    if let Err(error) = packages::need(&PROXIES) {
        say(&format!("tests behind these proxies are left out: {error:#}"));
    }
    say("making Apache Kafka ready");
    command::output(Command::new(crate::place::root().join("scripts/kafka.sh")).arg("jars"))?;
    packages::perl_for_openssl()?;
    Ok(cargo_test(&[], &NATIVE)? + cargo_test(&[], &BY_TLS)? + cargo_test(&[], &BUILDER)?)
}

/// `cargo test` with those variables and arguments.
pub(super) fn cargo_test<A: AsRef<OsStr>>(variables: &[(&str, &str)], arguments: &[A]) -> Result<Counts> {
    let mut tests = cargo();
    tests.args(["test", "--no-fail-fast"]).args(arguments).envs(variables.iter().copied());
    run_counting(&mut tests, Told::ByCargo, &mut stdout())
}

/// All tests but those that start brokers.
pub(super) fn quick_tests() -> Result<Counts> {
    let mut native: Vec<String> =
        NATIVE.into_iter().chain(["--lib", "--bins", "--examples"]).map(str::to_owned).collect();
    for name in test_targets()?.into_iter().filter(|name| !WITH_BROKERS.contains(&name.as_str())) {
        native.extend(["--test".to_owned(), name]);
    }
    say("left out: the tests on Apache Kafka, the bench's and the browser's; `make test` runs them");
    Ok(cargo_test(&[], &native)? + cargo_test(&[], &BUILDER)?)
}

/// The names of all tests that are programs of their own: what a manifest lists, or else files in a crate's `tests/`, and
/// folders there with a `main.rs`.
fn test_targets() -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for member in fs::read_dir(place::root())? {
        let folder = member?.path();
        let Ok(manifest) = fs::read_to_string(folder.join("Cargo.toml")) else { continue };
        let manifest: Table = manifest.parse()?;
        let listed = manifest.get("test").and_then(Value::as_array).into_iter().flatten();
        names.extend(listed.filter_map(|test| Some(test.get("name")?.as_str()?.to_owned())));
        let found = manifest.get("package").and_then(|package| package.get("autotests")?.as_bool());
        let Ok(tests) = fs::read_dir(folder.join("tests")) else { continue };
        for entry in tests.filter(|_| found.unwrap_or(true)) {
            let path = entry?.path();
            let is_target =
                path.extension().is_some_and(|kind| kind == "rs") || path.join("main.rs").exists();
            if is_target && let Some(name) = path.file_stem() {
                names.insert(name.to_string_lossy().into_owned());
            }
        }
    }
    Ok(names)
}

/// The binaries, as the tests are built: other stages run them.
pub(super) fn build() -> Result<()> {
    command::run(cargo().args(["build", "--quiet", "--all-targets"]).args(NATIVE))
}

/// The examples alone, with the same features.
pub(super) fn build_examples() -> Result<()> {
    command::run(cargo().args(["build", "--quiet", "--examples"]).args(NATIVE))
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
    let add = || {
        let mut add = Command::new("rustup");
        add.args(["component", "add", name]);
        packages::reaches_rustup() && command::succeeds_within(&mut add, command::DOWNLOAD_LIMIT)
    };
    if !(there || add()) {
        anyhow::bail!("please install {name} first");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quick_tests_know_all_others_and_those_with_brokers() {
        let names = test_targets().unwrap();
        for name in ["pages", "api", "embedded"].into_iter().chain(WITH_BROKERS) {
            assert!(names.contains(name), "{name} is not among {names:?}");
        }
        // Listed in a manifest that does not want files to be found.
        assert!(!names.contains("contract"));
        for member in fs::read_dir(place::root()).unwrap() {
            let Ok(tests) = fs::read_dir(member.unwrap().path().join("tests")) else { continue };
            for path in tests.map(|entry| entry.unwrap().path()) {
                let text = fs::read_to_string(&path).unwrap_or_default();
                let name = path.file_stem().unwrap().to_string_lossy();
                if text.contains("broker.rs\"") || text.contains("broker::") {
                    assert!(WITH_BROKERS.contains(&&*name), "{} starts brokers", path.display());
                }
            }
        }
    }
}
