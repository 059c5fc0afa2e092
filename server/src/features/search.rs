//! Searching what was said.

pub mod commands;
pub mod http;
mod query;

use crate::http::state::State;
use utoipa_axum::{router::OpenApiRouter, routes};

/// Its HTTP routes.
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(http::search))
}
