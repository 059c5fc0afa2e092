//! Where one writes.

use crate::ui::icon::Icon;
use leptos::prelude::*;

#[component]
pub(super) fn Composer() -> impl IntoView {
    view! {
        <footer class="composer">
            <div class="composer-field">
                <textarea aria-label="Message" placeholder="Message" rows="1" dir="auto" enterkeyhint="send"></textarea>
            </div>
            <button class="button-send" type="button" aria-label="Send" title="Send">
                {Icon::Send.view()}
            </button>
        </footer>
    }
}
