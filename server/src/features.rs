//! The features: what people can do, a folder each.
//!
//! A feature's folder holds what it makes of records (`project`), what can be asked (`query`), what people can do
//! (`commands`), its HTTP routes (`http`) and its errors (`errors`), as far as it has any of these. This file is the one list.

pub mod accounts;
pub mod conversations;
pub mod messages;
pub mod receipts;
pub mod search;
pub mod sessions;

use crate::{http::state::State, kernel::projector::Registry};
use utoipa_axum::router::OpenApiRouter;

/// What all features make of records.
pub fn registry() -> Registry {
    Registry::of(vec![
        accounts::projector(),
        sessions::projector(),
        conversations::projector(),
        messages::projector(),
        receipts::projector(),
    ])
}

/// The HTTP routes of all features, below `/api/v1`.
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .merge(accounts::routes())
        .merge(sessions::routes())
        .merge(conversations::routes())
        .merge(messages::routes())
        .merge(receipts::routes())
        .merge(search::routes())
}
