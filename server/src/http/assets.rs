//! The front end, embedded in release builds and read from disk in debug builds.
//!
//! Scripts and styles live under a path that holds a hash of all of them, so browsers may keep them for ever and never
//! mix two versions.

use super::problem::Refusal;
use axum::{
    body::Body,
    extract::{Path, State as Shared},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use data_encoding::HEXLOWER;
use rust_embed::{EmbeddedFile, RustEmbed};
use sha2::{Digest, Sha256};
use std::sync::Arc;

#[derive(RustEmbed)]
#[folder = "$KAFKATALK_SITE"]
#[allow_missing = true]
struct Site;

/// Folder of the site with what the page loads.
const PACKAGE: &str = "pkg";
/// Bytes of the hash of all files that stand in their path.
const VERSION_BYTES: usize = 6;
/// Bytes of a file's hash that stand in its entity tag.
const ETAG_BYTES: usize = 8;

/// The front end of this binary.
#[derive(Debug)]
pub struct Assets {
    version: String,
}

impl Assets {
    /// Looks what there is.
    pub fn load() -> Self {
        let mut hash = Sha256::new();
        let mut names: Vec<_> = Site::iter().collect();
        names.sort();
        for file in names.iter().filter_map(|name| Site::get(name)) {
            hash.update(file.metadata.sha256_hash());
        }
        Self { version: HEXLOWER.encode(&hash.finalize()[..VERSION_BYTES]) }
    }

    /// Where the page finds its scripts and styles.
    pub fn path(&self) -> String {
        format!("/{PACKAGE}/{}", self.version)
    }

    /// Whether a front end was built into this binary at all.
    pub fn is_there(&self) -> bool {
        Site::get(&format!("{PACKAGE}/kafkatalk.js")).is_some()
    }
}

/// `GET /pkg/{version}/{file}`.
pub async fn package(
    Shared(assets): Shared<Arc<Assets>>,
    Path((version, file)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    // A page of another version must load its own files or none.
    let current = version == assets.version;
    let cache =
        if current && !cfg!(debug_assertions) { "public, max-age=31536000, immutable" } else { "no-cache" };
    if !current && !cfg!(debug_assertions) {
        return not_there();
    }
    serve(&format!("{PACKAGE}/{file}"), cache, &headers)
}

/// Names of the files at the root: icons, the manifest.
pub fn root_files() -> Vec<String> {
    let is_served = |name: &std::borrow::Cow<'static, str>| !name.contains('/') && !name.ends_with(".br");
    Site::iter().filter(is_served).map(std::borrow::Cow::into_owned).collect()
}

/// One of them.
pub async fn root(uri: axum::http::Uri, headers: HeaderMap) -> Response {
    serve(uri.path().trim_start_matches('/'), "public, max-age=86400", &headers)
}

fn serve(path: &str, cache: &'static str, headers: &HeaderMap) -> Response {
    let Some(plain) = Site::get(path) else { return not_there() };
    let etag = etag(&plain);
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| *known == etag) {
        return StatusCode::NOT_MODIFIED.into_response();
    }
    let accepts =
        headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let takes_brotli = accepts.split(',').any(|part| part.trim().split(';').next() == Some("br"));
    let compressed = takes_brotli.then(|| Site::get(&format!("{path}.br"))).flatten();
    let is_compressed = compressed.is_some();
    let mut response = Response::new(Body::from(compressed.unwrap_or(plain).data));
    let out = response.headers_mut();
    if is_compressed {
        out.insert(header::CONTENT_ENCODING, HeaderValue::from_static("br"));
    }
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type(path)));
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    out.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    out.insert(header::ETAG, etag);
    response
}

/// What this build does not have another may: nobody keeps that answer.
fn not_there() -> Response {
    ([(header::CACHE_CONTROL, "no-store")], Refusal::not_found()).into_response()
}

fn etag(file: &EmbeddedFile) -> HeaderValue {
    let tag = HEXLOWER.encode(&file.metadata.sha256_hash()[..ETAG_BYTES]);
    HeaderValue::from_str(&format!("\"{tag}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("js") => "text/javascript; charset=utf-8",
        Some("wasm") => "application/wasm",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("webmanifest") => "application/manifest+json",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
