//! Copying a text.

use super::event::handler;
use super::follow::words;
use super::icon::Icon;
#[cfg(feature = "hydrate")]
use crate::browser::clipboard::copy;
use leptos::{prelude::*, task::spawn_local};
use std::time::Duration;

/// How long the button says what came of it.
const WORDS_FOR: Duration = Duration::from_secs(3);

/// There is no clipboard here, and nobody who presses.
#[cfg(not(feature = "hydrate"))]
fn copy(_text: &str) -> std::future::Ready<bool> {
    std::future::ready(false)
}

/// A button that copies a text, and says what came of it.
#[component]
pub fn CopyButton(
    /// The text.
    #[prop(into)]
    text: Signal<String>,
    /// What the button is called.
    label: &'static str,
    /// Stands before that.
    icon: Icon,
) -> impl IntoView {
    let said = RwSignal::new(label);
    let press = move |_| {
        let text = text.get_untracked();
        spawn_local(async move {
            let copied = copy(&text).await;
            said.try_set(if copied { "Copied" } else { "Select the text above and copy it" });
            set_timeout(
                move || {
                    said.try_set(label);
                },
                WORDS_FOR,
            );
        });
    };
    view! {
        <button class="button" type="button" on:click=handler(press)>
            {icon.view()}
            {words(move || said.get().to_owned())}
        </button>
    }
}
