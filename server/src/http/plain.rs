//! Pages without the app: what a person reads where there is nothing for the app to show.

use super::problem::Refusal;
use crate::kernel::errors::Unavailable;
use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use html_escape::{encode_double_quoted_attribute, encode_text};
use kafkatalk_protocol::Problem;

/// What a plain page offers to do.
#[derive(Debug)]
pub enum Offer {
    /// A link, in these words.
    Link {
        /// Where to.
        to: String,
        /// What it says.
        words: &'static str,
    },
    /// A button that posts to a path of ours.
    Post {
        /// Where to.
        to: &'static str,
        /// What it says.
        words: &'static str,
    },
}

/// A page with a heading and a sentence.
#[derive(Debug)]
pub struct PlainPage {
    /// Of the answer.
    pub status: StatusCode,
    /// The title, and the heading.
    pub heading: String,
    /// What happened, and what to do.
    pub words: String,
    /// What can be done here.
    pub offers: Vec<Offer>,
    /// In how many seconds the browser asks again by itself.
    pub again_after: Option<u64>,
}

impl IntoResponse for PlainPage {
    fn into_response(self) -> Response {
        let (heading, words) = (encode_text(&self.heading), encode_text(&self.words));
        let again =
            self.again_after.map(|seconds| format!("<meta http-equiv=\"refresh\" content=\"{seconds}\">"));
        let offers: String = self.offers.iter().map(write_offer).collect();
        let html = format!(
            "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width\">{}<title>{heading}</title></head>\
             <body><h1>{heading}</h1><p role=\"status\">{words}</p>{offers}</body></html>",
            again.unwrap_or_default()
        );
        let policy = HeaderValue::from_static(
            "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
        );
        let headers: [(HeaderName, HeaderValue); 2] = [
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
            (header::CONTENT_SECURITY_POLICY, policy),
        ];
        (self.status, headers, Html(html)).into_response()
    }
}

fn write_offer(offer: &Offer) -> String {
    match offer {
        Offer::Link { to, words } => {
            format!("<p><a href=\"{}\">{}</a></p>", encode_double_quoted_attribute(to), encode_text(words))
        }
        Offer::Post { to, words } => format!(
            "<form method=\"post\" action=\"{}\"><button>{}</button></form>",
            encode_double_quoted_attribute(to),
            encode_text(words)
        ),
    }
}

/// A request for a page that was refused: the same problem as the API's, as a page for people.
#[derive(Debug)]
pub struct Trouble(pub Problem);

impl From<Unavailable> for Trouble {
    fn from(error: Unavailable) -> Self {
        Self(error.into())
    }
}

impl From<Refusal> for Trouble {
    fn from(Refusal(problem): Refusal) -> Self {
        Self(problem)
    }
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        let Self(problem) = self;
        let page = PlainPage {
            status: StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            heading: problem.title,
            words: problem.detail,
            offers: vec![Offer::Link { to: "/".into(), words: "Back to KafkaTalk" }],
            again_after: None,
        };
        let mut response = page.into_response();
        if let Some(seconds) = problem.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nothing_in_a_plain_page_becomes_markup() {
        let page = PlainPage {
            status: StatusCode::OK,
            heading: "<b>".into(),
            words: "a & <script>".into(),
            offers: vec![Offer::Link { to: "https://a.example/\"><script>".into(), words: "<i>" }],
            again_after: Some(2),
        };
        let body = axum::body::to_bytes(page.into_response().into_body(), usize::MAX).await.unwrap();
        let html = String::from_utf8(body.to_vec()).unwrap();
        assert!(!html.contains("<script>") && !html.contains("<b>") && !html.contains("<i>"), "{html}");
        assert!(html.contains("a &amp; &lt;script&gt;") && html.contains("content=\"2\""), "{html}");
    }
}
