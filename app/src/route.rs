//! The addresses of the site, parsed once on either side.
//!
//! The server parses the request's address into a [`Route`] and puts it into the page model; the browser parses the
//! address bar when it changes. So the same address shows the same page, whoever renders it.

use kafkatalk_protocol::ConversationId;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A page of the site.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Route {
    /// `/`: what this is, and registering.
    #[default]
    Welcome,
    /// `/sign-in`, with the page of this site to go on to (`?next=`).
    SignIn {
        /// A path of this site, already checked.
        next: Option<String>,
    },
    /// `/conversations`, with the person to find (`?to=`).
    Conversations {
        /// The start of a name, as given.
        to: Option<String>,
    },
    /// `/conversations/{id}`.
    Conversation(ConversationId),
    /// Anything else.
    NotFound,
}

/// Most bytes of an address parameter that is taken over into a page.
const PARAMETER_BYTES_MAX: usize = 512;

impl Route {
    /// Parses a path and its query (without the question mark).
    pub fn parse(path: &str, query: Option<&str>) -> Self {
        let parameter = |name| query.and_then(|query| find_parameter(query, name));
        let path = path.strip_suffix('/').unwrap_or(path);
        match path {
            "" => Self::Welcome,
            "/sign-in" => Self::SignIn { next: parameter("next").as_deref().and_then(safe_next) },
            "/conversations" => Self::Conversations { to: parameter("to").filter(|to| !to.is_empty()) },
            _ => match path.strip_prefix("/conversations/").map(str::parse) {
                Some(Ok(id)) => Self::Conversation(id),
                _ => Self::NotFound,
            },
        }
    }

    /// Whether it shows the list and a conversation.
    pub fn is_signed_in_page(&self) -> bool {
        matches!(self, Self::Conversations { .. } | Self::Conversation(_))
    }

    /// The conversation in the address.
    pub fn conversation(&self) -> Option<ConversationId> {
        match self {
            Self::Conversation(id) => Some(*id),
            _ => None,
        }
    }
}

impl fmt::Display for Route {
    /// The address, as it stands in a link.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Welcome | Self::NotFound => f.write_str("/"),
            Self::SignIn { next: None } => f.write_str("/sign-in"),
            Self::SignIn { next: Some(next) } => write!(f, "/sign-in?next={}", encode(next)),
            Self::Conversations { to: None } => f.write_str("/conversations"),
            Self::Conversations { to: Some(to) } => write!(f, "/conversations?to={}", encode(to)),
            Self::Conversation(id) => write!(f, "/conversations/{id}"),
        }
    }
}

/// The page to go on to after signing in, if it is one of this site's own that need it. Nothing else is followed, so
/// that a link cannot send people elsewhere.
pub fn safe_next(next: &str) -> Option<String> {
    let (path, query) = next.split_once('?').map_or((next, None), |(path, query)| (path, Some(query)));
    let route = Route::parse(path, query);
    route.is_signed_in_page().then(|| route.to_string())
}

fn find_parameter(query: &str, name: &str) -> Option<String> {
    let value = query.split('&').find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name))?.1;
    (value.len() <= PARAMETER_BYTES_MAX).then(|| decode(value))
}

/// Percent-decoding as of forms. What is no valid escape stands for itself.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let escaped =
            (first == b'%' && tail.len() >= 2).then(|| Some(hex(tail[0])? << 4 | hex(tail[1])?)).flatten();
        if let Some(byte) = escaped {
            bytes.push(byte);
            rest = &tail[2..];
        } else {
            bytes.push(if first == b'+' { b' ' } else { first });
            rest = tail;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];

/// Percent-encoding of everything but unreserved characters.
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.extend(['%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    #[test]
    fn an_address_names_its_page() {
        let id = ConversationId(Uuid::from_u128(7));
        for (path, query, route) in [
            ("/", None, Route::Welcome),
            ("/sign-in", None, Route::SignIn { next: None }),
            ("/conversations", None, Route::Conversations { to: None }),
            ("/conversations/", None, Route::Conversations { to: None }),
            ("/conversations", Some("to=bob"), Route::Conversations { to: Some("bob".into()) }),
            ("/conversations/00000000-0000-0000-0000-000000000007", None, Route::Conversation(id)),
            ("/conversations/7", None, Route::NotFound),
            ("/elsewhere", None, Route::NotFound),
        ] {
            assert_eq!(Route::parse(path, query), route, "{path}");
        }
    }

    #[test]
    fn signing_in_goes_on_only_to_pages_of_this_site() {
        for elsewhere in
            ["https://evil.example", "//evil.example", "/\\evil.example", "/sign-in", "javascript:1"]
        {
            assert_eq!(safe_next(elsewhere), None, "{elsewhere}");
        }
        let page = "/conversations/00000000-0000-0000-0000-000000000007";
        assert_eq!(safe_next(page).as_deref(), Some(page));
        assert_eq!(safe_next("/conversations?to=bob").as_deref(), Some("/conversations?to=bob"));
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes_to_itself(text in "\\PC{0,60}") {
            prop_assert_eq!(decode(&encode(&text)), text);
        }

        #[test]
        fn any_address_is_parsed_without_panic(path in "\\PC{0,60}", query in "\\PC{0,60}") {
            let _ = Route::parse(&path, Some(&query));
        }

        #[test]
        fn a_route_survives_its_address(to in "[a-z]{1,9}", id in any::<u128>()) {
            for route in [
                Route::Conversations { to: Some(to) },
                Route::Conversation(ConversationId(Uuid::from_u128(id))),
                Route::SignIn { next: Some("/conversations".into()) },
            ] {
                let address = route.to_string();
                let (path, query) = address.split_once('?').map_or((&*address, None), |(p, q)| (p, Some(q)));
                prop_assert_eq!(Route::parse(path, query), route);
            }
        }
    }
}
