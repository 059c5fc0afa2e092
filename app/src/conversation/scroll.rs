//! Where one reads in a conversation.
//!
//! The messages scroll in a column that is turned upside down, so that the browser itself keeps to the newest message
//! while one is there. Positions count from the end: 0 is the newest message, further up is negative.
//!
//! Further up the place is kept here, whatever comes or goes above and below: the topmost message in view is put back
//! to where it was before the next frame is drawn. (Browsers that anchor scrolling by themselves lose their anchor,
//! since a keyed list may take its elements out and put them in again.)

use crate::chat::Chat;
use crate::client::{Action, Edge};
use crate::desk::Desk;
use crate::ui::focus::{focus_soon, has_focus};
use leptos::{
    html::Div,
    prelude::*,
    wasm_bindgen::JsCast,
    web_sys::{Element, HtmlElement},
};

/// So near to the end one counts as there, in pixels.
const AT_END_PX: i32 = 48;
/// So far from an end of what is loaded more is asked for, in pixels.
const LOAD_AHEAD_PX: i32 = 1_200;
/// From so far up there is a way down, even where nothing is new, in pixels.
const FAR_UP_PX: i32 = 600;

/// A position, and what follows from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Position {
    /// Pixels below the view.
    below: i32,
    /// Pixels above the view.
    above: i32,
}

impl Position {
    fn new(scroll_top: i32, scroll_height: i32, client_height: i32) -> Self {
        let below = -scroll_top;
        Self { below: below.max(0), above: (scroll_height - client_height - below).max(0) }
    }

    fn at_end(self) -> bool {
        self.below <= AT_END_PX
    }
}

/// What is asked for at a position.
fn wanted(position: Position, earlier: Edge, later: Edge) -> Option<Action> {
    if position.above < LOAD_AHEAD_PX && earlier == Edge::More {
        Some(Action::LoadEarlier)
    } else if position.below < LOAD_AHEAD_PX && later == Edge::More {
        Some(Action::LoadLater)
    } else {
        None
    }
}

/// The topmost message in view, and how far it is above the lower edge of the view, which does not move when the
/// composer grows.
#[derive(Clone)]
struct Anchor {
    message: Element,
    above_edge_px: f64,
    /// Whether the keyboard was in it.
    focused: Option<HtmlElement>,
}

impl Anchor {
    #[cfg_attr(not(feature = "hydrate"), allow(dead_code, reason = "only a browser scrolls"))]
    fn find(view: &Element) -> Option<Self> {
        let messages = view.query_selector_all(".message").ok()?;
        let at = |index| messages.item(index).and_then(|node| node.dyn_into::<Element>().ok());
        let top = view.get_bounding_client_rect().top();
        let message = first_where(messages.length(), |index| {
            at(index).is_some_and(|message| message.get_bounding_client_rect().bottom() > top)
        });
        let message = message.and_then(at)?;
        let active = document().active_element().filter(|active| view.contains(Some(active)));
        let focused = active.and_then(|active| active.dyn_into::<HtmlElement>().ok());
        Some(Self { above_edge_px: above_edge(view, &message), message, focused })
    }

    fn restore(&self, view: &Element) {
        if let Some(focused) = self.focused.as_ref().filter(|focused| !has_focus() && focused.is_connected())
        {
            let _ = focused.focus();
        }
        if self.message.is_connected() {
            let moved = above_edge(view, &self.message) - self.above_edge_px;
            #[expect(clippy::cast_possible_truncation, reason = "pixels of a page")]
            view.set_scroll_top(view.scroll_top() - moved.round() as i32);
        }
    }
}

fn above_edge(view: &Element, message: &Element) -> f64 {
    view.get_bounding_client_rect().bottom() - message.get_bounding_client_rect().top()
}

/// Brings the message that was found into the middle of the view, and the keyboard to it. False if it is not there.
fn aim(view: &Element) -> bool {
    let Some(message) = view.query_selector(".sought").ok().flatten() else { return false };
    let middle = f64::from(view.client_height()) / 2.0;
    let moved = above_edge(view, &message) - middle;
    #[expect(clippy::cast_possible_truncation, reason = "pixels of a page")]
    view.set_scroll_top(view.scroll_top() - moved.round() as i32);
    focus_soon(".sought".into());
    true
}

/// The first of `count` for which it holds, where it holds for all after the first.
#[cfg_attr(not(feature = "hydrate"), allow(dead_code, reason = "only a browser scrolls"))]
fn first_where(count: u32, holds: impl Fn(u32) -> bool) -> Option<u32> {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    (low < count).then_some(low)
}

/// The scrolling of the open conversation.
#[derive(Clone, Copy)]
pub(super) struct Scroll {
    desk: Desk,
    pub(super) element: NodeRef<Div>,
    at_end: RwSignal<bool>,
    far_up: RwSignal<bool>,
    /// Where one goes on to read, once the messages are there.
    resumes: StoredValue<Option<i32>>,
    anchor: StoredValue<Option<Anchor>, LocalStorage>,
    /// Messages changed since the last frame: where things are now is not where the reader left them.
    changed: StoredValue<bool>,
}

impl Scroll {
    pub(super) fn new(desk: Desk) -> Self {
        Self {
            desk,
            element: NodeRef::new(),
            // Where a message is to be brought into view, the end is not.
            at_end: RwSignal::new(!desk.aims.get_value() && desk.resumes_at().is_none()),
            resumes: StoredValue::new(desk.resumes_at()),
            far_up: RwSignal::new(false),
            anchor: StoredValue::new_local(None),
            changed: StoredValue::new(false),
        }
    }

    /// Messages have changed: keeps the reader's place in the next frame, and looks where one is.
    pub(super) fn settle(self, chat: Chat, first: bool) {
        if first && self.resumes.get_value().is_none() {
            // The reader may have scrolled before the page came to life.
            self.look(chat);
        }
        self.changed.set_value(true);
        request_animation_frame(move || {
            let Some(element) = self.element.try_get_untracked().flatten() else { return };
            if self.desk.aims.get_value() && aim(&element) {
                self.desk.aims.set_value(false);
            } else if let Some(place) = self.resumes.get_value() {
                self.resumes.set_value(None);
                element.set_scroll_top(place);
            } else if self.at_end.get_untracked() {
                element.set_scroll_top(0);
            } else if let Some(anchor) = self.anchor.get_value() {
                anchor.restore(&element);
            }
            self.changed.set_value(false);
            self.look(chat);
        });
    }

    /// Looks where one is, and asks for what is missing there.
    pub(super) fn look(self, chat: Chat) {
        let Some(element) = self.element.try_get_untracked().flatten() else { return };
        let position = Position::new(element.scroll_top(), element.scroll_height(), element.client_height());
        let edges = untrack(|| chat.read(|chat| (chat.earlier, chat.later)));
        let (earlier, later) = edges.unwrap_or((Edge::End, Edge::End));
        // Where newer messages are not in memory, the last one here is not the newest.
        let at_end = position.at_end() && later == Edge::End;
        self.desk.keep_place(chat.id, if at_end { 0 } else { element.scroll_top() });
        if !self.changed.get_value() {
            self.anchor.set_value(if at_end { None } else { Anchor::find(&element) });
        }
        if self.at_end.get_untracked() != at_end {
            self.at_end.set(at_end);
            self.desk.act(Action::AtEnd(at_end));
        }
        let far_up = position.below > FAR_UP_PX || later != Edge::End;
        if self.far_up.get_untracked() != far_up {
            self.far_up.set(far_up);
        }
        if let Some(action) = wanted(position, earlier, later) {
            self.desk.act(action);
        }
    }

    /// Down to the newest message.
    pub(super) fn to_end(self) {
        self.desk.aims.set_value(false);
        self.desk.act(Action::JumpToLatest);
        if let Some(element) = self.element.get_untracked() {
            element.set_scroll_top(0);
        }
    }

    /// Whether the newest message is in view.
    pub(super) fn at_end(self) -> bool {
        self.at_end.get()
    }

    /// Whether one is so far up that a way down is of use.
    pub(super) fn far_up(self) -> bool {
        self.far_up.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_at_the_end_within_a_line_of_it() {
        assert!(Position::new(0, 5_000, 700).at_end());
        assert!(Position::new(-40, 5_000, 700).at_end());
        assert!(!Position::new(-400, 5_000, 700).at_end());
    }

    #[test]
    fn older_messages_are_asked_for_before_the_top_is_reached() {
        let near_top = Position::new(-4_000, 5_000, 700);
        assert!(matches!(wanted(near_top, Edge::More, Edge::End), Some(Action::LoadEarlier)));
        assert!(wanted(near_top, Edge::Loading, Edge::End).is_none());
        assert!(wanted(near_top, Edge::End, Edge::End).is_none());
    }

    #[test]
    fn a_page_that_does_not_fill_the_view_asks_for_more() {
        assert!(wanted(Position::new(0, 300, 700), Edge::More, Edge::End).is_some());
    }

    #[test]
    fn the_first_that_holds_is_found() {
        for first in 0..7 {
            assert_eq!(first_where(7, |index| index >= first), Some(first));
        }
        assert_eq!(first_where(7, |_| false), None);
        assert_eq!(first_where(0, |_| true), None);
    }

    #[test]
    fn newer_messages_are_asked_for_on_the_way_down() {
        let near_end = Position::new(-100, 50_000, 700);
        assert!(matches!(wanted(near_end, Edge::More, Edge::More), Some(Action::LoadLater)));
    }
}
