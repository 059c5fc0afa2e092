//! What a browser loads at its first visit: the page, and what the page names.

use crate::client::http::{Answer, Ask, Http};
use crate::limits::ASSETS_MAX;
use crate::number::count;
use anyhow::{Result, bail};
use hyper::header::{CONTENT_ENCODING, LOCATION};
use std::{collections::BTreeSet, net::SocketAddr};

/// A file that was loaded.
pub(crate) struct Asset {
    /// Where it lies.
    pub(crate) path: String,
    /// How it was compressed.
    pub(crate) encoding: String,
    /// Its bytes over the wire, without headers.
    pub(crate) bytes: u64,
}

/// Redirects that are followed until a page is there.
const REDIRECTS_MAX: usize = 4;
/// What a current browser asks for.
const ENCODINGS: &str = "gzip, deflate, br, zstd";
/// What a page names that a browser does not load with it.
const NOT_LOADED: [&str; 2] = ["canonical", "alternate"];

/// Loads the first page and everything that it names.
pub(crate) async fn first(address: SocketAddr) -> Result<Vec<Asset>> {
    let mut http = Http::connect(address).await?;
    let mut path = String::from("/");
    let mut page = load(&mut http, &path).await?;
    for _ in 0..REDIRECTS_MAX {
        let Some(to) = page.headers.get(LOCATION) else { break };
        path = to.to_str()?.to_owned();
        page = load(&mut http, &path).await?;
    }
    anyhow::ensure!(page.status.is_success(), "the first page answers {}", page.status);
    // Read once more without compression, to see what it names.
    let plain = http.ask(Ask::get(&path)).await?;
    let named = named(&String::from_utf8_lossy(&plain.body));
    anyhow::ensure!(named.len() <= ASSETS_MAX, "the first page names {} files", named.len());
    let mut assets = vec![asset(path, &page)];
    for path in named {
        let answer = load(&mut http, &path).await?;
        if !answer.status.is_success() {
            bail!("the first page names {path}, which answers {}", answer.status);
        }
        assets.push(asset(path, &answer));
    }
    Ok(assets)
}

async fn load(http: &mut Http, path: &str) -> Result<Answer> {
    http.ask(Ask { encodings: Some(ENCODINGS), ..Ask::get(path) }).await
}

fn asset(path: String, answer: &Answer) -> Asset {
    let encoding =
        answer.headers.get(CONTENT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or("none");
    Asset { path, encoding: encoding.into(), bytes: count(answer.body.len()) }
}

/// Paths on this server in `href` of links and `src` of anything, and in the imports of inline scripts.
fn named(html: &str) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    for tag in html.split('<').filter_map(|rest| rest.split('>').next()) {
        let linked = tag.starts_with("link") && !NOT_LOADED.iter().any(|rel| tag.contains(rel));
        let name = if linked { "href=" } else { "src=" };
        paths.extend(tag.split(name).skip(1).filter_map(quoted));
    }
    for inline in html.split("import(").skip(1) {
        paths.extend(quoted(inline));
    }
    paths.retain(|path| path.starts_with('/') && !path.starts_with("//"));
    paths
}

/// The text in the quotes that it begins with.
fn quoted(text: &str) -> Option<String> {
    let quote = text.chars().next().filter(|first| matches!(first, '"' | '\'' | '`'))?;
    Some(text[1..].split(quote).next()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_names_its_styles_scripts_and_imports_once() {
        let html = r#"<head><link rel="stylesheet" href="/pkg/a.css"><link rel="modulepreload" href="/pkg/a.js">
            <link rel="preload" href='/pkg/a.wasm' as="fetch"><link rel="canonical" href="/elsewhere">
            <script type="module">import("/pkg/a.js").then(m => m)</script>
            <a href="/conversations">x</a><img src="https://example.org/x.png"><img src="/icon.svg"></head>"#;
        let all: Vec<String> = named(html).into_iter().collect();
        assert_eq!(all, ["/icon.svg", "/pkg/a.css", "/pkg/a.js", "/pkg/a.wasm"]);
    }
}
