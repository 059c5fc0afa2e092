//! The wasm and the script that loads it.

use super::{Mode, NAME, unused};
use crate::{
    command::{run, say},
    packages,
};
use anyhow::{Context as _, Result};
use std::{fs, path::Path, process::Command};
use wasm_bindgen_cli_support::Bindgen;

/// What today's browsers all understand, and the compiler emits.
const WASM_FEATURES: [&str; 7] = [
    "--enable-bulk-memory",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-sign-ext",
    "--enable-reference-types",
    "--enable-multivalue",
    "--enable-bulk-memory-opt",
];

/// What makes the compressed wasm smaller. `-Oz` makes the file a sixth smaller and its compressed form a sixteenth
/// larger: what the compiler wrote is more alike.
const PASSES: [&str; 9] = [
    "--duplicate-function-elimination",
    "--remove-unused-module-elements",
    "--rse",
    "--vacuum",
    "--merge-blocks",
    "--code-folding",
    "--vacuum",
    "--reorder-locals",
    "--strip-target-features",
];

/// Writes `NAME.js` and `NAME_bg.wasm`.
pub(super) fn write(wasm: &Path, package: &Path, mode: Mode) -> Result<()> {
    let mut bindgen = Bindgen::new();
    if mode == Mode::Dev {
        bindgen.input_path(wasm);
    } else {
        let mut module = walrus::Module::from_file(wasm).context("the compiler's wasm cannot be read")?;
        unused::take_out(&mut module)?;
        bindgen.input_bytes(NAME, module.emit_wasm());
    }
    bindgen.web(true)?.typescript(false).out_name(NAME);
    bindgen.remove_name_section(mode != Mode::Dev).remove_producers_section(mode != Mode::Dev);
    bindgen.generate(package).context("wasm-bindgen")?;
    let (script, wasm) = (package.join(format!("{NAME}.js")), package.join(format!("{NAME}_bg.wasm")));
    let text = fs::read_to_string(&script)?;
    if mode == Mode::Dev {
        return Ok(fs::write(script, text + include_str!("reload.js"))?);
    }
    let text = unused::without_classes(&text)?;
    let mut module = walrus::Module::from_file(&wasm).context("the wasm cannot be read again")?;
    unused::keep_called(&mut module, &text);
    fs::write(&script, text)?;
    module.emit_wasm_file(&wasm)?;
    if mode == Mode::Release {
        optimise(&wasm)?;
        minify(&script)?;
    }
    Ok(())
}

fn minify(script: &Path) -> Result<()> {
    let Some(terser) = packages::from_npm("terser")? else {
        say("no npm here: the script stays two kilobytes larger");
        return Ok(());
    };
    let arguments = ["--module", "--compress", "passes=3", "--mangle", "--output"];
    run(Command::new(terser).arg(script).args(arguments).arg(script))
}

fn optimise(wasm: &Path) -> Result<()> {
    let Some(wasm_opt) = packages::wasm_opt()? else {
        say("no npm and no wasm-opt here: the wasm stays about a hundredth larger");
        return Ok(());
    };
    let smaller = wasm.with_extension("opt");
    run(Command::new(wasm_opt).args(PASSES).args(WASM_FEATURES).arg(wasm).arg("-o").arg(&smaller))?;
    fs::rename(&smaller, wasm)?;
    Ok(())
}
