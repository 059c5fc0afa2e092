//! HTTP: the API, the pages, the socket's upgrade, and what operators ask for.
//!
//! | module | holds |
//! |---|---|
//! | [`ws`] | the upgrade to a WebSocket |
//! | [`pages`] | pages rendered here, and plain forms |
//! | [`assets`] | the front end's files |
//! | [`gate`] | nothing from views that are not whole yet |
//! | [`health`] | alive, ready, figures |
//! | [`auth`] | who is asking, and from which origin |
//! | [`input`] | bodies, ids and queries, parsed at the edge |
//! | [`forwarded`] | what a proxy says of a request |
//! | [`problem`] | errors as problem documents |
//! | [`plain`] | errors as pages |
//! | [`openapi`] | the API's routes with their description |
//! | [`state`] | what every handler shares |

pub mod assets;
pub mod auth;
pub mod forwarded;
pub mod gate;
pub mod health;
pub mod input;
pub mod openapi;
pub mod pages;
pub mod plain;
pub mod problem;
pub mod state;
pub mod ws;

use crate::limits::{REQUEST_BYTES_MAX, REQUEST_TIME};
use axum::{
    BoxError, Router,
    error_handling::HandleErrorLayer,
    extract::{DefaultBodyLimit, MatchedPath, Request, State as Shared},
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
    routing::get,
};
use kafkatalk_protocol::ErrorCode;
use plain::Trouble;
use problem::Refusal;
use state::State;
use std::time::{Duration, Instant};
use tower::{ServiceBuilder, timeout::TimeoutLayer};
use tower_http::{
    compression::CompressionLayer,
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer},
    set_header::SetResponseHeaderLayer,
};
use tracing::Instrument;

/// Everything that this node answers.
pub fn router(state: State) -> Router {
    let (api, description) = openapi::api();
    let description = serde_json::to_string(&description).unwrap_or_default();
    let described = move || {
        let body = description.clone();
        async move { ([(header::CONTENT_TYPE, "application/json")], body) }
    };
    let api = api
        .route("/api/v1/openapi.json", get(described))
        .route("/api/{*path}", axum::routing::any(problem::no_such_path))
        .method_not_allowed_fallback(problem::no_such_method);
    let gate = middleware::from_fn_with_state(state.clone(), gate::until_live);
    let files = Router::new().route("/pkg/{version}/{file}", get(assets::package));
    let files = assets::root_files()
        .into_iter()
        .fold(files, |files, name| files.route(&format!("/{name}"), get(assets::root)));
    let pages = pages::routes(&state).layer(gate.clone());
    let pages = in_time(pages, REQUEST_TIME, || Trouble::from(overdue()).into_response());
    let api = in_time(api.layer(gate.clone()).merge(files), REQUEST_TIME, || overdue().into_response());
    let bounded =
        pages.merge(api).layer(DefaultBodyLimit::max(REQUEST_BYTES_MAX)).layer(CompressionLayer::new());
    let socket = Router::new()
        .route("/api/v1/ws", get(ws::upgrade))
        .method_not_allowed_fallback(problem::no_such_method);
    bounded
        .merge(socket.layer(gate))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .layer(middleware::from_fn(keep_private))
        .layer(middleware::from_fn_with_state(state.clone(), observe))
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        .layer(fixed(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(fixed(header::REFERRER_POLICY, "same-origin"))
        .layer(fixed(HeaderName::from_static("cross-origin-opener-policy"), "same-origin"))
        .with_state(state)
}

fn fixed(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}

/// A request that takes too long is answered: the caller may then ask again instead of waiting for ever.
fn in_time<S: Clone + Send + Sync + 'static>(
    router: Router<S>,
    time: Duration,
    answer: fn() -> Response,
) -> Router<S> {
    let overdue = move |_elapsed: BoxError| std::future::ready(answer());
    router.layer(ServiceBuilder::new().layer(HandleErrorLayer::new(overdue)).layer(TimeoutLayer::new(time)))
}

fn overdue() -> Refusal {
    let detail = "This took too long; whether it was done is not known. Send the same again.";
    let mut refusal = Refusal::new(ErrorCode::LogUnavailable, detail);
    refusal.0.retry_after = Some(crate::limits::RETRY_AFTER.as_secs());
    refusal
}

/// What the API answers is for its caller alone: no cache on the way or in the browser keeps it.
async fn keep_private(request: Request, next: Next) -> Response {
    let is_private = request.uri().path().starts_with("/api/");
    let mut response = next.run(request).await;
    if is_private {
        response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    }
    response
}

/// Logs each request once, with its id and never its content, and counts it.
async fn observe(Shared(state): Shared<State>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("page", MatchedPath::as_str).to_owned();
    let id = request.headers().get("x-request-id").and_then(|id| id.to_str().ok()).unwrap_or_default();
    let span = tracing::info_span!("request", id, method = %request.method(), route);
    let begun = Instant::now();
    let response = next.run(request).instrument(span.clone()).await;
    let (status, took) = (response.status(), begun.elapsed());
    state.metrics.request_finished(&route, status.as_u16(), took);
    let _in = span.enter();
    if status.is_server_error() && status != StatusCode::SERVICE_UNAVAILABLE {
        tracing::error!(status = status.as_u16(), ?took, "request failed");
    } else {
        tracing::debug!(status = status.as_u16(), ?took, "request");
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use kafkatalk_protocol::problem::PROBLEM_JSON;
    use tower::ServiceExt as _;

    #[tokio::test]
    async fn a_request_that_takes_too_long_is_answered_by_a_problem_that_says_when_to_ask_again() {
        let never = Router::new().route("/", get(std::future::pending::<()>));
        let never = in_time(never, Duration::ZERO, || overdue().into_response());
        let answer = never.oneshot(Request::new(Body::empty())).await.unwrap();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.headers()[header::CONTENT_TYPE], PROBLEM_JSON);
        assert_eq!(answer.headers()[header::RETRY_AFTER], crate::limits::RETRY_AFTER.as_secs().to_string());
    }
}
