//! The KafkaTalk node: use cases, views, live sessions, HTTP, pages.

pub mod views;
