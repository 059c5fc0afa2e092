//! What a trusted proxy says of the request that it passes on: `X-Forwarded-For`, `-Proto` and `-Host`.
//!
//! One rule for all three. A header is one list, however many lines it has: each proxy on the way adds what it saw at the
//! end. What limits depend on is taken from the end, where the trusted proxy wrote it: the address. What matters to the
//! browser alone is taken from the beginning, where the first proxy wrote what the browser asked for: scheme and host. Who
//! forges these deceives nobody but their own browser, since no other site can make a browser send such a header.

use axum::http::{HeaderMap, HeaderValue};
use std::{
    net::{IpAddr, SocketAddr},
    sync::Once,
};

/// Most characters of a header that are logged.
const LOGGED_CHARS_MAX: usize = 60;

/// Said once, or a proxy that is set up wrongly would fill the log.
static UNREADABLE: Once = Once::new();

/// The address that the trusted proxy was asked from; none where it says none that can be read.
pub fn address(headers: &HeaderMap) -> Option<IpAddr> {
    // One that is no text counts as well: without it, an entry before it would count, which the client may have chosen.
    let last = entries(headers, "x-forwarded-for").last()?;
    let address = str::from_utf8(last).ok().and_then(parse_address);
    if address.is_none() {
        UNREADABLE.call_once(|| {
            let value: String = String::from_utf8_lossy(last).chars().take(LOGGED_CHARS_MAX).collect();
            tracing::warn!(
                value,
                "X-Forwarded-For ends in no address: limits by address count all of this proxy's clients as one"
            );
        });
    }
    address
}

/// Whether the browser asked by https.
pub fn is_https(headers: &HeaderMap) -> bool {
    entries(headers, "x-forwarded-proto").next().is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"https"))
}

/// The host that the browser asked for, with its port if the proxy names one.
pub fn host(headers: &HeaderMap) -> Option<&str> {
    entries(headers, "x-forwarded-host").next().and_then(|host| str::from_utf8(host).ok())
}

/// Bytes, as a header may hold others than text.
fn entries<'a>(headers: &'a HeaderMap, name: &'static str) -> impl Iterator<Item = &'a [u8]> {
    let lines = headers.get_all(name).iter().map(HeaderValue::as_bytes);
    lines
        .flat_map(|line| line.split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|entry| !entry.is_empty())
}

/// With a port or without, IPv6 with brackets or without.
fn parse_address(text: &str) -> Option<IpAddr> {
    let text = text.trim_matches('"');
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    // A link-local address may name the interface, which says nothing about who it is.
    let bare = bare.split('%').next().unwrap_or(bare);
    bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderName;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let line = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        lines.iter().map(line).collect()
    }

    #[test]
    fn an_address_is_the_last_of_all_and_may_have_a_port() {
        for (lines, address) in [
            (&["203.0.113.7"][..], Some("203.0.113.7")),
            (&["203.0.113.7:51234"], Some("203.0.113.7")),
            (&["198.51.100.1, 203.0.113.7:51234"], Some("203.0.113.7")),
            (&["198.51.100.1", "203.0.113.7"], Some("203.0.113.7")),
            (&["198.51.100.1,\t203.0.113.7 ,"], Some("203.0.113.7")),
            (&["2001:db8::7"], Some("2001:db8::7")),
            (&["[2001:db8::7]"], Some("2001:db8::7")),
            (&["[2001:db8::7]:51234"], Some("2001:db8::7")),
            (&["\"[2001:db8::7]:51234\""], Some("2001:db8::7")),
            (&["fe80::1%eth0"], Some("fe80::1")),
            (&["203.0.113.7, unknown"], None),
            (&["203.0.113.7:port"], None),
            (&["_hidden"], None),
            (&[""], None),
            (&[], None),
        ] {
            let lines: Vec<_> = lines.iter().map(|line| ("x-forwarded-for", *line)).collect();
            let expected = address.map(|text| text.parse().unwrap());
            assert_eq!(super::address(&headers(&lines)), expected, "{lines:?}");
        }
    }

    #[test]
    fn an_entry_that_is_no_text_hides_nothing_behind_it_and_is_not_passed_over() {
        for (lines, address) in [
            (&[&b"\xff, 203.0.113.7"[..]][..], Some("203.0.113.7")),
            (&[b"198.51.100.1", b"\xff, 203.0.113.7"], Some("203.0.113.7")),
            (&[b"\xff", b"203.0.113.7"], Some("203.0.113.7")),
            (&[b"198.51.100.1, \xff"], None),
            (&[b"198.51.100.1", b"\xff"], None),
        ] {
            let line = |line: &&[u8]| {
                (HeaderName::from_static("x-forwarded-for"), HeaderValue::from_bytes(line).unwrap())
            };
            let expected = address.map(|text| text.parse().unwrap());
            assert_eq!(super::address(&lines.iter().map(line).collect()), expected, "{lines:?}");
        }
        let other = |name, line: &[u8]| -> HeaderMap {
            [(HeaderName::from_static(name), HeaderValue::from_bytes(line).unwrap())].into_iter().collect()
        };
        assert_eq!(host(&other("x-forwarded-host", b"\xff, chat.example")), None);
        assert!(!is_https(&other("x-forwarded-proto", b"\xff, https")));
    }

    #[test]
    fn scheme_and_host_are_the_first_of_all() {
        for (scheme, https) in [
            (&["https"][..], true),
            (&["HTTPS"], true),
            (&["https, http"], true),
            (&["https,http"], true),
            (&["https", "http"], true),
            (&["http, https"], false),
            (&["http"], false),
            (&["httpsx"], false),
            (&[], false),
        ] {
            let lines: Vec<_> = scheme.iter().map(|line| ("x-forwarded-proto", *line)).collect();
            assert_eq!(is_https(&headers(&lines)), https, "{scheme:?}");
        }
        let both = headers(&[("x-forwarded-host", "chat.example:8443, inner:80")]);
        assert_eq!(host(&both), Some("chat.example:8443"));
        assert_eq!(host(&headers(&[])), None);
    }
}
