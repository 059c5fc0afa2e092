//! Parts of the page whose code is fetched when they are first used.
//!
//! A part is a function that returns what draws it, under `wasm_split`, which names the part:
//!
//! ```ignore
//! #[wasm_split(find, wasm_split_path = ::leptos::wasm_split, fallible)]
//! fn find_panel() -> Result<Draw, Missing> {
//!     Ok(|| view! { <FindPanel /> }.into_any())
//! }
//! ```
//!
//! Only what nothing else reaches goes into the part; the builder says what each weighs (`make test ARGS=site`). The server
//! writes the words that stand in the part's place: it is drawn in the browser alone.

use crate::ui::escape::OnEscape;
use crate::ui::event::handler;
use crate::ui::follow::follow;
use crate::ui::icon::Icon;
use leptos::{prelude::*, task::spawn_local, wasm_split::SplitLoaderError};
use std::{future::Future, pin::Pin};

/// Draws a part, once its code is there.
pub type Draw = fn() -> AnyView;

/// A part's code on its way.
pub type Fetching = Pin<Box<dyn Future<Output = Result<Draw, Missing>>>>;

/// A part's code could not be fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing;

impl From<SplitLoaderError> for Missing {
    fn from(_: SplitLoaderError) -> Self {
        Self
    }
}

/// A part that is fetched when it is first shown. Where it cannot be fetched, it says so and offers to try again and to
/// reload; a page whose build the server no longer has reloads by itself, once.
#[component]
pub fn Deferred(
    /// Fetches it.
    fetch: fn() -> Fetching,
    /// What stands in its place until then.
    words: &'static str,
) -> impl IntoView {
    let part = RwSignal::new(None::<Result<Draw, Missing>>);
    let ask = move || {
        part.set(None);
        spawn_local(async move {
            let fetched = fetch().await;
            if fetched.is_err() {
                reload_if_replaced().await;
            }
            // Nobody may be waiting any more.
            part.try_set(Some(fetched));
        });
    };
    Effect::new(move |_| ask());
    follow(move || match part.get() {
        None => view! { <p class="deferred" role="status">{words}</p> }.into_any(),
        Some(Ok(draw)) => draw(),
        Some(Err(Missing)) => view! {
            <div class="deferred">
                <p role="alert">{Icon::Alert.view()} <span>"Couldn't load this part of the page."</span></p>
                <button class="button" type="button" on:click=handler(move |_| ask())>
                    "Try again"
                </button>
                <button class="button-quiet" type="button" on:click=handler(|_| reload())>
                    "Reload the page"
                </button>
            </div>
        }
        .into_any(),
    })
}

/// The same, as a panel that opens and closes, also by Escape.
#[component]
pub fn DeferredPanel(
    /// Whether it is open.
    #[prop(into)]
    open: Signal<bool>,
    /// Closes it.
    #[prop(into)]
    close: Callback<()>,
    /// Fetches it.
    fetch: fn() -> Fetching,
    /// What stands in its place until then.
    words: &'static str,
) -> impl IntoView {
    follow(move || {
        open.get().then(|| {
            view! {
                <OnEscape run=close />
                <Deferred fetch words />
            }
        })
    })
}

fn reload() {
    // A browser that refuses leaves the page as it is.
    let _ = location().reload();
}

#[cfg(feature = "hydrate")]
use crate::browser::build::reload_if_replaced;

/// There is no build to be replaced here.
#[cfg(not(feature = "hydrate"))]
fn reload_if_replaced() -> std::future::Ready<()> {
    std::future::ready(())
}
