//! The link that one sends to others, so that they write.

use super::Desk;
use crate::route::Route;
use crate::ui::event::handler;
use crate::ui::icon::Icon;
use leptos::prelude::*;
use std::time::Duration;

/// How long the button says that it has copied.
const COPIED_FOR: Duration = Duration::from_secs(2);

/// One's own link, and a button that copies it.
#[component]
pub(super) fn OwnLink() -> impl IntoView {
    let desk = expect_context::<Desk>();
    let path = Route::Conversations { to: Some(desk.viewer().username.to_string()) }.to_string();
    // The server does not know by which name it is reached.
    let (link, set_link) = signal(path.clone());
    let copied = RwSignal::new(false);
    Effect::new(move |_| {
        let origin = window().location().origin().unwrap_or_default();
        set_link.set(format!("{origin}{path}"));
    });
    let copy = move |_| {
        let _ = window().navigator().clipboard().write_text(&link.get_untracked());
        copied.set(true);
        set_timeout(move || copied.set(false), COPIED_FOR);
    };
    view! {
        <div class="own-link">
            <p class="own-link-address" dir="ltr">{move || link.get()}</p>
            <button class="button" type="button" on:click=handler(copy)>
                {Icon::Link.view()} <span>{move || if copied.get() { "Copied" } else { "Copy your link" }}</span>
            </button>
        </div>
    }
}
