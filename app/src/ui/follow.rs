//! Views that follow what they read. One type for all that draw alike: the code that leptos writes around a closure, once
//! for each type, is in the wasm a few times then, not as often as there are closures.

use leptos::prelude::*;
use std::sync::{Arc, Mutex};

/// A value that is made anew whenever something that it reads changes.
type Following<T> = Arc<Mutex<dyn FnMut() -> T + Send>>;

/// A view that is drawn anew whenever something that it reads changes.
pub fn follow<V: IntoView>(mut view: impl FnMut() -> V + Send + 'static) -> Following<AnyView> {
    Arc::new(Mutex::new(move || view().into_any()))
}

/// A text that changes and is now and then empty, for the `textContent` of the element that has it: the stylesheet knows
/// by that when there is none. The server writes nothing there.
pub fn text(text: impl FnMut() -> String + Send + 'static) -> Following<String> {
    Arc::new(Mutex::new(text))
}

/// A text that changes, in an element of its own. The browser sets it as the content of that element: programs that
/// translate pages put text nodes of theirs in the place of the page's, where no change would be seen.
#[cfg(feature = "hydrate")]
pub fn words(said: impl FnMut() -> String + Send + 'static) -> AnyView {
    view! { <span prop:textContent=text(said)></span> }.into_any()
}

/// As the server writes it.
#[cfg(not(feature = "hydrate"))]
pub fn words(mut said: impl FnMut() -> String + Send + 'static) -> AnyView {
    view! { <span>{said()}</span> }.into_any()
}
