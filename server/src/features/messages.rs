//! Messages: posting them, and their history.

pub mod change;
pub mod commands;
pub mod errors;
pub mod http;
pub mod project;
pub mod query;
mod reset;
mod rows;
pub mod upkeep;

use crate::http::state::State;
use crate::kernel::projector::Projector;
use utoipa_axum::{router::OpenApiRouter, routes};

/// What this feature makes of records.
pub fn projector() -> Projector {
    project::projector()
}

/// Its HTTP routes.
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(http::send, http::history))
}
