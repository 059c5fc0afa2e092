//! Who is asking: the session cookie or a bearer token, and whether a change comes from our own pages.

use super::{
    forwarded,
    input::From as Address,
    plain::{Offer, PlainPage, Trouble},
    problem::Refusal,
    state::{Settings, State},
};
use crate::{
    config::PublicUrl,
    kernel::{Caller, errors::Unavailable},
    secrets::Token,
};
use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header, request::Parts, uri::Authority},
    response::{IntoResponse, Response},
};
use axum_extra::{
    extract::{
        CookieJar,
        cookie::{Cookie, SameSite},
    },
    headers::{Authorization, HeaderMapExt as _, authorization::Bearer},
};
use kafkatalk_protocol::{ErrorCode, http::SESSION_COOKIE};
use std::time::Duration;

/// How long a browser keeps its session cookie: 400 days, the most that browsers allow.
const COOKIE_TIME: Duration = Duration::from_hours(400 * 24);

/// A signed-in caller. Refuses everyone else, and changes by cookie from another origin.
#[derive(Debug)]
pub struct SignedIn(pub Caller);

/// A signed-in caller, or nobody.
#[derive(Debug)]
pub struct MaybeSignedIn(pub Option<Caller>);

impl FromRequestParts<State> for SignedIn {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Refusal> {
        let (token, by_cookie) = presented(&parts.headers).ok_or_else(Refusal::unauthenticated)?;
        let changes = !matches!(parts.method, Method::GET | Method::HEAD);
        let upgrades = parts.headers.contains_key(header::SEC_WEBSOCKET_KEY);
        if by_cookie && (changes || upgrades) {
            require_same_origin(&parts.headers, &state.settings)?;
        }
        whose(&token, parts, state).await?.map(Self).ok_or_else(Refusal::unauthenticated)
    }
}

impl FromRequestParts<State> for MaybeSignedIn {
    type Rejection = Trouble;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Trouble> {
        let Some(token) = cookie(&parts.headers) else { return Ok(Self(None)) };
        Ok(Self(whose(&token, parts, state).await?))
    }
}

async fn whose(token: &Token, parts: &mut Parts, state: &State) -> Result<Option<Caller>, Unavailable> {
    let Ok(Address(from)) = Address::from_request_parts(parts, state).await;
    state.kernel().caller_from(token, Some(from)).await
}

/// The token that a request brings, and whether a cookie brings it.
pub fn presented(headers: &HeaderMap) -> Option<(Token, bool)> {
    let by_cookie = || cookie(headers).map(|token| (token, true));
    bearer(headers).map(|token| (token, false)).or_else(by_cookie)
}

fn bearer(headers: &HeaderMap) -> Option<Token> {
    let bearer = headers.typed_get::<Authorization<Bearer>>()?;
    Some(Token::from_client(bearer.token()))
}

fn cookie(headers: &HeaderMap) -> Option<Token> {
    CookieJar::from_headers(headers).get(SESSION_COOKIE).map(|cookie| Token::from_client(cookie.value()))
}

/// A form that did not come from our own pages. If the public address is known, it may be that the person came by another.
#[derive(Debug)]
pub struct Foreign {
    public_url: Option<PublicUrl>,
}

impl IntoResponse for Foreign {
    fn into_response(self) -> Response {
        let (words, to) = match &self.public_url {
            Some(url) => (
                format!(
                    "Nothing was done, because this page does not belong to {}. Go there and try again.",
                    url.as_str()
                ),
                url.as_str().to_owned(),
            ),
            None => (
                "Nothing was done, because another page sent this. Go there and try again.".into(),
                "/".into(),
            ),
        };
        let offers = vec![Offer::Link { to, words: "Go to KafkaTalk" }];
        let heading = "This is not the right address".into();
        PlainPage { status: StatusCode::FORBIDDEN, heading, words, offers, again_after: None }.into_response()
    }
}

/// For forms that anybody may post: refused with a page if the browser says that another site's page sent them.
pub fn refuse_foreign_form(headers: &HeaderMap, settings: &Settings) -> Result<(), Foreign> {
    match from_own_pages(headers, settings) {
        Some(false) => Err(Foreign { public_url: settings.public_url.clone() }),
        Some(true) | None => Ok(()),
    }
}

/// For forms that change something by cookie: refused with a page if the browser does not say that ours sent them.
pub fn require_own_form(headers: &HeaderMap, settings: &Settings) -> Result<(), Foreign> {
    match from_own_pages(headers, settings) {
        Some(true) => Ok(()),
        Some(false) | None => Err(Foreign { public_url: settings.public_url.clone() }),
    }
}

/// For changes with a cookie: the browser must say that the request comes from our own pages.
pub fn require_same_origin(headers: &HeaderMap, settings: &Settings) -> Result<(), Refusal> {
    match from_own_pages(headers, settings) {
        Some(true) => Ok(()),
        Some(false) | None => Err(foreign(settings)),
    }
}

/// For what anybody may post: refused only if the browser says that another site's page sent it.
pub fn refuse_foreign_origin(headers: &HeaderMap, settings: &Settings) -> Result<(), Refusal> {
    match from_own_pages(headers, settings) {
        Some(false) => Err(foreign(settings)),
        Some(true) | None => Ok(()),
    }
}

fn foreign(settings: &Settings) -> Refusal {
    let own = "A request with the session cookie must come from this server's own pages";
    let detail = match &settings.public_url {
        Some(url) => format!("{own}, which are at {}; programs use a bearer token.", url.as_str()),
        None => format!("{own}; programs use a bearer token."),
    };
    Refusal::new(ErrorCode::Forbidden, detail)
}

/// Whether a page of ours sent this; none where the browser does not tell.
fn from_own_pages(headers: &HeaderMap, settings: &Settings) -> Option<bool> {
    if let Some(site) = headers.get("sec-fetch-site") {
        return Some(site == "same-origin" || site == "none");
    }
    let origin = headers.get(header::ORIGIN)?;
    if let Some(own) = &settings.public_url {
        return Some(origin.as_bytes().eq_ignore_ascii_case(own.as_str().as_bytes()));
    }
    let forwarded = settings.trust_proxy.then(|| forwarded::host(headers)).flatten();
    let host = forwarded.or_else(|| headers.get(header::HOST)?.to_str().ok())?;
    let origin: Option<Uri> = origin.to_str().ok().and_then(|origin| origin.parse().ok());
    Some(origin.is_some_and(|origin| is_at(&origin, host)))
}

/// Whether an origin is at that host. A port that goes without saying may be said or not.
fn is_at(origin: &Uri, host: &str) -> bool {
    let usual = match origin.scheme_str() {
        Some("https") => 443,
        Some("http") => 80,
        _ => return false,
    };
    let Some((origin, host)) = origin.authority().zip(host.parse::<Authority>().ok()) else { return false };
    let port = |authority: &Authority| authority.port_u16().unwrap_or(usual);
    origin.host().eq_ignore_ascii_case(host.host()) && port(origin) == port(&host)
}

/// The header that gives a browser its session.
pub fn session_cookie(token: &Token, secure: bool) -> HeaderValue {
    // The time fits: it is a constant.
    let max_age = COOKIE_TIME.try_into().unwrap_or_default();
    set_cookie(Cookie::build((SESSION_COOKIE, token.reveal().to_owned())).max_age(max_age).build(), secure)
}

/// The header that takes it away.
pub fn no_cookie(secure: bool) -> HeaderValue {
    set_cookie(Cookie::build(SESSION_COOKIE).removal().build(), secure)
}

fn set_cookie(mut cookie: Cookie<'_>, secure: bool) -> HeaderValue {
    cookie.set_path("/");
    cookie.set_http_only(true);
    cookie.set_same_site(SameSite::Lax);
    cookie.set_secure(secure);
    let mut value = HeaderValue::from_str(&cookie.to_string())
        // Tokens are hex digits, so the header is always sound.
        .unwrap_or(HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::PublicUrl;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value))).collect()
    }

    /// A cookie's parts, sorted.
    fn parts(cookie: &HeaderValue) -> Vec<&str> {
        let mut parts: Vec<_> = cookie.to_str().unwrap().split("; ").collect();
        parts.sort_unstable();
        parts
    }

    #[test]
    fn a_session_is_kept_by_the_browser_for_400_days_out_of_reach_of_scripts_and_other_sites() {
        let token = Token::from_client("00ff");
        let expected = ["HttpOnly", "Max-Age=34560000", "Path=/", "SameSite=Lax", "kafkatalk_session=00ff"];
        assert_eq!(parts(&session_cookie(&token, false)), expected);
        assert!(session_cookie(&token, true).to_str().unwrap().contains("; Secure"));
        assert!(session_cookie(&token, true).is_sensitive());
    }

    #[test]
    fn a_session_that_ended_is_taken_from_the_browser_by_a_cookie_of_the_same_place() {
        let gone = no_cookie(false);
        let parts = parts(&gone);
        for part in ["kafkatalk_session=", "Max-Age=0", "Path=/", "HttpOnly", "SameSite=Lax"] {
            assert!(parts.contains(&part), "{parts:?}");
        }
    }

    #[test]
    fn a_bearer_token_is_read_in_any_case_of_its_scheme_and_comes_before_a_cookie() {
        for (value, token) in [
            ("Bearer abc", Some("abc")),
            ("bearer abc", Some("abc")),
            ("BEARER   abc", Some("abc")),
            ("Basic abc", None),
            ("Bearer", None),
            ("abc", None),
        ] {
            let found = bearer(&headers(&[("authorization", value)]));
            assert_eq!(found.as_ref().map(Token::reveal), token, "{value}");
        }
        let both = headers(&[("authorization", "Bearer abc"), ("cookie", "kafkatalk_session=def")]);
        let (token, by_cookie) = presented(&both).unwrap();
        assert_eq!((token.reveal(), by_cookie), ("abc", false));
    }

    #[test]
    fn only_our_own_pages_are_the_same_origin() {
        for (pairs, own) in [
            (vec![("origin", "http://chat.example:8080"), ("host", "chat.example:8080")], Some(true)),
            (vec![("origin", "http://evil.example"), ("host", "chat.example:8080")], Some(false)),
            (vec![("origin", "null"), ("host", "chat.example")], Some(false)),
            (vec![("sec-fetch-site", "same-origin")], Some(true)),
            (vec![("sec-fetch-site", "same-site"), ("host", "a")], Some(false)),
            (vec![("sec-fetch-site", "cross-site"), ("origin", "http://a"), ("host", "a")], Some(false)),
            (vec![("host", "chat.example")], None),
            (vec![("origin", "https://chat.example"), ("host", "chat.example:443")], Some(true)),
            (vec![("origin", "https://chat.example:443"), ("host", "Chat.example")], Some(true)),
            (vec![("origin", "http://chat.example"), ("host", "chat.example:80")], Some(true)),
            (vec![("origin", "http://[::1]"), ("host", "[::1]:80")], Some(true)),
            (vec![("origin", "http://chat.example"), ("host", "chat.example:443")], Some(false)),
            (vec![("origin", "https://chat.example"), ("host", "chat.example:80")], Some(false)),
            (vec![("origin", "https://chat.example:8443"), ("host", "chat.example")], Some(false)),
            (vec![("origin", "https://chat.example"), ("host", "")], Some(false)),
        ] {
            assert_eq!(from_own_pages(&headers(&pairs), &Settings::default()), own, "{pairs:?}");
        }
    }

    #[test]
    fn a_forwarded_host_counts_only_from_a_trusted_proxy() {
        let pairs =
            [("origin", "https://chat.example"), ("host", "10.0.0.1"), ("x-forwarded-host", "chat.example")];
        let trusting = Settings { trust_proxy: true, ..Settings::default() };
        assert_eq!(from_own_pages(&headers(&pairs), &Settings::default()), Some(false));
        assert_eq!(from_own_pages(&headers(&pairs), &trusting), Some(true));
        let pairs =
            [("origin", "https://chat.example"), ("x-forwarded-host", "chat.example:443, inner:8080")];
        assert_eq!(from_own_pages(&headers(&pairs), &trusting), Some(true));
    }

    #[test]
    fn where_the_public_address_is_told_it_alone_is_our_own() {
        let public_url = Some(PublicUrl::parse("https://Chat.example:443/").unwrap());
        let settings = Settings { trust_proxy: true, public_url, ..Settings::default() };
        for (origin, host, own) in [
            ("https://chat.example", "10.0.0.1", true),
            ("http://chat.example", "chat.example", false),
            ("https://evil.example", "evil.example", false),
        ] {
            let pairs = [("origin", origin), ("host", host), ("x-forwarded-host", host)];
            assert_eq!(from_own_pages(&headers(&pairs), &settings), Some(own), "{origin}");
        }
    }
}
