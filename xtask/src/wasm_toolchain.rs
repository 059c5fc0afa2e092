//! A compiler with the standard library for `wasm32-unknown-unknown`.
//!
//! With rustup and a way to its downloads, that is one `rustup target add`. Where only Debian's packages are in reach,
//! Debian has a newer Rust with the source of its standard library: that is compiled once into the cache, as a system
//! root of its own, so that nothing of the system is written to.

use crate::{
    command::{find_program, output, run, say, succeeds_within},
    packages,
    place::{self, Unfinished},
};
use anyhow::{Context as _, Result, bail};
use std::{
    ffi::{OsStr, OsString},
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

const TARGET: &str = "wasm32-unknown-unknown";
/// A rustup that reaches its server takes some seconds, or minutes by a slow line.
const RUSTUP_LIMIT: Duration = Duration::from_mins(3);
/// What cargo passes to the compiler for the target, besides the target's own flags.
const FLAGS: &str = "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS";
/// For how long rustup is not asked again after it reached nothing, unless nothing else is left.
const UNREACHABLE_FOR: Duration = Duration::from_hours(24);
/// Debian's compiler, its source, and a linker; the linker's package has a version in its name.
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_CARGO: &str = "/usr/bin/cargo";
const DEBIAN_SOURCE: &str = "/usr/lib/rustlib/src/rust/library";
const DEBIAN_PACKAGES: [&str; 5] = ["rustc-web", "cargo-web", "rust-web-src", "rust-web-clippy", "lld-22"];
const DEBIAN_LINKER: &str = "wasm-ld-22";

/// How to call cargo for the browser.
pub(crate) struct WasmToolchain {
    cargo: OsString,
    is_ours: bool,
    environment: Vec<(&'static str, OsString)>,
}

impl WasmToolchain {
    /// Finds one, or sets one up.
    pub(crate) fn find_or_set_up() -> Result<Self> {
        // What is there comes before what must be fetched.
        if has_std("rustc") {
            return Ok(Self::ours());
        }
        if let Some(sysroot) = debian_sysroot_at_hand() {
            return Ok(Self::debian(&sysroot));
        }
        let mark = Unreachable::rustup();
        let put_off = mark.is_fresh();
        if !put_off && add_by_rustup(&mark) {
            return Ok(Self::ours());
        }
        match set_up_debian_sysroot() {
            Ok(sysroot) => Ok(Self::debian(&sysroot)),
            Err(_) if put_off && add_by_rustup(&mark) => Ok(Self::ours()),
            Err(error) => Err(error),
        }
    }

    fn ours() -> Self {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        Self { cargo, is_ours: true, environment: vec![(FLAGS, short_paths())] }
    }

    /// A cargo command, such as `build`, for the browser's target.
    pub(crate) fn cargo(&self, subcommand: &str) -> Command {
        let mut command = Command::new(&self.cargo);
        command.arg(subcommand).args(["--target", TARGET]).current_dir(place::root());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        // Cargo takes these instead of a target's own flags, which the browser's part cannot do without.
        command.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
        command
    }

    /// Whether it is the compiler that everything else is compiled with.
    pub(crate) fn is_ours(&self) -> bool {
        self.is_ours
    }

    fn debian(sysroot: &Path) -> Self {
        let mut flags = short_paths();
        flags.push(" --sysroot=");
        flags.push(sysroot);
        let environment = vec![
            ("RUSTC", DEBIAN_RUSTC.into()),
            ("CARGO", DEBIAN_CARGO.into()),
            ("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", DEBIAN_LINKER.into()),
            (FLAGS, flags),
        ];
        Self { cargo: DEBIAN_CARGO.into(), is_ours: false, environment }
    }
}

/// Has the compiler name the source of a crate without the folder that all crates lie in. Where a program may panic, it
/// carries the name of the file: it would be larger where somebody's home has a longer name.
fn short_paths() -> OsString {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(std::env::home_dir()?.join(".cargo")));
    let registries = home.and_then(|home| fs::read_dir(home.join("registry/src")).ok()).into_iter().flatten();
    let mut flags: Vec<OsString> = registries
        .filter_map(Result::ok)
        .map(|registry| registry.path().into_os_string())
        // Flags are parted by spaces.
        .filter(|folder| !folder.to_string_lossy().contains(' '))
        .map(|folder| {
            let mut flag = OsString::from("--remap-path-prefix=");
            flag.push(folder);
            flag.push("/=");
            flag
        })
        .collect();
    // In any order they would be other flags, for which all is compiled anew.
    flags.sort();
    flags.join(OsStr::new(" "))
}

/// Whether that compiler has the target's standard library.
fn has_std(rustc: &str) -> bool {
    let arguments = ["--print", "target-libdir", "--target", TARGET];
    output(Command::new(rustc).args(arguments)).is_ok_and(|folder| Path::new(&folder).exists())
}

fn add_by_rustup(mark: &Unreachable) -> bool {
    if find_program("rustup").is_none() {
        return false;
    }
    say("adding the wasm32 target by rustup");
    let added = packages::reaches_rustup()
        && succeeds_within(Command::new("rustup").args(["target", "add", TARGET]), RUSTUP_LIMIT);
    mark.set(!added);
    added && has_std("rustc")
}

/// Remembers, for a day, that something could not be reached. `scripts/rust.sh` knows the same mark.
struct Unreachable {
    file: PathBuf,
}

impl Unreachable {
    fn rustup() -> Self {
        Self { file: place::cache().join("rustup-unreachable") }
    }

    /// Whether it was not reached a short time ago.
    fn is_fresh(&self) -> bool {
        let written = fs::metadata(&self.file).and_then(|data| data.modified());
        written.is_ok_and(|time| time.elapsed().is_ok_and(|age| age < UNREACHABLE_FOR))
    }

    /// Remembers how it went. A cache that cannot be written to costs time and no more.
    fn set(&self, unreachable: bool) {
        let _ = if unreachable {
            fs::create_dir_all(place::cache()).and_then(|()| fs::write(&self.file, ""))
        } else {
            fs::remove_file(&self.file)
        };
    }
}

/// Where the system root for Debian's present compiler lies or is to lie, and that compiler's version.
fn debian_sysroot() -> Result<(PathBuf, String)> {
    let version = output(Command::new(DEBIAN_RUSTC).arg("--version"))?;
    let Some(number) = version.split(' ').nth(1) else { bail!("`rustc --version` says `{version}`") };
    Ok((place::cache().join(format!("wasm-std-{number}")), number.to_owned()))
}

/// The system root that an earlier run has left, if all that goes with it is there.
fn debian_sysroot_at_hand() -> Option<PathBuf> {
    let tools = Path::new(DEBIAN_CARGO).exists() && Path::new(DEBIAN_RUSTC).exists();
    if !tools || find_program(DEBIAN_LINKER).is_none() {
        return None;
    }
    debian_sysroot().ok().map(|(sysroot, _)| sysroot).filter(|sysroot| sysroot.exists())
}

/// Compiles the target's standard library for Debian's compiler into the cache.
fn set_up_debian_sysroot() -> Result<PathBuf> {
    if !Path::new(DEBIAN_SOURCE).exists() || find_program(DEBIAN_LINKER).is_none() {
        packages::install_debian(&DEBIAN_PACKAGES)
            .context("the browser's part needs rustup's target wasm32-unknown-unknown, or Debian's Rust")?;
    }
    let (sysroot, number) = debian_sysroot()?;
    if sysroot.exists() {
        return Ok(sysroot);
    }
    say(&format!("compiling the standard library for the browser with Debian's Rust {number} (once)"));
    let unfinished = Unfinished::beside(&sysroot)?;
    let work = unfinished.path();
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
    unfinished.publish("sysroot", &sysroot)?;
    Ok(sysroot)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_reached_is_remembered_until_it_is() {
        let file = place::target().join(format!("tmp/unreachable-{}", std::process::id()));
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        let mark = Unreachable { file };
        assert!(!mark.is_fresh());
        mark.set(true);
        assert!(mark.is_fresh());
        mark.set(false);
        assert!(!mark.is_fresh());
    }

    #[test]
    fn a_mark_that_is_a_day_old_counts_no_more() {
        let file = place::target().join(format!("tmp/unreachable-old-{}", std::process::id()));
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        let old = std::time::SystemTime::now() - UNREACHABLE_FOR;
        fs::File::create(&file).unwrap().set_modified(old).unwrap();
        let mark = Unreachable { file };
        assert!(!mark.is_fresh());
        mark.set(false);
    }

    #[test]
    fn flags_of_the_environment_do_not_take_the_targets_own_away() {
        let command = WasmToolchain::debian(Path::new("sysroot")).cargo("build");
        let removed: Vec<_> =
            command.get_envs().filter(|(_, value)| value.is_none()).map(|(name, _)| name).collect();
        assert_eq!(removed, ["CARGO_ENCODED_RUSTFLAGS", "RUSTFLAGS"]);
    }
}
