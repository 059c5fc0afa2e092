//! Reactions: an emoji below a message.

pub mod commands;
pub mod http;
mod project;

use crate::{http::state::State, kernel::projector::Projector};
use utoipa_axum::{router::OpenApiRouter, routes};

/// What this feature makes of records.
pub fn projector() -> Projector {
    project::projector()
}

/// Its HTTP routes.
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(http::put, http::remove))
}
