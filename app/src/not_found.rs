//! The page for addresses that name nothing.

use crate::ui::icon::Logo;
use leptos::prelude::*;

/// Says so, and leads on.
#[component]
pub fn NotFoundPage() -> impl IntoView {
    view! {
        <main class="blank">
            <Logo />
            <h1>"Page not found"</h1>
            <p>"The address may have a typing mistake, or the page is gone."</p>
            <a class="button button-primary" href="/conversations">"Go to your conversations"</a>
        </main>
    }
}
