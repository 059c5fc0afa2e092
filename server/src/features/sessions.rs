//! Sessions: the devices of a person.

pub mod commands;
pub mod errors;
pub mod http;
mod project;
mod query;

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
        .routes(routes!(http::sessions))
        .routes(routes!(http::sign_out))
        .routes(routes!(http::end_session))
}
