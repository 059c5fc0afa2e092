//! For operators and load balancers: alive, ready, figures.

use super::state::State;
use crate::kernel::follow::Progress;
use axum::{
    extract::State as Shared,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use kafkatalk_log::Health;

/// `GET /healthz`: the process answers.
pub async fn healthz() -> &'static str {
    "alive\n"
}

/// `GET /readyz`: 200, or 503 with what is missing, a line each.
pub async fn readyz(Shared(state): Shared<State>) -> (StatusCode, String) {
    let missing = missing(&state.log_health.borrow(), state.follower.progress().as_ref());
    if missing.is_empty() {
        return (StatusCode::OK, "ready\n".into());
    }
    (StatusCode::SERVICE_UNAVAILABLE, missing.join("\n") + "\n")
}

fn missing(log: &Health, progress: Option<&Progress>) -> Vec<String> {
    let mut missing = Vec::new();
    if let Health::Unavailable(why) = log {
        missing.push(format!("log: {why}"));
    }
    match progress {
        None => missing.push("views: what follows the log has died; the node must be started again".into()),
        Some(Progress::Live) => {}
        Some(Progress::CatchingUp { left }) => {
            missing.push(format!("views: catching up, {left} records known to be left"));
        }
        Some(Progress::Stuck(why)) => missing.push(format!("views: {why}")),
    }
    missing
}

/// `GET /metrics`, for Prometheus. By the name of its older text format it would refuse the whole answer, as that knows of no
/// type `info`.
pub async fn metrics(Shared(state): Shared<State>) -> Response {
    state.metrics.set_queued_frames(state.hub.queued_frames());
    state.metrics.set_nodes(state.kernel().nodes());
    state.wals.measure(&state.metrics);
    let text = state.metrics.render();
    ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text)
        .into_response()
}
