//! What requests bring, parsed at the edge: JSON bodies, ids in paths, queries, and where they come from.

mod missing;

use super::{forwarded, problem::Refusal, state::State};
use crate::kernel::views::HistoryPage;
use axum::{
    body::{Body, Bytes},
    extract::{
        ConnectInfo, FromRequest, FromRequestParts, Path, Query, Request,
        rejection::{JsonRejection, QueryRejection},
    },
    http::{HeaderMap, Uri, header, request::Parts},
};
use kafkatalk_protocol::{
    ConversationId, ErrorCode, Offset, Problem, SessionId, UserId,
    limits::{PAGE_DEFAULT, PAGE_MAX, SEARCH_PAGE_DEFAULT, USERS_PAGE_DEFAULT},
    problem::FieldError,
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_path_to_error::Segment;
use std::{
    error::Error,
    iter,
    net::{IpAddr, SocketAddr},
    str::FromStr,
};
use utoipa::{IntoParams, ToSchema};

/// A JSON body.
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned + ToSchema> FromRequest<State> for Json<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &State) -> Result<Self, Refusal> {
        let (parts, body) = request.into_parts();
        let body = Bytes::from_request(Request::from_parts(parts.clone(), body), state).await;
        let body = body.map_err(|rejection| explain::<T>(&rejection.into(), &[]))?;
        let request = Request::from_parts(parts, Body::from(body.clone()));
        match axum::Json::<T>::from_request(request, state).await {
            Ok(axum::Json(value)) => Ok(Self(value)),
            Err(rejection) => Err(explain::<T>(&rejection, &body)),
        }
    }
}

fn explain<T: ToSchema>(rejection: &JsonRejection, body: &[u8]) -> Refusal {
    match rejection {
        JsonRejection::JsonDataError(error) => unfit::<serde_json::Error>(error, missing::of_body::<T>(body)),
        JsonRejection::MissingJsonContentType(_) => Refusal::new(
            ErrorCode::MalformedJson,
            "Send JSON, with the header Content-Type: application/json.",
        ),
        other if other.status() == axum::http::StatusCode::PAYLOAD_TOO_LARGE => {
            Refusal::new(ErrorCode::TooLarge, "The body is larger than this server takes.")
        }
        other => Refusal::new(ErrorCode::MalformedJson, format!("{}.", other.body_text())),
    }
}

fn refuse_query<T: IntoParams>(rejection: &QueryRejection, uri: &Uri) -> Refusal {
    unfit::<serde::de::value::Error>(rejection, missing::of_query::<T>(uri))
}

/// Input of the wrong shape: the field that is wrong, or else the one that is missing, and the words of the parser, whose
/// error is `E`.
fn unfit<E: Error + 'static>(rejection: &dyn Error, missing: Option<String>) -> Refusal {
    let mut causes = iter::successors(rejection.source(), |cause| (*cause).source());
    let parser = causes.find_map(|cause| cause.downcast_ref::<serde_path_to_error::Error<E>>());
    let Some(parser) = parser else { return Refusal::new(ErrorCode::InvalidInput, format!("{rejection}.")) };
    let detail = format!("{}.", parser.inner());
    // What is missing has no path.
    let field = match parser.path().iter().next() {
        Some(Segment::Map { key }) => Some(key.clone()),
        _ => missing,
    };
    match field {
        Some(field) => Refusal(crate::kernel::errors::field_problem(&field, detail)),
        None => Refusal::new(ErrorCode::InvalidInput, detail),
    }
}

/// Collects what is wrong with each field, so that a form can show all of it at once.
#[derive(Debug, Default)]
pub struct FieldErrors(Vec<FieldError>);

impl FieldErrors {
    /// Parses a field, or notes why not.
    pub fn parse<T: FromStr<Err: std::fmt::Display>>(&mut self, field: &str, text: &str) -> Option<T> {
        match text.parse() {
            Ok(value) => Some(value),
            Err(reason) => {
                self.0.push(FieldError { field: field.into(), detail: reason.to_string() });
                None
            }
        }
    }

    /// Parses every entry of a field that is a list, or notes what is wrong with each.
    pub fn parse_all<T: FromStr<Err: std::fmt::Display>>(
        &mut self,
        field: &str,
        texts: &[String],
    ) -> Option<Vec<T>> {
        let parsed: Vec<_> = texts.iter().filter_map(|text| self.parse(field, text)).collect();
        (parsed.len() == texts.len()).then_some(parsed)
    }

    /// The problem that these make.
    pub fn into_problem(self) -> Problem {
        let words: Vec<_> = self.0.iter().map(|error| format!("{}: {}", error.field, error.detail)).collect();
        let mut problem = Problem::new(ErrorCode::InvalidInput, words.join(" "));
        problem.errors = self.0;
        problem
    }
}

/// The conversation in a path. What is no id names nothing.
#[derive(Debug, Clone, Copy)]
pub struct InConversation(pub ConversationId);

impl FromRequestParts<State> for InConversation {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Refusal> {
        let Path(text) =
            Path::<String>::from_request_parts(parts, state).await.map_err(|_| Refusal::not_found())?;
        text.parse().map(Self).map_err(|_| Refusal::not_found())
    }
}

/// The conversation and the offset of a message in a path. What is neither names nothing.
#[derive(Debug, Clone, Copy)]
pub struct AtMessage(pub ConversationId, pub Offset);

impl FromRequestParts<State> for AtMessage {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Refusal> {
        let found = Path::<(String, u64)>::from_request_parts(parts, state).await;
        let Path((id, offset)) = found.map_err(|_| Refusal::not_found())?;
        Ok(Self(id.parse().map_err(|_| Refusal::not_found())?, Offset(offset)))
    }
}

/// The conversation, the offset of a message and the rest of a path, such as an emoji. What is none of these names nothing.
#[derive(Debug, Clone)]
pub struct OnMessage(pub ConversationId, pub Offset, pub String);

impl FromRequestParts<State> for OnMessage {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Refusal> {
        let found = Path::<(String, u64, String)>::from_request_parts(parts, state).await;
        let Path((id, offset, rest)) = found.map_err(|_| Refusal::not_found())?;
        Ok(Self(id.parse().map_err(|_| Refusal::not_found())?, Offset(offset), rest))
    }
}

/// The session in a path. What is no id names nothing.
#[derive(Debug, Clone, Copy)]
pub struct OfSession(pub SessionId);

impl FromRequestParts<State> for OfSession {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Refusal> {
        let found = Path::<String>::from_request_parts(parts, state).await;
        let Path(text) = found.map_err(|_| Refusal::not_found())?;
        text.parse().map(Self).map_err(|_| Refusal::not_found())
    }
}

/// The conversation and the person in a path. What is neither names nothing.
#[derive(Debug, Clone, Copy)]
pub struct AtMember(pub ConversationId, pub UserId);

impl FromRequestParts<State> for AtMember {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Refusal> {
        let found = Path::<(String, String)>::from_request_parts(parts, state).await;
        let Path((id, user)) = found.map_err(|_| Refusal::not_found())?;
        Ok(Self(
            id.parse().map_err(|_| Refusal::not_found())?,
            user.parse().map_err(|_| Refusal::not_found())?,
        ))
    }
}

/// The query of a request.
#[derive(Debug)]
pub struct Asked<T>(pub T);

impl<T: DeserializeOwned + IntoParams> FromRequestParts<State> for Asked<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Refusal> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(value)) => Ok(Self(value)),
            Err(rejection) => Err(refuse_query::<T>(&rejection, &parts.uri)),
        }
    }
}

fn page_limit(asked: Option<i64>, default: usize) -> Result<usize, Refusal> {
    let Some(asked) = asked else { return Ok(default) };
    usize::try_from(asked).ok().filter(|limit| (1..=PAGE_MAX).contains(limit)).ok_or_else(|| {
        Refusal(crate::kernel::errors::field_problem("limit", format!("Use a limit from 1 to {PAGE_MAX}.")))
    })
}

/// `GET /users`.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct UsersAsked {
    /// How the username begins; in any case. Empty finds everybody.
    #[serde(default)]
    pub prefix: String,
    /// 1 to 200, 20 if not given.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<i64>,
}

impl UsersAsked {
    /// The limit, if it is one.
    pub fn limit(&self) -> Result<usize, Refusal> {
        page_limit(self.limit, USERS_PAGE_DEFAULT)
    }
}

/// `GET /conversations`.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ConversationsAsked {
    /// 1 to 200, 50 if not given.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<i64>,
    /// `next` of the page before.
    #[param(min_length = 1)]
    pub before: Option<String>,
}

impl ConversationsAsked {
    /// The limit, if it is one.
    pub fn limit(&self) -> Result<usize, Refusal> {
        page_limit(self.limit, PAGE_DEFAULT)
    }
}

/// `GET /conversations/{id}/messages`.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct MessagesAsked {
    /// Only messages before this offset.
    pub before: Option<u64>,
    /// Only messages after this offset; -1 starts at the beginning.
    #[param(minimum = -1)]
    pub after: Option<i64>,
    /// Only messages that were posted or changed by records after this offset, in their present state and in the order of
    /// their revisions.
    pub changed_after: Option<u64>,
    /// 1 to 200, 50 if not given.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<i64>,
}

impl MessagesAsked {
    /// The limit, if it is one.
    pub fn limit(&self) -> Result<usize, Refusal> {
        page_limit(self.limit, PAGE_DEFAULT)
    }

    /// Which page.
    pub fn page(&self) -> Result<HistoryPage, Refusal> {
        let refuse = |field, words: &str| Err(Refusal(crate::kernel::errors::field_problem(field, words)));
        if let Some(offset) = self.changed_after {
            return match (self.before, self.after) {
                (None, None) => Ok(HistoryPage::ChangedAfter(Offset(offset))),
                _ => refuse("changed_after", "Give changed_after, before or after, not several."),
            };
        }
        match (self.before, self.after) {
            (Some(_), Some(_)) => refuse("before", "Give before or after, not both."),
            (Some(offset), None) => Ok(HistoryPage::Before(Offset(offset))),
            (None, Some(-1)) => Ok(HistoryPage::After(None)),
            (None, Some(offset)) => match u64::try_from(offset) {
                Ok(offset) => Ok(HistoryPage::After(Some(Offset(offset)))),
                Err(_) => refuse("after", "Give an offset, or -1 for the beginning."),
            },
            (None, None) => Ok(HistoryPage::Latest),
        }
    }
}

/// `GET /search`.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SearchAsked {
    /// Words, 1 to 200 characters. All must be there; case and diacritics make no difference; the last may go on, and
    /// what is in quotes is a phrase.
    #[param(min_length = 1, max_length = 200, pattern = r"[\p{L}\p{N}]")]
    pub q: String,
    /// Only messages of this conversation.
    #[param(value_type = Option<uuid::Uuid>)]
    pub conversation: Option<String>,
    /// 1 to 200, 20 if not given.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<i64>,
    /// `next` of the page before.
    #[param(min_length = 1)]
    pub before: Option<String>,
}

impl SearchAsked {
    /// What is searched for, if it has a word.
    pub fn text(&self) -> Result<crate::kernel::views::SearchText, Refusal> {
        let parsed = self.q.parse::<crate::kernel::views::SearchText>();
        parsed.map_err(|error| Refusal(crate::kernel::errors::field_problem("q", error.to_string())))
    }

    /// Where. What is no id names nothing.
    pub fn conversation(&self) -> Result<Option<ConversationId>, Refusal> {
        let given = self.conversation.as_deref();
        given.map(|id| id.parse().map_err(|_| Refusal::not_found())).transpose()
    }

    /// The limit, if it is one.
    pub fn limit(&self) -> Result<usize, Refusal> {
        page_limit(self.limit, SEARCH_PAGE_DEFAULT)
    }
}

/// The address a request comes from, for rate limits.
#[derive(Debug, Clone, Copy)]
pub struct From(pub IpAddr);

impl FromRequestParts<State> for From {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Self::Rejection> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
        let forwarded = state.settings.trust_proxy.then(|| forwarded::address(&parts.headers)).flatten();
        Ok(Self(forwarded.or(peer).unwrap_or(IpAddr::from([0, 0, 0, 0]))))
    }
}

/// What a device calls itself.
pub fn user_agent(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::USER_AGENT)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize, ToSchema)]
    struct Given {
        #[expect(dead_code, reason = "only its shape matters")]
        id: u32,
        #[expect(dead_code, reason = "only its shape matters")]
        members: Vec<String>,
    }

    fn field(refusal: Refusal) -> Option<String> {
        assert_eq!(refusal.0.code, ErrorCode::InvalidInput);
        refusal.0.errors.into_iter().next().map(|error| error.field)
    }

    #[test]
    fn the_field_of_a_body_that_is_wrong_or_missing_is_named() {
        for (body, wrong) in [
            (r#"{"id": 1, "members": ["a", null]}"#, Some("members")),
            (r#"{"id": "x", "members": []}"#, Some("id")),
            (r#"{"id": 1}"#, Some("members")),
            (r#"{"id": -1, "members": []}"#, Some("id")),
            ("7", None),
        ] {
            let rejection = axum::Json::<Given>::from_bytes(body.as_bytes()).unwrap_err();
            let refusal = explain::<Given>(&rejection, body.as_bytes());
            assert_eq!(field(refusal).as_deref(), wrong, "{body}");
        }
    }

    #[test]
    fn the_field_of_a_query_that_is_wrong_or_missing_is_named() {
        for (query, wrong) in [("limit=x&q=a", "limit"), ("limit=1", "q")] {
            let uri = format!("/?{query}").parse().unwrap();
            let rejection = Query::<SearchAsked>::try_from_uri(&uri).unwrap_err();
            let refusal = refuse_query::<SearchAsked>(&rejection, &uri);
            assert_eq!(field(refusal).as_deref(), Some(wrong), "{query}");
        }
    }

    #[test]
    fn what_is_no_json_is_told_apart_from_json_of_another_shape() {
        let rejection = axum::Json::<Given>::from_bytes(b"{").unwrap_err();
        assert_eq!(explain::<Given>(&rejection, b"{").0.code, ErrorCode::MalformedJson);
    }
}
