//! The wasm in its parts, and the scripts that load them.
//!
//! | file | holds |
//! |---|---|
//! | `kafkatalk.js`, `kafkatalk_bg.wasm` | the first part: everything that a conversation needs |
//! | `kafkatalk_parts.js` | what fetches the deferred parts; the first part imports it |
//! | `split_NAME.wasm` | a deferred part, fetched when it is first used |
//! | `chunk_N.wasm` | what several deferred parts share and the first does not need |

use super::{Mode, NAME};
use crate::{
    command::{run, say},
    packages, place,
};
use anyhow::{Context as _, Result, anyhow};
use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use walrus::{Module, ModuleConfig};
use wasm_bindgen_cli_support::Bindgen;
use wasm_split_cli_support::{Options, transform};

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

/// How hard the optimiser works. What counts is the compressed size, and `-Oz` and `-O3` make that larger than no optimiser
/// at all: what the compiler wrote is more alike.
const OPTIMISATION: [&str; 2] = ["-O1", "--strip-target-features"];

/// Writes the scripts and the wasm of every part.
pub(super) fn write(wasm: &Path, package: &Path, mode: Mode) -> Result<()> {
    let compiled = fs::read(wasm).with_context(|| wasm.display().to_string())?;
    let (first, parts) = split(&compiled, package)?;
    if mode == Mode::Release {
        fs::write(names_file(), function_names(&first)?.join("\n"))?;
    }
    bind(first, package, mode)?;
    let scripts = [package.join(format!("{NAME}.js")), package.join(parts_script())];
    if mode == Mode::Dev {
        let text = fs::read_to_string(&scripts[0])?;
        return Ok(fs::write(&scripts[0], text + include_str!("reload.js"))?);
    }
    parts.iter().try_for_each(|part| without_names(part))?;
    if mode == Mode::Release {
        for entry in fs::read_dir(package)? {
            let path = entry?.path();
            if path.extension() == Some(OsStr::new("wasm")) {
                optimise(&path)?;
            }
        }
        scripts.iter().try_for_each(|script| minify(script))?;
    }
    Ok(())
}

/// The functions of the first part, by name, as the last release site had them.
pub(crate) fn names_file() -> PathBuf {
    place::site().with_extension("names")
}

/// The script that fetches deferred parts.
fn parts_script() -> String {
    format!("{NAME}_parts.js")
}

/// Takes what only a deferred part needs out of the first one. Writes the deferred parts and the script that fetches
/// them; returns the first part and where the others are.
fn split(compiled: &[u8], package: &Path) -> Result<(Vec<u8>, Vec<PathBuf>)> {
    let first = package.join("first.wasm");
    let (script, main) = (format!("./{}", parts_script()), format!("./{NAME}.js"));
    let mut options = Options::new(compiled);
    options.output_dir = package;
    options.main_out_path = &first;
    options.main_module = &main;
    options.link_name = &script;
    let made = transform(options).map_err(|error| anyhow!("the wasm cannot be split: {error:?}"))?;
    let bytes = fs::read(&first)?;
    fs::remove_file(&first)?;
    Ok((bytes, made.split_modules))
}

/// Writes the first part and its script.
fn bind(first: Vec<u8>, package: &Path, mode: Mode) -> Result<()> {
    let mut bindgen = Bindgen::new();
    bindgen.input_bytes(NAME, first).web(true)?.typescript(false).out_name(NAME);
    // The deferred parts link to what the compiler called by these names.
    bindgen.keep_lld_exports(true).demangle(false);
    bindgen.remove_name_section(mode != Mode::Dev).remove_producers_section(mode != Mode::Dev);
    bindgen.generate(package).context("wasm-bindgen")
}

/// The names of all functions in a wasm, as people write them.
fn function_names(wasm: &[u8]) -> Result<Vec<String>> {
    let module = Module::from_buffer(wasm).context("the first part cannot be read")?;
    let mut names: Vec<String> = module
        .funcs
        .iter()
        .filter_map(|function| function.name.as_deref())
        .map(|name| format!("{:#}", rustc_demangle::demangle(name)))
        .collect();
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

/// Drops the names of functions, which nobody reads who uses the page.
fn without_names(part: &Path) -> Result<()> {
    let bytes = fs::read(part)?;
    let mut module = ModuleConfig::new()
        .generate_name_section(false)
        .generate_producers_section(false)
        .parse(&bytes)
        .with_context(|| part.display().to_string())?;
    module.emit_wasm_file(part)
}

fn minify(script: &Path) -> Result<()> {
    let Some(terser) = packages::from_npm("terser")? else {
        say("no npm here: the scripts stay some kilobytes larger");
        return Ok(());
    };
    let arguments = ["--module", "--compress", "passes=3", "--mangle", "--output"];
    run(Command::new(terser).arg(script).args(arguments).arg(script))
}

fn optimise(wasm: &Path) -> Result<()> {
    let Some(wasm_opt) = packages::wasm_opt()? else {
        say("no npm and no wasm-opt here: the wasm stays larger");
        return Ok(());
    };
    let smaller = wasm.with_extension("opt");
    run(Command::new(wasm_opt).args(OPTIMISATION).args(WASM_FEATURES).arg(wasm).arg("-o").arg(&smaller))?;
    fs::rename(&smaller, wasm)?;
    Ok(())
}
