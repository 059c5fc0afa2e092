//! Files compressed ahead, for clients that take them.

use crate::command::say;
use anyhow::Result;
use brotli::enc::{BrotliEncoderParams, backward_references::BrotliEncoderMode};
use std::{ffi::OsStr, fs, path::Path};

/// Files that grow smaller.
const COMPRESSIBLE: [&str; 8] = ["css", "html", "js", "json", "svg", "txt", "wasm", "webmanifest"];

/// Writes a `.br` beside each file in the folder that is worth it.
pub(super) fn all_in(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            all_in(&path)?;
        } else if path.extension().and_then(OsStr::to_str).is_some_and(|kind| COMPRESSIBLE.contains(&kind)) {
            let plain = fs::read(&path)?;
            let mut small = Vec::new();
            let parameters = BrotliEncoderParams {
                quality: 11,
                size_hint: plain.len(),
                // Of the three this makes what is here smallest.
                mode: BrotliEncoderMode::BROTLI_MODE_FONT,
                ..Default::default()
            };
            brotli::BrotliCompress(&mut plain.as_slice(), &mut small, &parameters)?;
            if small.len() < plain.len() {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                say(&format!("{name}: {} bytes, {} compressed", plain.len(), small.len()));
                let mut target = path.clone().into_os_string();
                target.push(".br");
                fs::write(target, small)?;
            }
        }
    }
    Ok(())
}
