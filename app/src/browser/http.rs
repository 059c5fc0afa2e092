//! Requests to the API. The browser adds the session's cookie by itself, since they go to the page's own origin.

use crate::client::{Answer, Request, RequestError, limits};
use gloo_net::http::{Method, RequestBuilder};
use gloo_timers::callback::Timeout;
use kafkatalk_protocol::{ErrorCode, Problem, http::BASE};
use web_sys::{AbortController, AbortSignal};

/// Longest that something may take which changes the server's state, in milliseconds.
#[expect(clippy::cast_possible_truncation, reason = "some seconds")]
const CHANGE_DEADLINE_MS: u32 = limits::CHANGE_DEADLINE_MS as u32;
/// Longest that anything else may take, in milliseconds: after that the client asks again.
#[expect(clippy::cast_possible_truncation, reason = "some seconds")]
const READ_DEADLINE_MS: u32 = limits::FETCH_DEADLINE_MS as u32;

impl From<gloo_net::Error> for RequestError {
    fn from(_: gloo_net::Error) -> Self {
        Self::Network
    }
}

/// Aborts a request when its time is over, and when nobody waits for it any more, so that it frees its connection.
struct Deadline {
    controller: Option<AbortController>,
    _timer: Timeout,
}

impl Deadline {
    fn of(method: &Method) -> Self {
        let milliseconds = if *method == Method::GET { READ_DEADLINE_MS } else { CHANGE_DEADLINE_MS };
        let controller = AbortController::new().ok();
        let aborts = controller.clone();
        let timer = Timeout::new(milliseconds, move || {
            if let Some(controller) = aborts {
                controller.abort();
            }
        });
        Self { controller, _timer: timer }
    }

    fn signal(&self) -> Option<AbortSignal> {
        self.controller.as_ref().map(AbortController::signal)
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        if let Some(controller) = &self.controller {
            // One that was answered is past aborting.
            controller.abort();
        }
    }
}

/// Makes a request.
pub(super) async fn send(request: &Request) -> Answer {
    let method = Method::from_bytes(request.method.as_bytes()).map_err(|_| RequestError::Network)?;
    let deadline = Deadline::of(&method);
    let builder = RequestBuilder::new(&[BASE, &request.path].concat())
        .method(method)
        .abort_signal(deadline.signal().as_ref());
    let response = match &request.body {
        Some(body) => builder.header("content-type", "application/json").body(body.as_str())?.send().await?,
        None => builder.send().await?,
    };
    let text = response.text().await?;
    if response.ok() {
        return Ok(text);
    }
    let retry_after_seconds =
        response.headers().get("retry-after").and_then(|seconds| seconds.trim().parse().ok());
    let (code, detail) = match serde_json::from_str::<Problem>(&text) {
        Ok(problem) => (problem.code, problem.detail),
        // A proxy's page, say: the status has to do.
        Err(_) if response.status() == 401 => (ErrorCode::Unauthenticated, String::new()),
        Err(_) => return Err(RequestError::Network),
    };
    Err(RequestError::Refused { code, detail, retry_after_seconds })
}
