//! Building the binary, to run it here or to hand it out.

use crate::{
    command::{run, say},
    packages, place, site,
};
use anyhow::{Context as _, Result, anyhow};
use std::{
    ffi::OsStr,
    fs,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::Command,
};

const PACKAGE: [&str; 4] = ["--package", "kafkatalk-server", "--bin", "kafkatalk"];

/// The cargo that called us.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(place::root());
    command
}

/// Builds everything and becomes `kafkatalk serve`.
pub(crate) fn serve(arguments: &[String]) -> Result<()> {
    build_both(site::Mode::Run)?;
    say("starting; Ctrl-C ends it");
    let mut server = Command::new(built_server());
    let error = server.arg("serve").args(arguments).exec();
    Err(error).context("could not start the server")
}

/// Builds the site and the server side by side: each has stretches that keep one core busy alone.
pub(crate) fn build_both(mode: site::Mode) -> Result<()> {
    std::thread::scope(|scope| {
        let server = scope.spawn(build_server);
        let site = site::build(mode);
        let server = server.join().map_err(|_| anyhow!("the server's build broke off"))?;
        site.and(server)
    })
}

/// Builds the server for this machine alone: quick to compile, the site read from disk.
pub(crate) fn build_server() -> Result<()> {
    say("building the server");
    // There are no examples. Naming them lets the dependencies have the features that the tests ask for, so that
    // `make test` finds them compiled.
    run(cargo().arg("build").args(PACKAGE).arg("--examples"))
}

/// What [`build_server`] builds.
pub(crate) fn built_server() -> PathBuf {
    place::target().join("debug/kafkatalk")
}

/// Measures the binary that `release` builds, with the arguments of `kafkatalk-bench`; everything, if there are none.
pub(crate) fn bench(arguments: &[String]) -> Result<()> {
    let arguments = if arguments.is_empty() { &["matrix".to_owned()] } else { arguments };
    become_it(&mut bench_of_release(arguments)?)
}

/// Checks or measures a binary with failpoints, with the arguments of `kafkatalk-bench`.
pub(crate) fn failpoints(arguments: &[String]) -> Result<()> {
    site::build(site::Mode::Release)?;
    say("building a server with failpoints");
    packages::perl_for_openssl()?;
    run(cargo().args(["build", "--release", "--features", "kafka-tls,failpoints"]).args(PACKAGE))?;
    // Moved, so that nobody takes it for the usual one.
    let binary = place::target().join("release/kafkatalk-breakable");
    fs::rename(place::target().join("release/kafkatalk"), &binary)?;
    become_it(&mut built_bench(arguments, &binary)?)
}

/// Builds what [`release`] builds, and the bench: `kafkatalk-bench` with those arguments for that binary.
pub(crate) fn bench_of_release<A: AsRef<OsStr>>(arguments: &[A]) -> Result<Command> {
    release()?;
    built_bench(arguments, &dist())
}

fn built_bench<A: AsRef<OsStr>>(arguments: &[A], server: &Path) -> Result<Command> {
    say("building the bench");
    run(cargo().args(["build", "--release", "--package", "kafkatalk-bench"]))?;
    let mut bench = Command::new(place::target().join("release/kafkatalk-bench"));
    bench.current_dir(place::root()).args(arguments).arg("--server").arg(server);
    Ok(bench)
}

fn become_it(bench: &mut Command) -> Result<()> {
    Err(bench.exec()).context("could not start the bench")
}

fn dist() -> PathBuf {
    place::root().join("dist/kafkatalk")
}

/// Builds the stripped binary with the site in it, and says how large it is.
pub(crate) fn release() -> Result<()> {
    site::build(site::Mode::Release)?;
    say("building the server for release");
    packages::perl_for_openssl()?;
    run(cargo().args(["build", "--release", "--features", "kafka-tls"]).args(PACKAGE))?;
    let binary = dist();
    fs::create_dir_all(place::root().join("dist"))?;
    fs::copy(place::target().join("release/kafkatalk"), &binary)?;
    let bytes = fs::metadata(&binary)?.len();
    say(&format!("dist/kafkatalk: {bytes} bytes ({}.{} MB)", bytes / 1_000_000, bytes / 100_000 % 10));
    Ok(())
}
