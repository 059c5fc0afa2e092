//! Who is asking: the session cookie or a bearer token, and whether a change comes from our own pages.

use super::{
    problem::Refusal,
    state::{Settings, State},
};
use crate::{kernel::Caller, secrets::Token};
use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderValue, Method, Uri, header, request::Parts},
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
        match state.kernel().caller(&token).await? {
            Some(caller) => Ok(Self(caller)),
            None => Err(Refusal::unauthenticated()),
        }
    }
}

impl FromRequestParts<State> for MaybeSignedIn {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Refusal> {
        let Some(token) = cookie(&parts.headers) else { return Ok(Self(None)) };
        Ok(Self(state.kernel().caller(&token).await?))
    }
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

/// For changes with a cookie: the browser must say that the request comes from our own pages.
pub fn require_same_origin(headers: &HeaderMap, settings: &Settings) -> Result<(), Refusal> {
    match from_own_pages(headers, settings) {
        Some(true) => Ok(()),
        Some(false) | None => Err(foreign()),
    }
}

/// For forms that anybody may post: refused only if the browser says that another site's page sent them.
pub fn refuse_foreign_origin(headers: &HeaderMap, settings: &Settings) -> Result<(), Refusal> {
    match from_own_pages(headers, settings) {
        Some(false) => Err(foreign()),
        Some(true) | None => Ok(()),
    }
}

fn foreign() -> Refusal {
    Refusal::new(
        ErrorCode::Forbidden,
        "A request with the session cookie must come from this server's own pages; programs use a bearer token.",
    )
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
    let forwarded = settings.trust_proxy.then(|| headers.get("x-forwarded-host")).flatten();
    let host = forwarded.or_else(|| headers.get(header::HOST))?;
    let origin: Option<Uri> = origin.to_str().ok().and_then(|origin| origin.parse().ok());
    let authority = origin.as_ref().and_then(Uri::authority).map(axum::http::uri::Authority::as_str);
    Some(authority.is_some_and(|authority| host.as_bytes().eq_ignore_ascii_case(authority.as_bytes())))
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
