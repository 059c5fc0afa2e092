//! What a browser may have to download, compressed, and what the first part of the wasm must not carry.
//!
//! The limits serve the reader: people on a phone wait for what comes first, and hardly notice what is fetched when it is
//! first used. So something new costs little if it is deferred (`app/src/deferred.rs`), and is noticed here if it is not.

use super::counted::Counts;
use crate::{
    command::{self, say},
    place, site,
};
use anyhow::{Context as _, Result};
use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The first page, its stylesheet and its icon: what it takes until something is to be seen.
const FIRST_PAINT_BYTES_MAX: usize = 15_000;
/// All of that, the scripts and the first part of the wasm: what it takes until one can write. The aim is 320,000: decision
/// 38 says what costs what, and why this is more.
const CONVERSATION_BYTES_MAX: usize = 353_000;
/// A part that is fetched when it is first used.
const PART_BYTES_MAX: usize = 80_000;
/// All scripts and all wasm.
const ALL_BYTES_MAX: usize = 1_200_000;

/// Modules whose functions are in deferred parts alone, by their files below `app/src`.
const DEFERRED: [&str; 3] = ["conversations/find.rs", "features/members/panel.rs", "features/members/add.rs"];

/// The page that a first visitor sees, among those that the gallery writes.
const FIRST_PAGE: &str = "welcome.html";

/// Builds a release site, says what its parts weigh, and holds that against the limits.
pub(super) fn site_within_budget() -> Result<Counts> {
    site::build(site::Mode::Release)?;
    super::cargo::build_examples()?;
    let weights = Weights::of(&place::site(), first_page_bytes()?)?;
    let mut counts = Counts::default();
    for (what, bytes, most) in weights.limits() {
        say(&format!("{what}: {bytes} bytes of at most {most}"));
        counts += Counts::of(bytes <= most);
    }
    let names = fs::read_to_string(site::wasm::names_file())?;
    for file in DEFERRED {
        counts += Counts::of(is_deferred(file, &names)?);
    }
    Ok(counts)
}

/// The first page as the server sends it, compressed.
fn first_page_bytes() -> Result<usize> {
    let pages = place::target().join("pages");
    command::run(Command::new(place::target().join("debug/examples/gallery")).arg(&pages))?;
    Ok(site::compress::brotli(&fs::read(pages.join(FIRST_PAGE))?)?.len())
}

/// What is downloaded, in bytes.
#[derive(Debug)]
struct Weights {
    page: usize,
    style: usize,
    icon: usize,
    scripts: usize,
    first: usize,
    /// Deferred parts by name.
    parts: Vec<(String, usize)>,
}

impl Weights {
    fn of(site: &Path, page: usize) -> Result<Self> {
        let package = site.join("pkg");
        let (mut scripts, mut first, mut parts) = (0, 0, Vec::new());
        let mut files: Vec<PathBuf> =
            fs::read_dir(&package)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
        files.sort();
        for file in files {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            match file.extension().and_then(OsStr::to_str) {
                Some("js") => scripts += compressed(&file)?,
                Some("wasm") if name.ends_with("_bg.wasm") => first = compressed(&file)?,
                Some("wasm") => parts.push((name, compressed(&file)?)),
                _ => {}
            }
        }
        let style = compressed(&package.join("kafkatalk.css"))?;
        let icon = compressed(&site.join("favicon.svg"))?;
        Ok(Self { page, style, icon, scripts, first, parts })
    }

    /// What each is and weighs, and the most that it may.
    fn limits(&self) -> Vec<(String, usize, usize)> {
        let Self { page, style, icon, scripts, first, parts } = self;
        let paint = page + style + icon;
        let deferred: usize = parts.iter().map(|(_, bytes)| bytes).sum();
        let mut limits = vec![
            (format!("first paint (page {page}, style {style}, icon {icon})"), paint, FIRST_PAINT_BYTES_MAX),
            (
                format!("a conversation (first paint, scripts {scripts}, first part {first})"),
                paint + scripts + first,
                CONVERSATION_BYTES_MAX,
            ),
        ];
        limits.extend(parts.iter().map(|(name, bytes)| (format!("part {name}"), *bytes, PART_BYTES_MAX)));
        limits.push(("all scripts and parts".to_owned(), scripts + first + deferred, ALL_BYTES_MAX));
        limits
    }
}

/// The bytes of a file as a browser gets it.
fn compressed(file: &Path) -> Result<usize> {
    let mut small = file.as_os_str().to_owned();
    small.push(".br");
    let file = if Path::new(&small).exists() { Path::new(&small) } else { file };
    Ok(usize::try_from(fs::metadata(file).with_context(|| file.display().to_string())?.len())?)
}

/// Whether no function of a module is among the names.
fn is_deferred(file: &str, names: &str) -> Result<bool> {
    let source = place::root().join("app/src").join(file);
    fs::metadata(&source).with_context(|| format!("xtask/src/check/budget.rs names {}", source.display()))?;
    let found = functions_of(file, names);
    for name in &found {
        say(&format!("the first part holds {name}, which {file} is to keep for later"));
    }
    Ok(found.is_empty())
}

/// What drops a value. The compiler keeps such code once for all types of the same layout, under the name of any of them:
/// of where a type is used it says nothing.
const DROP_GLUE: &str = "core::ptr::drop_in_place<";

/// The functions of a module, and of what lies below it.
fn functions_of<'a>(file: &str, names: &'a str) -> Vec<&'a str> {
    let module = file.trim_end_matches(".rs").replace('/', "::");
    let path = format!("kafkatalk_app::{module}::");
    names.lines().filter(|name| name.contains(&path) && !name.starts_with(DROP_GLUE)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_is_held_against_what_it_is_about() {
        let parts = vec![("split_find.wasm".to_owned(), 9)];
        let weights = Weights { page: 1, style: 2, icon: 3, scripts: 10, first: 100, parts };
        let bytes: Vec<usize> = weights.limits().iter().map(|(_, bytes, _)| *bytes).collect();
        assert_eq!(bytes, [6, 116, 9, 119]);
    }

    #[test]
    fn a_function_of_a_deferred_module_is_found_wherever_it_is_named() {
        let names = "kafkatalk_app::conversations::find::Finder::ask\n\
                     core::ops::FnOnce<kafkatalk_app::conversations::find::people::Found>\n\
                     kafkatalk_app::conversations::list::find_panel\n\
                     core::ptr::drop_in_place<kafkatalk_app::conversations::find::Finder>\n\
                     kafkatalk_app::conversations::finder::new";
        assert_eq!(functions_of("conversations/find.rs", names).len(), 2);
        assert!(functions_of("conversations/gone.rs", names).is_empty());
    }

    #[test]
    fn a_module_that_is_gone_is_told() {
        assert!(is_deferred("conversations/gone.rs", "").is_err());
    }
}
