//! The front end, embedded in release builds and read from disk in debug builds.
//!
//! Scripts and styles live under a path that holds a hash of all of them, so browsers may keep them for ever and never
//! mix two versions.

use super::problem::Refusal;
use axum::{
    body::Body,
    extract::{Path, State as Shared, rejection::PathRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use axum_extra::headers::{ETag, HeaderMapExt as _, IfNoneMatch};
use data_encoding::HEXLOWER;
use rust_embed::{EmbeddedFile, RustEmbed};
use sha2::{Digest, Sha256};
use std::{borrow::Cow, sync::Arc};

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
    path: Result<Path<(String, String)>, PathRejection>,
    headers: HeaderMap,
) -> Response {
    let Ok(Path((version, file))) = path else { return not_there() };
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
    let file = File {
        etag: etag(&plain),
        media_type: media_type(path),
        plain: plain.data,
        compressed: || Some(Site::get(&format!("{path}.br"))?.data),
    };
    file.answer(cache, headers)
}

/// A file, and how to come by its form that is compressed by Brotli, where there is one.
struct File<C> {
    etag: Option<ETag>,
    media_type: &'static str,
    plain: Cow<'static, [u8]>,
    compressed: C,
}

impl<C: FnOnce() -> Option<Cow<'static, [u8]>>> File<C> {
    fn answer(self, cache: &'static str, headers: &HeaderMap) -> Response {
        let mut response = Response::default();
        let out = response.headers_mut();
        out.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
        out.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        // Compared weakly: a proxy that compresses makes tags weak.
        let known = headers.typed_get::<IfNoneMatch>().zip(self.etag.as_ref());
        let is_known = known.is_some_and(|(known, etag)| !known.precondition_passes(etag));
        if let Some(etag) = self.etag {
            out.typed_insert(etag);
        }
        if is_known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return response;
        }
        out.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.media_type));
        let accepts =
            headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let takes_brotli = accepts.split(',').any(|part| part.trim().split(';').next() == Some("br"));
        let data = match takes_brotli.then(self.compressed).flatten() {
            Some(compressed) => {
                out.insert(header::CONTENT_ENCODING, HeaderValue::from_static("br"));
                compressed
            }
            None => self.plain,
        };
        *response.body_mut() = Body::from(data);
        response
    }
}

/// What this build does not have another may: nobody keeps that answer.
fn not_there() -> Response {
    ([(header::CACHE_CONTROL, "no-store")], Refusal::not_found()).into_response()
}

fn etag(file: &EmbeddedFile) -> Option<ETag> {
    // Hex digits in quotes are always a tag.
    format!("\"{}\"", HEXLOWER.encode(&file.metadata.sha256_hash()[..ETAG_BYTES])).parse().ok()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(headers: &[(header::HeaderName, &'static str)]) -> Response {
        let headers = headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value)));
        let file = File {
            etag: "\"00ff\"".parse().ok(),
            media_type: "text/css",
            plain: Cow::Borrowed(b"plain"),
            compressed: || Some(Cow::Borrowed(b"br".as_slice())),
        };
        file.answer("no-cache", &headers.collect())
    }

    #[test]
    fn whoever_holds_a_file_is_told_that_it_is_the_same_whichever_way_they_name_its_tag() {
        for (known, same) in [
            ("\"00ff\"", true),
            ("W/\"00ff\"", true),
            ("\"other\", W/\"00ff\"", true),
            ("*", true),
            ("\"other\"", false),
            ("00ff", false),
        ] {
            let answer = asked(&[(header::IF_NONE_MATCH, known)]);
            let expected = if same { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
            assert_eq!(answer.status(), expected, "{known}");
            // What a cache needs to go on with what it holds.
            for (name, value) in [
                (header::ETAG, "\"00ff\""),
                (header::CACHE_CONTROL, "no-cache"),
                (header::VARY, "accept-encoding"),
            ] {
                assert_eq!(answer.headers()[&name], value, "{known}: {name}");
            }
        }
    }

    #[test]
    fn a_browser_that_takes_brotli_gets_it() {
        for (accepts, encoding) in [("gzip, br;q=0.9", Some("br")), ("gzip", None), ("", None)] {
            let answer = asked(&[(header::ACCEPT_ENCODING, accepts)]);
            let found = answer.headers().get(header::CONTENT_ENCODING).map(|value| value.to_str().unwrap());
            assert_eq!(found, encoding, "{accepts}");
        }
    }
}
