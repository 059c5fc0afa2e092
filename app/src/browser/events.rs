//! What the browser tells by itself: online and offline, visible and hidden, what other tabs store.

use super::{handle::Handle, store::Store};
use crate::client::Input;
use gloo_events::{EventListener, EventListenerOptions};
use js_sys::Reflect;
use wasm_bindgen::JsCast;
use web_sys::{Event, StorageEvent, VisibilityState};

/// Whether the device believes that it has a network, and whether the page is visible.
pub(super) fn standing() -> (bool, bool) {
    let Some(window) = web_sys::window() else { return (true, true) };
    (window.navigator().on_line(), visible())
}

fn visible() -> bool {
    let document = web_sys::window().and_then(|window| window.document());
    document.is_none_or(|document| document.visibility_state() == VisibilityState::Visible)
}

/// Listens.
pub(super) fn listen(handle: &Handle, store: &Store) -> Vec<EventListener> {
    let Some(window) = web_sys::window() else { return Vec::new() };
    let tell = |input: fn() -> Input| {
        let handle = handle.clone();
        move |_: &Event| handle.tell(input())
    };
    let mut listeners = vec![
        EventListener::new(&window, "online", tell(|| Input::Online(true))),
        EventListener::new(&window, "offline", tell(|| Input::Online(false))),
        // A page that is put aside, or taken out again.
        EventListener::new(&window, "pagehide", tell(|| Input::Visible(false))),
        EventListener::new(&window, "pageshow", shown(handle.clone(), store.clone())),
        EventListener::new(&window, "storage", stored(handle.clone(), store.clone())),
    ];
    for touch in ["pointerdown", "wheel", "keydown"] {
        // Before what it does, which may be to aim at something else.
        let first = EventListenerOptions::run_in_capture_phase();
        listeners.push(EventListener::new_with_options(&window, touch, first, tell(|| Input::Touched)));
    }
    if let Some(document) = window.document() {
        let changed = tell(|| Input::Visible(visible()));
        listeners.push(EventListener::new(&document, "visibilitychange", changed));
    }
    listeners
}

/// The page is shown. One that comes back as it was left did not hear what other tabs stored meanwhile.
fn shown(handle: Handle, store: Store) -> impl FnMut(&Event) {
    move |event| {
        if Reflect::get(event, &"persisted".into()).is_ok_and(|persisted| persisted.is_truthy()) {
            let (outbox, drafts) = store.load();
            for entry in outbox {
                handle.tell(Input::EntryStored(entry));
            }
            for (conversation, text) in drafts {
                handle.tell(Input::DraftStored(conversation, text));
            }
        }
        handle.tell(Input::Visible(visible()));
    }
}

/// Another tab stored something.
fn stored(handle: Handle, store: Store) -> impl FnMut(&Event) {
    move |event| {
        let Some(event) = event.dyn_ref::<StorageEvent>() else { return };
        let Some(key) = event.key() else { return };
        if let Some(conversation) = store.draft(&key) {
            return handle.tell(Input::DraftStored(conversation, event.new_value().unwrap_or_default()));
        }
        match event.new_value() {
            Some(value) => {
                if let Some(entry) = store.entry(&key, &value) {
                    handle.tell(Input::EntryStored(entry));
                }
            }
            None => {
                if let Some(id) = store.entry_id(&key) {
                    handle.tell(Input::EntryRemoved(id));
                }
            }
        }
    }
}
