//! Files compressed ahead, for clients that take them.

use anyhow::Result;
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
            let small = brotli(&plain)?;
            if small.len() < plain.len() {
                let mut target = path.clone().into_os_string();
                target.push(".br");
                fs::write(target, small)?;
            }
        }
    }
    Ok(())
}

/// As small as it gets.
#[cfg(feature = "release")]
pub(crate) fn brotli(plain: &[u8]) -> Result<Vec<u8>> {
    use brotli::enc::{BrotliEncoderParams, backward_references::BrotliEncoderMode};

    let parameters = BrotliEncoderParams {
        quality: 11,
        size_hint: plain.len(),
        // Of the three this makes what is here smallest.
        mode: BrotliEncoderMode::BROTLI_MODE_FONT,
        ..Default::default()
    };
    let (mut plain, mut small) = (plain, Vec::new());
    brotli::BrotliCompress(&mut plain, &mut small, &parameters)?;
    Ok(small)
}

#[cfg(not(feature = "release"))]
pub(crate) fn brotli(_plain: &[u8]) -> Result<Vec<u8>> {
    Err(super::without_release())
}
