//! The front end: what a browser downloads, in the folder that the server embeds.
//!
//! `pkg/` holds the stylesheet, the scripts and the wasm in its parts (see [`wasm`]); beside it lies what `style/public/`
//! holds. In a release site each text file and each wasm is there once more as `.br`.

pub(crate) mod compress;
mod stamp;
mod style;
pub(crate) mod wasm;

use crate::{
    command::{output, say},
    packages, place,
    wasm_toolchain::WasmToolchain,
};
use anyhow::{Error, Result, anyhow, bail};
use stamp::Stamp;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The name of the site's files, and of the program.
const NAME: &str = "kafkatalk";

/// How much work goes into a site.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    /// Quick to build again, large.
    Dev,
    /// Optimised by the compiler: what `make run` serves.
    Run,
    /// As small as we can: `wasm-opt`, and compressed ahead.
    Release,
}

impl Mode {
    /// Reads `--dev` or `--release`.
    pub(crate) fn from_arguments(arguments: &[String]) -> Result<Self> {
        match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            [] => Ok(Self::Run),
            ["--dev"] => Ok(Self::Dev),
            ["--release"] => Ok(Self::Release),
            _ => bail!("`site` takes --dev or --release"),
        }
    }

    /// The cargo profile that the wasm is built with.
    fn profile(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Run | Self::Release => "wasm-release",
        }
    }

    /// Whether a site built in that mode serves for this one as well.
    fn is_served_by(self, built: Self) -> bool {
        self == built || (self == Self::Run && built == Self::Release)
    }
}

/// Builds the site, skipping what did not change.
pub(crate) fn build(mode: Mode) -> Result<()> {
    if mode == Mode::Release && !cfg!(feature = "release") {
        return Err(without_release());
    }
    let compiled = compile(mode)?;
    let site = place::site();
    let inputs = stamp::of(&[&compiled, &place::root().join("style"), &place::root().join("Cargo.lock")])?;
    let wanted = Stamp { inputs, mode, optimiser: optimiser(mode)? };
    let whole = site.join("pkg").exists() && (mode != Mode::Release || wasm::names_file().exists());
    if whole && stamp::read().is_some_and(|built| wanted.is_met_by(&built)) {
        return Ok(());
    }
    say("putting the site together");
    let fresh = site.with_extension("fresh");
    if fresh.exists() {
        fs::remove_dir_all(&fresh)?;
    }
    let package = fresh.join("pkg");
    fs::create_dir_all(&package)?;
    wasm::write(&compiled, &package, mode)?;
    style::write(&package, mode)?;
    copy_public(&place::root().join("style/public"), &fresh)?;
    if mode == Mode::Release {
        compress::all_in(&fresh)?;
    }
    stamp::forget()?;
    replace(&fresh, &site)?;
    stamp::write(&wanted)
}

/// `make run` builds this program without what only a release site needs.
fn without_release() -> Error {
    anyhow!(
        "this builder can make no release site: build it with its feature `release`, as `cargo xtask` does"
    )
}

/// Tells the open pages of a site for development to load again. The server reads it from disk, like all of the site.
pub(crate) fn announce() -> Result<()> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_millis();
    fs::write(place::site().join("pkg/built.txt"), now.to_string())?;
    Ok(())
}

/// The `wasm-opt` that a site of that mode is made smaller with: a site that was made without is not good for ever.
fn optimiser(mode: Mode) -> Result<String> {
    let program = if mode == Mode::Release { packages::wasm_opt()? } else { None };
    program.map_or_else(|| Ok("none".into()), |program| output(Command::new(program).arg("--version")))
}

/// Compiles the wasm; cargo itself knows what changed.
fn compile(mode: Mode) -> Result<PathBuf> {
    let toolchain = WasmToolchain::find_or_set_up()?;
    say("building the browser's part");
    let mut cargo = toolchain.cargo("rustc");
    cargo.args(["--package", "kafkatalk-frontend", "--lib", "--profile", mode.profile()]);
    // What refers to what, so that the wasm can be split.
    crate::command::run(cargo.args(["--", "-Clink-args=--emit-relocs"]))?;
    let folder = if mode == Mode::Dev { "debug" } else { mode.profile() };
    Ok(place::target().join("wasm32-unknown-unknown").join(folder).join("kafkatalk_frontend.wasm"))
}

fn copy_public(from: &Path, to: &Path) -> Result<()> {
    if !from.exists() {
        return Ok(());
    }
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            fs::create_dir_all(&target)?;
            copy_public(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Puts a whole folder in another's place, so that nobody sees half of it.
fn replace(fresh: &Path, site: &Path) -> Result<()> {
    let old = site.with_extension("old");
    if old.exists() {
        fs::remove_dir_all(&old)?;
    }
    if site.exists() {
        fs::rename(site, &old)?;
    }
    fs::rename(fresh, site)?;
    if old.exists() {
        fs::remove_dir_all(&old)?;
    }
    Ok(())
}
