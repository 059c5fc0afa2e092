//! What is done at events.

/// A handler of one type for all that take the same event. The code that leptos writes around a handler, once for each
/// type, is in the wasm a few times then, not as often as there are handlers.
pub fn handler<E>(handle: impl FnMut(E) + 'static) -> Box<dyn FnMut(E)> {
    Box::new(handle)
}
