//! A compiler with the standard library for `wasm32-unknown-unknown`.
//!
//! With rustup and a way to its downloads, that is one `rustup target add`. Where only Debian's packages are in reach,
//! Debian has a newer Rust with the source of its standard library: that is compiled once into the cache, as a system
//! root of its own, so that nothing of the system is written to.

use crate::{
    command::{find_program, output, run, say, succeeds_within},
    packages, place,
};
use anyhow::{Context as _, Result, bail};
use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

const TARGET: &str = "wasm32-unknown-unknown";
/// A reachable rustup takes some seconds; an unreachable one hangs for ever.
const RUSTUP_LIMIT: Duration = Duration::from_mins(1);
/// Debian's compiler, its source, and a linker; the linker's package has a version in its name.
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_CARGO: &str = "/usr/bin/cargo";
const DEBIAN_SOURCE: &str = "/usr/lib/rustlib/src/rust/library";
const DEBIAN_PACKAGES: [&str; 5] = ["rustc-web", "cargo-web", "rust-web-src", "rust-web-clippy", "lld-22"];
const DEBIAN_LINKER: &str = "wasm-ld-22";

/// How to call cargo for the browser.
pub(crate) struct WasmToolchain {
    cargo: OsString,
    environment: Vec<(&'static str, OsString)>,
}

impl WasmToolchain {
    /// Finds one, or sets one up.
    pub(crate) fn find_or_set_up() -> Result<Self> {
        if has_std("rustc") || add_by_rustup() {
            let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
            return Ok(Self { cargo, environment: Vec::new() });
        }
        Self::debian()
    }

    /// A cargo command, such as `build`, for the browser's target.
    pub(crate) fn cargo(&self, subcommand: &str) -> Command {
        let mut command = Command::new(&self.cargo);
        command.arg(subcommand).args(["--target", TARGET]).current_dir(place::root());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Whether it is the compiler that everything else is compiled with.
    pub(crate) fn is_ours(&self) -> bool {
        self.environment.is_empty()
    }

    fn debian() -> Result<Self> {
        if !Path::new(DEBIAN_SOURCE).exists() || find_program(DEBIAN_LINKER).is_none() {
            packages::install_debian(&DEBIAN_PACKAGES).context(
                "the browser's part needs rustup's target wasm32-unknown-unknown, or Debian's Rust",
            )?;
        }
        let sysroot = debian_sysroot()?;
        let mut flags = OsString::from("--sysroot=");
        flags.push(&sysroot);
        let environment = vec![
            ("RUSTC", DEBIAN_RUSTC.into()),
            ("CARGO", DEBIAN_CARGO.into()),
            ("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", DEBIAN_LINKER.into()),
            ("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", flags),
        ];
        Ok(Self { cargo: DEBIAN_CARGO.into(), environment })
    }
}

/// Whether that compiler has the target's standard library.
fn has_std(rustc: &str) -> bool {
    let arguments = ["--print", "target-libdir", "--target", TARGET];
    output(Command::new(rustc).args(arguments)).is_ok_and(|folder| Path::new(&folder).exists())
}

fn add_by_rustup() -> bool {
    if find_program("rustup").is_none() {
        return false;
    }
    say("adding the wasm32 target by rustup");
    succeeds_within(Command::new("rustup").args(["target", "add", TARGET]), RUSTUP_LIMIT) && has_std("rustc")
}

/// The system root with the target's standard library for Debian's compiler, compiled when it is not in the cache.
fn debian_sysroot() -> Result<PathBuf> {
    let version = output(Command::new(DEBIAN_RUSTC).arg("--version"))?;
    let Some(number) = version.split(' ').nth(1) else { bail!("`rustc --version` says `{version}`") };
    let sysroot = place::cache().join(format!("wasm-std-{number}"));
    if sysroot.exists() {
        return Ok(sysroot);
    }
    say(&format!("compiling the standard library for the browser with Debian's Rust {number} (once)"));
    let work = place::cache().join(format!("wasm-std-{number}.{}", std::process::id()));
    let seed = work.join("seed");
    fs::create_dir_all(seed.join("src"))?;
    fs::write(seed.join("src/lib.rs"), "#![no_std]\n")?;
    let manifest = "[package]\nname = \"seed\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n";
    fs::write(seed.join("Cargo.toml"), manifest)?;
    let mut cargo = Command::new(DEBIAN_CARGO);
    cargo.args([
        "build",
        "--quiet",
        "-Zbuild-std=std,panic_abort,panic_unwind",
        "--release",
        "--target",
        TARGET,
    ]);
    cargo.env("RUSTC", DEBIAN_RUSTC).env("RUSTC_BOOTSTRAP", "1").env("RUSTFLAGS", "-Cembed-bitcode=yes");
    cargo.env("CARGO_TARGET_DIR", work.join("target")).current_dir(&seed);
    run(&mut cargo)?;

    let built = work.join("target").join(TARGET).join("release/deps");
    let libraries = work.join("sysroot/lib/rustlib").join(TARGET).join("lib");
    fs::create_dir_all(&libraries)?;
    for file in fs::read_dir(&built)? {
        let (path, name) = file.map(|file| (file.path(), file.file_name()))?;
        let seeds_own = name.to_string_lossy().starts_with("libseed-");
        if path.extension().is_some_and(|extension| extension == "rlib") && !seeds_own {
            fs::copy(&path, libraries.join(&name))?;
        }
    }
    // Complete or absent: another checkout may be doing the same.
    if fs::rename(work.join("sysroot"), &sysroot).is_err() && !sysroot.exists() {
        bail!("could not write {}", sysroot.display());
    }
    fs::remove_dir_all(&work)?;
    Ok(sysroot)
}
