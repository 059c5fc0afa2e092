//! The dot on a picture.

use crate::client::Signs;
use leptos::prelude::*;

/// Shown while the other one of a conversation of two is online.
#[component]
pub(crate) fn OnlineDot(
    /// Of the conversation.
    signs: ArcRwSignal<Signs>,
) -> impl IntoView {
    let online = Memo::new(move |_| signs.with(|signs| signs.peer.is_some_and(|peer| peer.online)));
    move || {
        online
            .get()
            .then(|| view! { <span class="online-dot" role="img" aria-label="Online" title="Online"></span> })
    }
}
