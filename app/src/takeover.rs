//! The moment at which the page comes alive: what the browser draws takes the place of what the server wrote.
//!
//! The page is drawn from the model, and asks nothing of the document that the server wrote: a translation or an extension
//! may have changed it beyond recognition. What the person has done there meanwhile is carried over: where the keyboard
//! is, what was typed, how far was scrolled. `shell/start.js` waits until no word is being composed and no key of the
//! mouse is down.

use leptos::{
    prelude::document,
    wasm_bindgen::JsCast,
    web_sys::{Element, HtmlElement, HtmlTextAreaElement, NodeList},
};

/// What scrolls by itself.
const SCROLLERS: [&str; 2] = [".list", ".log"];
/// Where text is typed.
const FIELD: &str = "textarea";

/// Removes the page that the server wrote, and carries over to `drawn` what the person did there.
pub(crate) fn take_over(drawn: &Element) {
    for written in pages() {
        if written != *drawn {
            carry_over(&written, drawn);
            written.remove();
        }
    }
}

fn pages() -> Vec<Element> {
    elements(document().query_selector_all("main").ok())
}

fn elements(found: Option<NodeList>) -> Vec<Element> {
    let Some(found) = found else { return Vec::new() };
    (0..found.length()).filter_map(|index| found.item(index)?.dyn_into().ok()).collect()
}

/// The same element in another drawing of the page: messages may share what they are called, so it is counted which of
/// them it is.
fn counterpart_of(active: &Element, written: &Element, drawn: &Element) -> Option<Element> {
    let selector = selector_of(active)?;
    let all = |page: &Element| elements(page.query_selector_all(&selector).ok());
    let index = all(written).iter().position(|element| element == active)?;
    all(drawn).into_iter().nth(index)
}

fn carry_over(written: &Element, drawn: &Element) {
    let places = SCROLLERS.map(|selector| (selector, find(written, selector).map(|list| list.scroll_top())));
    carry_text(written, drawn);
    let active = document().active_element().filter(|active| written.contains(Some(active)));
    let counterpart = active.and_then(|active| counterpart_of(&active, written, drawn));
    if let Some(element) = counterpart.and_then(|element| element.dyn_into::<HtmlElement>().ok()) {
        let _ = element.focus();
    }
    // After the focus, which may scroll.
    for (selector, place) in places {
        if let Some((element, place)) = find(drawn, selector).zip(place) {
            element.set_scroll_top(place);
        }
    }
}

fn carry_text(written: &Element, drawn: &Element) {
    let field = |page| find(page, FIELD)?.dyn_into::<HtmlTextAreaElement>().ok();
    let Some((from, to)) = field(written).zip(field(drawn)) else { return };
    if from.value().is_empty() {
        return;
    }
    to.set_value(&from.value());
    let (start, end) = (from.selection_start().ok().flatten(), from.selection_end().ok().flatten());
    if let Some((start, end)) = start.zip(end) {
        let _ = to.set_selection_range(start, end);
    }
    to.set_scroll_top(from.scroll_top());
}

fn find(page: &Element, selector: &str) -> Option<Element> {
    page.query_selector(selector).ok().flatten()
}

/// By what the same element is found in another drawing of the page.
fn selector_of(element: &Element) -> Option<String> {
    let quoted = |text: String| text.replace('\\', "\\\\").replace('"', "\\\"");
    let by = |name: &str| Some(format!("[{name}=\"{}\"]", quoted(element.get_attribute(name)?)));
    // The whole of what was read may have been focused, to scroll it.
    let scroller = || SCROLLERS.into_iter().find(|scroller| element.matches(scroller).unwrap_or(false));
    ["id", "href", "aria-label"].into_iter().find_map(by).or_else(|| scroller().map(str::to_owned))
}
