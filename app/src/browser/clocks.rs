//! The browser's clocks.

use crate::client::{Now, Ticks};
use kafkatalk_protocol::Timestamp;

/// Both clocks.
pub(super) fn now() -> Now {
    let performance = web_sys::window().and_then(|window| window.performance());
    let ticks = performance.map_or_else(js_sys::Date::now, |performance| performance.now());
    Now { ticks: Ticks(whole(ticks)), wall: Timestamp::from_millis(whole(js_sys::Date::now()).cast_signed()) }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "milliseconds, far below 2^53; the cast saturates"
)]
fn whole(ms: f64) -> u64 {
    ms as u64
}
