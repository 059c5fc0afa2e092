//! Members of groups: adding, removing and leaving, roles, and the group's name.

pub mod commands;
pub mod errors;
pub mod http;
pub mod project;
pub mod query;

use crate::http::state::State;
use crate::kernel::projector::Projector;
use utoipa_axum::{router::OpenApiRouter, routes};

/// What this feature makes of records.
pub fn projector() -> Projector {
    project::projector()
}

/// Its HTTP routes.
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(http::add))
        .routes(routes!(http::set_role, http::remove))
        .routes(routes!(http::name))
}
