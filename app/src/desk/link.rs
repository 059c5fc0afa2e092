//! Links between conversations.

use super::Desk;
use crate::route::Route;
use crate::ui::event::handler;
use leptos::prelude::*;

/// A link to a page of the desk. A plain click stays on the page; everything else is the browser's.
#[component]
pub fn RouteLink(
    /// Where to.
    route: Route,
    #[prop(into)] class: &'static str,
    /// Its name, where the content does not say it.
    #[prop(optional)]
    label: Option<&'static str>,
    /// Whether one may have come from there.
    #[prop(optional)]
    back: bool,
    /// Whether it leads to where one is.
    #[prop(optional, into)]
    current: Signal<bool>,
    children: Children,
) -> impl IntoView {
    let desk = expect_context::<Desk>();
    let href = route.to_string();
    let go = move |event: leptos::ev::MouseEvent| {
        let plain = event.button() == 0
            && !(event.ctrl_key() || event.meta_key() || event.shift_key() || event.alt_key());
        if plain {
            event.prevent_default();
            if back {
                desk.go_back_to(route.clone());
            } else {
                desk.go(route.clone());
            }
        }
    };
    let current = move || current.get().then_some("page");
    view! {
        <a class=class href=href aria-label=label aria-current=current on:click=handler(go)>
            {children()}
        </a>
    }
}
