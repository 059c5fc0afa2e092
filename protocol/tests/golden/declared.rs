//! What the crate declares, read from its sources, so that nothing that is added there is forgotten here.

use std::{fs, path::Path};

/// The crate's sources.
fn sources() -> Vec<String> {
    fn gather(folder: &Path, into: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                gather(&path, into);
            } else {
                into.push(fs::read_to_string(path).unwrap());
            }
        }
    }
    let mut sources = Vec::new();
    gather(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut sources);
    sources
}

/// The lines after the one that ends in `head`, up to the one that closes it; none where there is no such block.
fn block<'a>(text: &'a str, head: &str) -> Vec<&'a str> {
    let mut lines = text.lines().skip_while(|line| !line.ends_with(head));
    let Some(first) = lines.next() else { return Vec::new() };
    let indent = first.len() - first.trim_start().len();
    let closes = |line: &str| line.trim() == "}" && line.len() == indent + 1;
    lines.take_while(|line| !closes(line)).collect()
}

/// `"name" => Type`, as macros declare it.
fn declared(line: &str) -> Option<String> {
    let (name, _) = line.trim().split_once("\" => ")?;
    name.strip_prefix('"').map(str::to_owned)
}

/// The kinds of events.
pub(super) fn events() -> Vec<String> {
    let sources = sources();
    let lines = sources.iter().flat_map(|text| block(text, "events! {"));
    let names: Vec<_> = lines.filter_map(declared).map(|kind| format!("event.{kind}")).collect();
    assert!(names.len() >= 6, "the kinds of events are no longer declared where this looks: {names:?}");
    names
}

/// The tags of an enum of frames: `"tag" => Variant`, or variants that are called like their tags. Not what stands for an
/// unknown one.
pub(super) fn tags(frames: &str) -> Vec<String> {
    let sources = sources();
    let head = format!("{frames} {{");
    let blocks: Vec<_> =
        sources.iter().map(|text| block(text, &head)).filter(|block| !block.is_empty()).collect();
    let lines = blocks.first().expect("the enum's definition");
    let by_macro: Vec<_> = lines.iter().filter_map(|line| declared(line)).collect();
    let variant = |line: &&str| {
        let name = line.strip_prefix("    ").filter(|name| name.starts_with(char::is_uppercase))?;
        Some(snake(name.trim_end_matches([' ', '{', ','])))
    };
    let tags = if by_macro.is_empty() { lines.iter().filter_map(variant).collect() } else { by_macro };
    let tags: Vec<String> = tags.into_iter().filter(|tag| tag != "unknown").collect();
    assert!(tags.len() >= 5, "the tags of {frames} are no longer declared where this looks: {tags:?}");
    tags
}

/// What crosses the wire in bodies: structs that OpenAPI describes.
pub(super) fn bodies() -> Vec<String> {
    let mut names = Vec::new();
    for text in sources() {
        for item in text.split("derive(utoipa::ToSchema))]\n").skip(1) {
            let declared = item.lines().find(|line| line.starts_with("pub ")).unwrap_or_default();
            if let Some(name) = declared.strip_prefix("pub struct ").and_then(|line| line.strip_suffix(" {"))
            {
                names.push(format!("body.{}", snake(name)));
            }
        }
    }
    assert!(names.len() >= 17, "the bodies are no longer declared where this looks: {names:?}");
    names
}

/// The codes of errors, but for the one that stands for those of later servers.
pub(super) fn error_codes() -> Vec<String> {
    let sources = sources();
    let of_codes = sources.iter().filter(|text| text.contains("pub enum ErrorCode {"));
    let lines = of_codes.flat_map(|text| block(text, "pub fn as_str(self) -> &'static str {"));
    let codes = lines.filter_map(|line| line.trim().strip_prefix("Self::")?.split_once(" => \""));
    let codes = codes.map(|(_, code)| code.trim_end_matches(['"', ',']).to_owned());
    codes.filter(|code| code != "unknown").collect()
}

fn snake(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}
