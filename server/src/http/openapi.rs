//! The API's description, generated from the handlers: a route that is not described cannot be added here.

use super::state::State;
use crate::features;
use axum::Router;
use utoipa::{
    Modify, OpenApi,
    openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
};
use utoipa_axum::router::OpenApiRouter;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "KafkaTalk",
        description = "Private conversations on a log. Live delivery is on the WebSocket `GET /api/v1/ws`, \
                       subprotocol `kafkatalk.v1`; see the project's docs/protocol.md.",
        version = "1",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    security(("cookie" = []), ("bearer" = [])),
    modifiers(&Schemes),
)]
struct Document;

struct Schemes;

impl Modify for Schemes {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_with(Default::default);
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        let cookie = ApiKey::Cookie(ApiKeyValue::new(kafkatalk_protocol::http::SESSION_COOKIE));
        components.add_security_scheme("cookie", SecurityScheme::ApiKey(cookie));
    }
}

/// The routes under `/api/v1`, and their description.
pub fn api() -> (Router<State>, utoipa::openapi::OpenApi) {
    OpenApiRouter::with_openapi(Document::openapi())
        .nest(kafkatalk_protocol::http::BASE, features::routes())
        .split_for_parts()
}
