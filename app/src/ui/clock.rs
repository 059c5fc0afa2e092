//! What time it is for the reader.

use super::time::{Day, LocalTime, Zone};
use crate::page::PageModel;
use kafkatalk_protocol::Timestamp;
use leptos::prelude::*;

/// How often the words for days are looked over.
#[cfg(feature = "hydrate")]
const TICK: std::time::Duration = std::time::Duration::from_secs(30);
/// How long the browser keeps its offset from UTC for the server.
#[cfg(feature = "hydrate")]
const COOKIE_SECONDS: u32 = 365 * 24 * 60 * 60;

/// The reader's day and zone, as signals. It begins with what the server knew, so that the words do not change when the browser draws the page.
#[derive(Clone, Copy)]
pub struct Clock {
    zone: RwSignal<Zone>,
    today: RwSignal<Day>,
}

impl Clock {
    /// As the server knew it.
    pub fn new(model: &PageModel) -> Self {
        let zone = Zone::Fixed { offset_minutes: model.utc_offset_minutes };
        Self { zone: RwSignal::new(zone), today: RwSignal::new(zone.at(model.now).day) }
    }

    /// Goes over to the browser's clock and zone, follows both, and tells the server about the zone by a cookie.
    #[cfg(feature = "hydrate")]
    pub fn start(self) {
        let tick = move || {
            #[expect(clippy::cast_possible_truncation, reason = "milliseconds, far below 2^53")]
            let now = Timestamp::from_millis(js_sys::Date::now() as i64);
            let zone = Zone::of_browser(now);
            if self.zone.get_untracked() != zone {
                self.zone.set(zone);
                remember(super::time::browser_offset_minutes(now));
            }
            let today = zone.at(now).day;
            if self.today.get_untracked() != today {
                self.today.set(today);
            }
        };
        tick();
        // For as long as the page lives.
        let _ = set_interval_with_handle(tick, TICK);
    }

    /// A moment on the reader's clock and calendar.
    pub fn at(self, moment: Timestamp) -> LocalTime {
        self.zone.get().at(moment)
    }

    /// The reader's zone.
    pub fn zone(self) -> Zone {
        self.zone.get()
    }

    /// The reader's day.
    pub fn today(self) -> Day {
        self.today.get()
    }
}

#[cfg(feature = "hydrate")]
fn remember(offset_minutes: i32) {
    use js_sys::wasm_bindgen::JsCast;
    let name = crate::page::UTC_OFFSET_COOKIE;
    let cookie = format!("{name}={offset_minutes}; path=/; max-age={COOKIE_SECONDS}; samesite=lax");
    if let Some(document) = document().dyn_ref::<leptos::web_sys::HtmlDocument>() {
        let _ = document.set_cookie(&cookie);
    }
}
