//! Nothing is answered from views that are not whole yet: who is not in them may be in the log all the same.

use super::{plain::PlainPage, problem::Refusal, state::State};
use crate::{kernel::follow::Progress, limits::RETRY_AFTER};
use axum::{
    extract::{Request, State as Shared},
    http::{Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use kafkatalk_protocol::ErrorCode;

/// Lets requests through once the views have come to the log's end for the first time. Until then the API says that it
/// is unavailable, and pages are one that says the same and asks again by itself.
pub async fn until_live(Shared(state): Shared<State>, request: Request, next: Next) -> Response {
    if state.follower.has_been_live() {
        return next.run(request).await;
    }
    let words = words(state.follower.progress().as_ref());
    if request.uri().path().starts_with("/api/") {
        let mut refusal = Refusal::new(ErrorCode::LogUnavailable, words);
        refusal.0.retry_after = Some(RETRY_AFTER.as_secs());
        return refusal.into_response();
    }
    page(request.method(), words)
}

fn words(progress: Option<&Progress>) -> String {
    match progress {
        Some(Progress::CatchingUp { left: left @ 1.. }) => {
            format!("This server is still reading its log, {left} records to go. Try again in a moment.")
        }
        Some(Progress::CatchingUp { .. } | Progress::Live) => {
            "This server is still reading its log. Try again in a moment.".into()
        }
        // Why is for operators: `/readyz` has it.
        Some(Progress::Stuck(_)) | None => {
            "This server has not read its log yet, and cannot read on just now. Try again in a moment.".into()
        }
    }
}

/// Asks again by itself, but for a form, whose sender must send it again.
fn page(method: &Method, words: String) -> Response {
    let seconds = RETRY_AFTER.as_secs();
    let page = PlainPage {
        status: StatusCode::SERVICE_UNAVAILABLE,
        heading: "KafkaTalk is starting".into(),
        words,
        offers: Vec::new(),
        again_after: matches!(*method, Method::GET | Method::HEAD).then_some(seconds),
    };
    ([(header::RETRY_AFTER, seconds)], page).into_response()
}
