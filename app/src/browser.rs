//! What joins the client's state to the browser: socket, requests, the device's store, events, timers.
//!
//! There are no decisions here. An [`Engine`] hands what happens to [`crate::client::Client`], does what it asks for,
//! and publishes its views as signals.
//!
//! | module | holds |
//! |---|---|
//! | [`clipboard`] | copying a text |
//! | `build` | whether the server still has the build of this page |
//! | `clocks` | both clocks |
//! | `engine` | the loop |
//! | `leaving` | going to the sign-in page, and asking before something is lost |
//! | `handle` | what callbacks hold of it |
//! | `socket` | the WebSocket |
//! | `http` | requests |
//! | `store` | the outbox and the drafts in `localStorage` |
//! | `events` | online, offline, visible, hidden, other tabs |

pub(crate) mod build;
pub mod clipboard;
mod clocks;
mod engine;
mod events;
mod handle;
mod http;
mod leaving;
mod socket;
mod store;

pub(crate) use engine::{Engine, Storage};

/// 128 bits from the browser's source of randomness.
pub(crate) fn seed() -> u128 {
    let mut bytes = [0; 16];
    let crypto = web_sys::window().and_then(|window| window.crypto().ok());
    if crypto.is_some_and(|crypto| crypto.get_random_values_with_u8_array(&mut bytes).is_ok()) {
        return u128::from_be_bytes(bytes);
    }
    // No page has been without it for ten years; the clock and the lesser source will do.
    let clock = js_sys::Date::now().to_bits();
    let chance = js_sys::Math::random().to_bits();
    u128::from(clock) << 64 | u128::from(chance)
}
