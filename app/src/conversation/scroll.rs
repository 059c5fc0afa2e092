//! Where one reads in a conversation.
//!
//! The messages scroll in a column that is turned upside down, so that the browser itself keeps to the newest message
//! while one is there, and keeps the place when older ones are put above. Positions count from the end: 0 is the
//! newest message, further up is negative.

use super::Chat;
use crate::client::{Action, Edge, Item, ItemKey};
use crate::conversations::Desk;
use leptos::{html::Div, prelude::*};

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

/// Whether the browser keeps the place by itself when something comes in below; Safari learned it late.
fn browser_keeps_place() -> bool {
    leptos::web_sys::css::supports_with_value("overflow-anchor", "auto").unwrap_or(false)
}

/// The scrolling of the open conversation.
#[derive(Clone, Copy)]
pub(super) struct Scroll {
    desk: Desk,
    pub(super) element: NodeRef<Div>,
    at_end: RwSignal<bool>,
    far_up: RwSignal<bool>,
    /// What was drawn last: the newest message and the height of all, in pixels.
    drawn: StoredValue<(Option<ItemKey>, i32)>,
}

impl Scroll {
    pub(super) fn new(desk: Desk) -> Self {
        Self {
            desk,
            element: NodeRef::new(),
            at_end: RwSignal::new(true),
            far_up: RwSignal::new(false),
            drawn: StoredValue::new((None, 0)),
        }
    }

    /// Messages were drawn: keeps the reader's place where the browser does not, then looks where one is.
    pub(super) fn settle(self, chat: Chat) {
        let Some(element) = self.element.try_get_untracked().flatten() else { return };
        let newest = untrack(|| chat.read(|chat| chat.items.last().map(Item::key))).flatten();
        let height = element.scroll_height();
        let (newest_before, height_before) = self.drawn.get_value();
        self.drawn.set_value((newest, height));
        let came_below = newest_before.is_some() && newest_before != newest;
        if came_below && !self.at_end.get_untracked() && !browser_keeps_place() {
            element.set_scroll_top(element.scroll_top() - (height - height_before));
        }
        self.look(chat);
    }

    /// Looks where one is, and asks for what is missing there.
    pub(super) fn look(self, chat: Chat) {
        let Some(element) = self.element.try_get_untracked().flatten() else { return };
        let position = Position::new(element.scroll_top(), element.scroll_height(), element.client_height());
        let edges = untrack(|| chat.read(|chat| (chat.earlier, chat.later)));
        let (earlier, later) = edges.unwrap_or((Edge::End, Edge::End));
        // Where newer messages are not in memory, the last one here is not the newest.
        let at_end = position.at_end() && later == Edge::End;
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
    fn newer_messages_are_asked_for_on_the_way_down() {
        let near_end = Position::new(-100, 50_000, 700);
        assert!(matches!(wanted(near_end, Edge::More, Edge::More), Some(Action::LoadLater)));
    }
}
