//! KafkaTalk, in the browser.
