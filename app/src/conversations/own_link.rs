//! The link that one sends to others, so that they write.

use super::Desk;
use crate::route::Route;
use crate::ui::icon::Icon;
use leptos::{prelude::*, task::spawn_local};
use std::time::Duration;

/// How long the button says what came of it.
const WORDS_FOR: Duration = Duration::from_secs(3);

const COPY: &str = "Copy your link";

/// Copies; where that cannot be, says how to.
async fn copy(link: &str) -> &'static str {
    #[cfg(feature = "hydrate")]
    let copied = crate::browser::api::copy(link).await;
    #[cfg(not(feature = "hydrate"))]
    let copied = link.is_empty();
    if copied { "Copied" } else { "Select the link above and copy it" }
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
            words.try_set(copy(&address).await);
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
            <p class="own-link-address" dir="ltr">{link}</p>
            <button class="button" type="button" on:click=copy>
                {Icon::Link.view()} <span>{words}</span>
            </button>
        </div>
    }
}
