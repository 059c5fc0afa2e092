//! Where the keyboard is.

use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys::{Element, Event, FocusEvent, HtmlElement, Node};

/// A step among elements that follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The one after.
    Next,
    /// The one before.
    Previous,
    /// The first one.
    First,
    /// The last one.
    Last,
}

impl Step {
    /// Where the step leads among `count`; from nowhere it leads to the nearer end.
    pub fn from(self, current: Option<u32>, count: u32) -> Option<u32> {
        let last = count.checked_sub(1)?;
        Some(match (self, current) {
            (Self::First, _) | (Self::Next, None) => 0,
            (Self::Last, _) | (Self::Previous, None) => last,
            (Self::Next, Some(at)) => (at + 1).min(last),
            (Self::Previous, Some(at)) => at.saturating_sub(1),
        })
    }
}

/// Moves the keyboard among the elements that match, inside the element that listens. True where it moved.
pub fn move_among(event: &Event, selector: &str, step: Step) -> bool {
    let Some(listener) = event.current_target().and_then(|target| target.dyn_into::<Element>().ok()) else {
        return false;
    };
    let Ok(found) = listener.query_selector_all(selector) else { return false };
    let active: Option<Node> = document().active_element().map(Into::into);
    let current = (0..found.length()).find(|index| {
        found
            .item(*index)
            .is_some_and(|node| active.as_ref().is_some_and(|active| node.contains(Some(active))))
    });
    let target = step.from(current, found.length()).and_then(|index| found.item(index));
    target.and_then(|node| node.dyn_into::<HtmlElement>().ok()).is_some_and(|element| element.focus().is_ok())
}

/// Scrolls to the first element that matches.
pub fn bring_into_view(selector: &str) {
    if let Ok(Some(element)) = document().query_selector(selector) {
        element.scroll_into_view_with_bool(false);
    }
}

/// Puts the keyboard on the first element that matches, once the page has been drawn.
pub fn focus_soon(selector: String) {
    request_animation_frame(move || {
        focus_now(&selector);
    });
}

/// The same at once. False where there is none.
pub fn focus_now(selector: &str) -> bool {
    let found = document().query_selector(selector).ok().flatten();
    let element = found.and_then(|element| element.dyn_into::<HtmlElement>().ok());
    element.is_some_and(|element| element.focus().is_ok())
}

/// Puts the keyboard on the element that matches around the one that listens.
pub fn focus_around(event: &Event, selector: &str) {
    let listener = event.current_target().and_then(|target| target.dyn_into::<Element>().ok());
    let around = listener.and_then(|element| element.closest(selector).ok().flatten());
    if let Some(element) = around.and_then(|element| element.dyn_into::<HtmlElement>().ok()) {
        let _ = element.focus();
    }
}

/// Whether the keyboard is anywhere in the page.
pub fn has_focus() -> bool {
    document().active_element().is_some_and(|active| active.tag_name() != "BODY")
}

/// Whether the keyboard leaves the element that listens.
pub fn leaves(event: &FocusEvent) -> bool {
    let inside = event.current_target().zip(event.related_target()).is_some_and(|(from, to)| {
        let (from, to) = (from.dyn_into::<Node>().ok(), to.dyn_into::<Node>().ok());
        from.is_some_and(|from| from.contains(to.as_ref()))
    });
    !inside
}

/// Whether the screen is touched: a field that takes the focus then covers half of the page by a keyboard on the screen,
/// whose Enter breaks lines. Where there is neither finger nor mouse, there is a keyboard.
pub fn is_touched() -> bool {
    window().match_media("(pointer: coarse)").ok().flatten().is_some_and(|query| query.matches())
}

#[cfg(test)]
mod tests {
    use super::Step;

    #[test]
    fn a_step_stays_within_the_ends() {
        for (step, from, to) in [
            (Step::Next, None, Some(0)),
            (Step::Next, Some(1), Some(2)),
            (Step::Next, Some(2), Some(2)),
            (Step::Previous, Some(0), Some(0)),
            (Step::Previous, None, Some(2)),
            (Step::First, Some(2), Some(0)),
            (Step::Last, Some(0), Some(2)),
        ] {
            assert_eq!(step.from(from, 3), to, "{step:?} from {from:?}");
        }
        assert_eq!(Step::Next.from(None, 0), None);
    }
}
