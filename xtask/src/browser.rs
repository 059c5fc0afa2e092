//! A Chromium for the browser tests.

use crate::{command::find_program, packages};
use anyhow::{Context as _, Result};
use std::path::{Path, PathBuf};

const NAMES: [&str; 5] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];
const APPLICATIONS: [&str; 2] = [
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
];

/// `KAFKATALK_CHROMIUM`, an installed browser, or Debian's.
pub(crate) fn find_or_install() -> Result<PathBuf> {
    if let Some(given) = std::env::var_os("KAFKATALK_CHROMIUM") {
        return Ok(given.into());
    }
    if let Some(found) = find() {
        return Ok(found);
    }
    packages::install_debian(&["chromium"]).context("the browser tests need Chromium or Chrome")?;
    find().context("chromium was installed, and is not on the PATH")
}

fn find() -> Option<PathBuf> {
    let on_path = NAMES.iter().find_map(|name| find_program(name));
    on_path.or_else(|| APPLICATIONS.iter().map(Path::new).find(|file| file.exists()).map(Path::to_path_buf))
}
