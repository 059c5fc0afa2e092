//! Escape closes what was opened last, wherever the keyboard is: it may not be there yet.

use leptos::{ev, prelude::*};

/// What Escape closes, the newest last.
#[derive(Clone, Copy, Default)]
struct Opened(StoredValue<Vec<Close>>);

/// Told apart by which it is.
type Close = StoredValue<Callback<()>>;

/// For everything below. What has use for Escape itself prevents the default, as a text that is being edited does.
pub fn provide() {
    let opened = Opened::default();
    provide_context(opened);
    Effect::new(move |_| {
        let listener = window_event_listener(ev::keydown, move |event| {
            if event.key() != "Escape" || event.default_prevented() || is_taken_by_input_method(&event) {
                return;
            }
            // Not held on to while it closes, which takes it off the list.
            if let Some(close) = opened.0.with_value(|opened| opened.last().copied()) {
                event.prevent_default();
                close.get_value().run(());
            }
        });
        on_cleanup(move || listener.remove());
    });
}

/// Whether a key is a step of an input method, which Safari tells by the code alone for the key that ends it.
pub fn is_taken_by_input_method(event: &ev::KeyboardEvent) -> bool {
    /// What a key press has that is part of writing with an input method.
    const CODE: u32 = 229;
    event.is_composing() || event.key_code() == CODE
}

/// Keeps the Enter that ends a word of an input method from sending the form around a field.
pub fn keep_from_form(event: &ev::KeyboardEvent) {
    if event.key() == "Enter" && is_taken_by_input_method(event) {
        event.prevent_default();
    }
}

/// As long as it is shown, Escape does this.
#[component]
pub fn OnEscape(
    /// Closes what it is shown in.
    run: Callback<()>,
) -> impl IntoView {
    let Opened(opened) = expect_context();
    let close = StoredValue::new(run);
    opened.update_value(|opened| opened.push(close));
    on_cleanup(move || {
        // Where the page itself is gone, so is the list.
        opened.try_update_value(|opened| opened.retain(|other| *other != close));
    });
}
