//! Who is asking: the session cookie or a bearer token, and whether a change comes from our own pages.

use super::{
    problem::Refusal,
    state::{Settings, State},
};
use crate::{features::sessions::commands::Caller, secrets::Token};
use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderValue, Method, Uri, header, request::Parts},
};
use axum_extra::extract::CookieJar;
use kafkatalk_protocol::{ErrorCode, http::SESSION_COOKIE};

/// How long a browser keeps its session cookie, in seconds: 400 days, the most that browsers allow.
const COOKIE_SECONDS: u64 = 400 * 24 * 60 * 60;

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
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| Token::from_client(token.trim()))
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
    set_cookie(&format!("{SESSION_COOKIE}={}; Max-Age={COOKIE_SECONDS}", token.reveal()), secure)
}

/// The header that takes it away.
pub fn no_cookie(secure: bool) -> HeaderValue {
    set_cookie(&format!("{SESSION_COOKIE}=; Max-Age=0"), secure)
}

fn set_cookie(pair: &str, secure: bool) -> HeaderValue {
    let secure = if secure { "; Secure" } else { "" };
    let mut value = HeaderValue::from_str(&format!("{pair}; Path=/; HttpOnly; SameSite=Lax{secure}"))
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
