//! The stylesheet: `style/main.css` and what it imports, as one file.

use super::{Mode, NAME};
use crate::place;
use anyhow::{Result, anyhow};
use lightningcss::{
    bundler::{Bundler, FileProvider},
    printer::PrinterOptions,
    stylesheet::{MinifyOptions, ParserOptions},
};
use std::{fs, path::Path};

/// Writes `NAME.css`.
pub(super) fn write(package: &Path, mode: Mode) -> Result<()> {
    let main = place::root().join("style/main.css");
    let files = FileProvider::new();
    let mut bundler = Bundler::new(&files, None, ParserOptions::default());
    let mut sheet = bundler.bundle(&main).map_err(|error| anyhow!("style: {error}"))?;
    let minify = mode != Mode::Dev;
    if minify {
        sheet.minify(MinifyOptions::default()).map_err(|error| anyhow!("style: {error}"))?;
    }
    let options = PrinterOptions { minify, ..PrinterOptions::default() };
    let css = sheet.to_css(options).map_err(|error| anyhow!("style: {error}"))?;
    fs::write(package.join(format!("{NAME}.css")), css.code)?;
    Ok(())
}
