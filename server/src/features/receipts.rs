//! Read positions of members.

pub mod commands;
pub mod http;
pub mod project;

use crate::http::state::State;
use crate::kernel::projector::Projector;
use utoipa_axum::{router::OpenApiRouter, routes};

/// What this feature makes of records.
pub fn projector() -> Projector {
    project::projector()
}

/// Its HTTP routes.
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(http::read))
}
