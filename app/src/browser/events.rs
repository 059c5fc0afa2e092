//! What the browser tells by itself: online and offline, visible and hidden, what other tabs store.

use super::{engine::Handle, store::Store};
use crate::client::Input;
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{Event, EventTarget, StorageEvent, VisibilityState};

/// A listener, for as long as it is held.
pub(super) struct Listener {
    target: EventTarget,
    name: &'static str,
    callback: Closure<dyn FnMut(Event)>,
}

impl Listener {
    fn add(target: &EventTarget, name: &'static str, react: impl FnMut(Event) + 'static) -> Self {
        let callback = Closure::new(react);
        let _ = target.add_event_listener_with_callback(name, callback.as_ref().unchecked_ref());
        Self { target: target.clone(), name, callback }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let callback = self.callback.as_ref().unchecked_ref();
        let _ = self.target.remove_event_listener_with_callback(self.name, callback);
    }
}

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
pub(super) fn listen(handle: &Handle, store: &Store) -> Vec<Listener> {
    let Some(window) = web_sys::window() else { return Vec::new() };
    let tell = |input: fn() -> Input| {
        let handle = handle.clone();
        move |_: Event| handle.tell(input())
    };
    let mut listeners = vec![
        Listener::add(&window, "online", tell(|| Input::Online(true))),
        Listener::add(&window, "offline", tell(|| Input::Online(false))),
        // A page that is put aside, or taken out again.
        Listener::add(&window, "pagehide", tell(|| Input::Visible(false))),
        Listener::add(&window, "pageshow", tell(|| Input::Visible(visible()))),
        Listener::add(&window, "storage", stored(handle.clone(), store.clone())),
    ];
    if let Some(document) = window.document() {
        let changed = tell(|| Input::Visible(visible()));
        listeners.push(Listener::add(&document, "visibilitychange", changed));
    }
    listeners
}

/// Another tab stored something.
fn stored(handle: Handle, store: Store) -> impl FnMut(Event) {
    move |event| {
        let Ok(event) = event.dyn_into::<StorageEvent>() else { return };
        let Some(key) = event.key() else { return };
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
