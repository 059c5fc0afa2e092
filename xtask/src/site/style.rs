//! The stylesheet: `style/main.css` and what it imports, as one file.

use super::{Mode, NAME};
use crate::place;
use anyhow::{Context as _, Result};
use std::{fs, path::Path};

/// Writes `NAME.css`.
pub(super) fn write(package: &Path, mode: Mode) -> Result<()> {
    let folder = place::root().join("style");
    let main = fs::read_to_string(folder.join("main.css")).context("style/main.css")?;
    let text = bundle(&main, |name| fs::read_to_string(folder.join(name)).with_context(|| name.to_owned()))?;
    let text = if mode == Mode::Release { minify(&text)? } else { text };
    fs::write(package.join(format!("{NAME}.css")), text)?;
    Ok(())
}

/// Puts what is imported (`@import "NAME" layer(LAYER);`) in the place of its line.
fn bundle(main: &str, read: impl Fn(&str) -> Result<String>) -> Result<String> {
    let mut text = String::new();
    for line in main.lines() {
        let Some(import) = line.strip_prefix("@import ") else {
            text.push_str(line);
            text.push('\n');
            continue;
        };
        let parts = import.strip_prefix('"').and_then(|import| import.split_once("\" layer("));
        let (name, layer) = parts
            .and_then(|(name, layer)| Some((name, layer.strip_suffix(");")?)))
            .with_context(|| format!("style/main.css imports by `@import \"NAME\" layer(LAYER);`: {line}"))?;
        text.extend(["@layer ", layer, " {\n", &read(name)?, "}\n"]);
    }
    Ok(text)
}

#[cfg(feature = "release")]
fn minify(text: &str) -> Result<String> {
    use anyhow::anyhow;
    use lightningcss::{
        printer::PrinterOptions,
        stylesheet::{MinifyOptions, ParserOptions, StyleSheet},
    };

    let mut sheet =
        StyleSheet::parse(text, ParserOptions::default()).map_err(|error| anyhow!("style: {error}"))?;
    sheet.minify(MinifyOptions::default()).map_err(|error| anyhow!("style: {error}"))?;
    let options = PrinterOptions { minify: true, ..PrinterOptions::default() };
    Ok(sheet.to_css(options).map_err(|error| anyhow!("style: {error}"))?.code)
}

#[cfg(not(feature = "release"))]
fn minify(_text: &str) -> Result<String> {
    Err(super::without_release())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_imported_stands_in_its_layer() {
        let main = "@layer a, b;\n@import \"one.css\" layer(a);\n@import \"two.css\" layer(b);\n";
        let text = bundle(main, |name| Ok(format!("/* {name} */\n"))).unwrap();
        assert_eq!(text, "@layer a, b;\n@layer a {\n/* one.css */\n}\n@layer b {\n/* two.css */\n}\n");
    }

    #[test]
    fn an_import_without_a_layer_is_an_error() {
        assert!(bundle("@import \"one.css\";\n", |_| Ok(String::new())).is_err());
    }
}
