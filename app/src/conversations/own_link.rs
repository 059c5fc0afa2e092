//! The link that one sends to others, so that they write.

use crate::desk::Desk;
use crate::route::Route;
use crate::ui::copy::CopyButton;
use crate::ui::follow::words;
use crate::ui::icon::Icon;
use leptos::prelude::*;

/// One's own link, and a button that copies it.
#[component]
pub(super) fn OwnLink() -> impl IntoView {
    let desk = expect_context::<Desk>();
    let path = Route::Conversations { to: Some(desk.viewer().username.to_string()) }.to_string();
    // The server does not know by which name it is reached.
    let link = RwSignal::new(path.clone());
    Effect::new(move |_| {
        let origin = window().location().origin().unwrap_or_default();
        link.set(format!("{origin}{path}"));
    });
    view! {
        <div class="own-link">
            <p class="own-link-address" dir="ltr">{words(move || link.get())}</p>
            <CopyButton text=link label="Copy your link" icon=Icon::Link />
        </div>
    }
}
