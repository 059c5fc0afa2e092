//! What people see and touch, and the client's state behind it.
//!
//! | module | holds |
//! |---|---|
//! | [`client`] | the client's state: timelines, outbox, connection, the list of conversations |
//! | [`live`] | that state as signals, for components |
//! | `browser` | what joins that state to the browser: socket, requests, the device's store (feature `hydrate`) |
//! | [`page`] | what the server gives a page before it is rendered |
//! | [`route`] | the addresses of the site |
//! | [`shell`](mod@shell) | the HTML document around every page |
//! | [`app`] | which page is shown |
//! | [`account`] | registering and signing in |
//! | [`desk`] | where one is on the conversations page, and links |
//! | [`chat`] | the open conversation as its pane and the features see it |
//! | [`conversations`] | the list, finding people, and the frame around both panes |
//! | [`conversation`] | one conversation: its messages, the composer, details |
//! | [`features`] | what one can do in a conversation |
//! | [`deferred`] | parts whose code is fetched when they are first used |
//! | `takeover` | how the page that the browser draws takes the place of what the server wrote (feature `hydrate`) |
//! | [`ui`] | icons, avatars, how times and names are worded |

// The types of nested views are deep.
#![recursion_limit = "256"]
#![expect(unreachable_pub, reason = "leptos' component macro writes `pub` into private modules")]
#![expect(clippy::needless_pass_by_value, reason = "components own what they are given")]

// Without it the wasm is half as large again. `RUSTFLAGS` in the environment takes it away without a word.
// Documentation is made without flags.
#[cfg(not(any(erase_components, doc, doctest)))]
compile_error!(
    "the cfg flag `erase_components` is missing: .cargo/config.toml sets it, unless RUSTFLAGS is set; unset RUSTFLAGS"
);

#[cfg(not(feature = "hydrate"))]
pub mod account;
pub mod app;
#[cfg(feature = "hydrate")]
pub mod browser;
pub mod chat;
pub mod client;
#[allow(clippy::redundant_closure, reason = "some are still written as the rule was when bytes were counted")]
pub mod conversation;
pub mod conversations;
pub mod deferred;
pub mod desk;
pub mod features;
pub mod live;
#[cfg(not(feature = "hydrate"))]
pub mod not_found;
pub mod page;
pub mod route;
#[cfg(not(feature = "hydrate"))]
pub mod shell;
#[cfg(feature = "hydrate")]
mod takeover;
pub mod title;
pub mod ui;

pub use app::App;
#[cfg(not(feature = "hydrate"))]
pub use shell::shell;

/// Whether the code of the page has panicked.
#[cfg(feature = "hydrate")]
static STOPPED: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

/// The code has panicked: from now on nothing is taken in and nothing is sent, least of all that messages were read.
/// `shell/start.js` says so.
#[cfg(feature = "hydrate")]
pub fn stop() {
    STOPPED.store(true, std::sync::atomic::Ordering::Relaxed);
}

/// Whether [`stop`] was called.
#[cfg(feature = "hydrate")]
pub(crate) fn is_stopped() -> bool {
    STOPPED.load(std::sync::atomic::Ordering::Relaxed)
}

/// Draws the page, which then takes the place of what the server wrote.
#[cfg(feature = "hydrate")]
pub fn start() {
    leptos::mount::mount_to_body(App);
}
