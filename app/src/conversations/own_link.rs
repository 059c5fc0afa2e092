//! The link that one sends to others, so that they write.

#[cfg(feature = "hydrate")]
use crate::browser::clipboard::copy;
use crate::desk::Desk;
use crate::route::Route;
use crate::ui::event::handler;
use crate::ui::icon::Icon;
use leptos::{prelude::*, task::spawn_local};
use std::time::Duration;

/// How long the button says what came of it.
const WORDS_FOR: Duration = Duration::from_secs(3);

const COPY: &str = "Copy your link";

/// There is no clipboard here, and nobody who presses.
#[cfg(not(feature = "hydrate"))]
fn copy(_text: &str) -> std::future::Ready<bool> {
    std::future::ready(false)
}

/// One's own link, and a button that copies it.
#[component]
pub(super) fn OwnLink() -> impl IntoView {
    let desk = expect_context::<Desk>();
    let path = Route::Conversations { to: Some(desk.viewer().username.to_string()) }.to_string();
    // The server does not know by which name it is reached.
    let (link, set_link) = signal(path.clone());
    let words = RwSignal::new(COPY);
    Effect::new(move |_| {
        let origin = window().location().origin().unwrap_or_default();
        set_link.set(format!("{origin}{path}"));
    });
    let copy = move |_| {
        let address = link.get_untracked();
        spawn_local(async move {
            let copied = copy(&address).await;
            words.try_set(if copied { "Copied" } else { "Select the link above and copy it" });
            set_timeout(
                move || {
                    words.try_set(COPY);
                },
                WORDS_FOR,
            );
        });
    };
    view! {
        <div class="own-link">
            <p class="own-link-address" dir="ltr">{move || link.get()}</p>
            <button class="button" type="button" on:click=handler(copy)>
                {Icon::Link.view()} <span>{move || words.get()}</span>
            </button>
        </div>
    }
}
