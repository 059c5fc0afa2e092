//! The build of the front end that this page is of. The server may have been replaced by another since.

use gloo_net::http::{Method, RequestBuilder};
use leptos::prelude::{document, location, window};
use web_sys::RequestCache;

/// Under this key and the name of the script the browser's tab keeps for which builds it has reloaded. `shell/start.js` knows it as well.
const RELOADED_KEY: &str = "kafkatalk.reloaded";
const GONE: u16 = 404;

/// Reloads the page if the server no longer has its script: then it has no part of this build either. Once for a build:
/// behind a load balancer the next server may lack it as well.
pub(crate) async fn reload_if_replaced() {
    let link = document().query_selector("link[rel=modulepreload]").ok().flatten();
    let Some(script) = link.and_then(|link| link.get_attribute("href")) else { return };
    let look = RequestBuilder::new(&script).method(Method::HEAD).cache(RequestCache::NoStore).send();
    // Without a network nobody knows.
    if look.await.is_ok_and(|answer| answer.status() == GONE) && is_first_time(&script) {
        let _ = location().reload();
    }
}

/// Whether this tab has not reloaded for that build yet. Where that cannot be kept, a page might reload for ever.
fn is_first_time(script: &str) -> bool {
    let Ok(Some(storage)) = window().session_storage() else { return false };
    let key = format!("{RELOADED_KEY} {script}");
    storage.get_item(&key).ok().flatten().is_none() && storage.set_item(&key, "").is_ok()
}
