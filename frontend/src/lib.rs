//! KafkaTalk, in the browser: wakes up the page that the server rendered. Elsewhere there is nothing here.
#![cfg(target_arch = "wasm32")]

use wasm_bindgen::prelude::wasm_bindgen;

/// Called once by the page, when the wasm has loaded.
#[wasm_bindgen]
pub fn hydrate() {
    // A panic in wasm is otherwise only "unreachable executed".
    console_error_panic_hook::set_once();
    kafkatalk_app::hydrate();
}
