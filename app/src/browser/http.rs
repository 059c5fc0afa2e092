//! Requests to the API. The browser adds the session's cookie by itself, since they go to the page's own origin.

use crate::client::{Answer, Fetch, FetchError, Page, limits::FETCH_DEADLINE_MS};
use gloo_net::http::{Method, RequestBuilder};
use gloo_timers::callback::Timeout;
use kafkatalk_protocol::{ErrorCode, Problem, http::BASE};
use serde::de::DeserializeOwned;
use web_sys::{AbortController, AbortSignal};

/// Longest that something may take which changes the server's state, in milliseconds. The server answers within 30
/// seconds, whatever happens.
const CHANGE_DEADLINE_MS: u32 = 35_000;
/// Longest that anything else may take, in milliseconds: after that the client asks again.
#[expect(clippy::cast_possible_truncation, reason = "some seconds")]
const READ_DEADLINE_MS: u32 = FETCH_DEADLINE_MS as u32;

/// Why a request brought nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestError {
    /// No connection, no answer in time, or an answer that is not the API's.
    Network,
    /// The server refused.
    Refused {
        /// Why, for programs.
        code: ErrorCode,
        /// Why and what to do, for people.
        detail: String,
        /// Seconds of `Retry-After`.
        retry_after_seconds: Option<u32>,
    },
}

impl RequestError {
    /// Why, and what to do, for people.
    pub fn into_words(self) -> String {
        match self {
            Self::Refused { detail, .. } if !detail.is_empty() => detail,
            _ => "No connection to the server just now.".into(),
        }
    }
}

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

/// Makes a request below the API's base path; what comes back is the body of a 2xx answer.
pub(super) async fn request(method: &str, path: &str, body: Option<String>) -> Result<String, RequestError> {
    let method = Method::from_bytes(method.as_bytes()).map_err(|_| RequestError::Network)?;
    let deadline = Deadline::of(&method);
    let request =
        RequestBuilder::new(&[BASE, path].concat()).method(method).abort_signal(deadline.signal().as_ref());
    let response = match body {
        Some(body) => request.header("content-type", "application/json").body(body)?.send().await?,
        None => request.send().await?,
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

/// The same, with an answer that is read.
pub(super) async fn read<T: DeserializeOwned>(
    method: &str,
    path: &str,
    body: Option<String>,
) -> Result<T, RequestError> {
    let text = request(method, path, body).await?;
    serde_json::from_str(&text).map_err(|_| RequestError::Network)
}

/// Text as part of an address's query.
pub(super) fn escape(text: &str) -> String {
    js_sys::encode_uri_component(text).into()
}

/// What the client asks for.
pub(super) async fn answer(fetch: &Fetch) -> Result<Answer, FetchError> {
    let path = path(fetch);
    let answer = match fetch {
        Fetch::Session => request("GET", &path, None).await.map(|_| Answer::Session),
        Fetch::Conversations { .. } => read("GET", &path, None).await.map(Answer::Conversations),
        Fetch::Conversation(_) => read("GET", &path, None).await.map(Answer::Conversation),
        Fetch::Messages { .. } => read("GET", &path, None).await.map(Answer::Messages),
    };
    answer.map_err(|error| match error {
        RequestError::Network => FetchError::Network,
        RequestError::Refused { code, retry_after_seconds, .. } => {
            FetchError::Refused { code, retry_after_seconds }
        }
    })
}

fn path(fetch: &Fetch) -> String {
    match fetch {
        Fetch::Session => "/me".into(),
        Fetch::Conversations { before: None, limit } => format!("/conversations?limit={limit}"),
        Fetch::Conversations { before: Some(cursor), limit } => {
            format!("/conversations?limit={limit}&before={}", escape(cursor))
        }
        Fetch::Conversation(id) => format!("/conversations/{id}"),
        Fetch::Messages { conversation, page, limit } => {
            let path = format!("/conversations/{conversation}/messages?limit={limit}");
            match page {
                Page::Latest => path,
                Page::Before(offset) => format!("{path}&before={offset}"),
                Page::After(Some(offset)) => format!("{path}&after={offset}"),
                Page::After(None) => format!("{path}&after=-1"),
                Page::ChangedAfter(record) => format!("{path}&changed_after={record}"),
            }
        }
    }
}
