//! Leaving the page.

use crate::route::{Route, safe_next};
use gloo_events::{EventListener, EventListenerOptions};
use js_sys::Reflect;
use leptos::prelude::{document, location, window};
use web_sys::Event;

/// The browser asks before it leaves the page, as long as this is held.
pub(super) fn ask_before_leaving() -> EventListener {
    let options = EventListenerOptions::enable_prevent_default();
    EventListener::new_with_options(&window(), "beforeunload", options, Event::prevent_default)
}

/// Whether something is being written.
fn is_typing() -> bool {
    let Some(active) = document().active_element() else { return false };
    let text = Reflect::get(&active, &"value".into()).ok().and_then(|value| value.as_string());
    text.is_some_and(|text| !text.is_empty())
}

/// Goes to the sign-in page, which leads back here. Whoever is writing something stays: the rest of it would land in
/// whatever field is next. They leave by themselves.
pub(super) fn go_to_sign_in_and_back() {
    if !is_typing() {
        go_to_sign_in(location().pathname().ok().and_then(|path| safe_next(&path)));
    }
}

/// Goes to the sign-in page, and on from there.
pub(super) fn go_to_sign_in(next: Option<String>) {
    // A browser that refuses leaves the page as it is, which shows nothing any more.
    let _ = location().set_href(&Route::SignIn { next }.to_string());
}
