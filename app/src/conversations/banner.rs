//! How the connection stands, where that matters.

use leptos::prelude::*;

/// Says so when there is no connection; silent otherwise.
#[component]
pub(super) fn ConnectionBanner() -> impl IntoView {
    view! { <div class="banner-place" role="status"></div> }
}
