//! The HTML document around every page.

use crate::account;
use crate::app::App;
use crate::page::{AssetPath, MODEL_ELEMENT_ID, PageModel};
use crate::title::document_title;
use leptos::{nonce::use_nonce, prelude::*};

/// A text as HTML. Not left to the view, which writes markers after a text: in a title they would be seen.
fn text(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// Starts the page in the browser, and says so where that fails. `SCRIPT` and `WASM` are the addresses of both.
const START: &str = include_str!("shell/start.js");

/// The whole document. Reads the [`PageModel`], the [`AssetPath`] and the nonce from the context.
pub fn shell() -> impl IntoView {
    let model = use_context::<PageModel>().unwrap_or_default();
    let AssetPath(assets) = use_context::<AssetPath>().unwrap_or(AssetPath("/pkg".into()));
    let (script, wasm) = (format!("{assets}/kafkatalk.js"), format!("{assets}/kafkatalk_bg.wasm"));
    let parts = format!("{assets}/kafkatalk_parts.js");
    // Both paths are our own; written as JSON they are JavaScript strings.
    let (start, model_json) = if model.is_live() {
        let start = format!("const SCRIPT={script:?},WASM={wasm:?};{START}");
        (start, Some(model.to_script_json().unwrap_or_default()))
    } else {
        (format!("const NEXT=[{script:?},{parts:?},{wasm:?}];{}", account::SCRIPT), None)
    };
    let no_script = model_json.is_some().then(|| {
        view! {
            <noscript>
                <p class="stopped" role="alert">
                    "Without JavaScript you can read here, but not write. Reload the page to see what is new."
                </p>
            </noscript>
        }
    });
    let preloads = model_json.map(|json| {
        view! {
            <link rel="modulepreload" href=script nonce=use_nonce() />
            <link rel="modulepreload" href=parts nonce=use_nonce() />
            <link rel="preload" href=wasm r#as="fetch" r#type="application/wasm" crossorigin="anonymous" />
            <script id=MODEL_ELEMENT_ID r#type="application/json" inner_html=json></script>
        }
    });
    view! {
        <!DOCTYPE html>
        <html lang="en">
            <head>
                <meta charset="utf-8" />
                <title inner_html=text(&document_title(&model))></title>
                <meta
                    name="viewport"
                    content="width=device-width, initial-scale=1, viewport-fit=cover, interactive-widget=resizes-content"
                />
                <meta name="description" content="Private messages that stay yours: kept in order, on your own server." />
                <meta name="color-scheme" content="light dark" />
                <meta name="theme-color" content="#f8f6f2" media="(prefers-color-scheme: light)" />
                <meta name="theme-color" content="#171614" media="(prefers-color-scheme: dark)" />
                <meta name="mobile-web-app-capable" content="yes" />
                <meta name="referrer" content="same-origin" />
                <link rel="stylesheet" href=format!("{assets}/kafkatalk.css") />
                <link rel="icon" href="/favicon.svg" r#type="image/svg+xml" />
                <link rel="apple-touch-icon" href="/apple-touch-icon.png" />
                <link rel="manifest" href="/manifest.webmanifest" />
                {preloads}
                <script r#type="module" nonce=use_nonce() inner_html=start></script>
            </head>
            <body>
                {no_script}
                <App />
            </body>
        </html>
    }
}
