//! KafkaTalk, in the browser: brings the page to life. Elsewhere there is nothing here.
#![cfg(target_arch = "wasm32")]

use wasm_bindgen::prelude::wasm_bindgen;

/// Called once by the page, when the wasm has loaded.
#[wasm_bindgen]
pub fn start() {
    // A panic in wasm is otherwise only "unreachable executed".
    std::panic::set_hook(Box::new(|panic| {
        kafkatalk_app::stop();
        console_error_panic_hook::hook(panic);
    }));
    kafkatalk_app::start();
}
