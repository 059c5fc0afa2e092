//! Requests to the API. The browser adds the session's cookie by itself, since they go to the page's own origin.

use crate::client::{Answer, Fetch, FetchError, Page};
use kafkatalk_protocol::{ErrorCode, Problem, http::BASE};
use serde::de::DeserializeOwned;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Headers, RequestInit, Response};

/// Why a request brought nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestError {
    /// No connection, or an answer that is not the API's.
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

impl From<JsValue> for RequestError {
    fn from(_: JsValue) -> Self {
        Self::Network
    }
}

/// Makes a request below the API's base path; what comes back is the body of a 2xx answer.
pub(super) async fn request(method: &str, path: &str, body: Option<String>) -> Result<String, RequestError> {
    let window = web_sys::window().ok_or(RequestError::Network)?;
    let init = RequestInit::new();
    init.set_method(method);
    if let Some(body) = body {
        let headers = Headers::new()?;
        headers.set("content-type", "application/json")?;
        init.set_headers(&headers);
        init.set_body(&JsValue::from_str(&body));
    }
    let promise = window.fetch_with_str_and_init(&[BASE, path].concat(), &init);
    let response: Response = JsFuture::from(promise).await?.dyn_into().map_err(|_| RequestError::Network)?;
    let text = JsFuture::from(response.text()?).await?.as_string().unwrap_or_default();
    if response.ok() {
        return Ok(text);
    }
    let retry_after_seconds =
        response.headers().get("retry-after")?.and_then(|seconds| seconds.trim().parse().ok());
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
