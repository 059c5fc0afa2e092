//! The routes of the API as the tests know them: what a client asks for, and what it is answered.

use kafkatalk_app::client::{Request, RequestError};
use kafkatalk_protocol::{
    Conversation, ConversationId, ErrorCode, Offset, User,
    http::{Conversations, Me, Messages},
};

/// What is fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fetch {
    Session,
    Conversations { before: Option<String>, limit: usize },
    Conversation(ConversationId),
    Messages { conversation: ConversationId, page: Page, limit: usize },
}

/// A page of history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    Latest,
    Before(Offset),
    After(Option<Offset>),
    ChangedAfter(Offset),
}

/// An answer that is not an error.
#[allow(dead_code, reason = "each of the tests uses some")]
#[derive(Debug)]
pub(crate) enum Answer {
    Session(User),
    Conversations(Conversations),
    Conversation(Box<Conversation>),
    Messages(Messages),
}

/// The server refuses with that code.
pub(crate) fn refused(code: ErrorCode) -> RequestError {
    RequestError::Refused { code, detail: String::new(), retry_after_seconds: None }
}

impl Fetch {
    /// Reads a request as the server does.
    pub(crate) fn of(request: &Request) -> Self {
        assert_eq!((request.method, &request.body), ("GET", &None), "nothing is changed by itself");
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let mut parameters: Vec<_> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
        let mut take = |name: &str| {
            let index = parameters.iter().position(|(known, _)| *known == name)?;
            Some(parameters.remove(index).1.to_owned())
        };
        let limit = take("limit").map(|limit| limit.parse().unwrap());
        let path: Vec<_> = path.split('/').skip(1).collect();
        let fetch = match path[..] {
            ["me"] => Self::Session,
            ["conversations"] => {
                Self::Conversations { before: take("before").as_deref().map(decoded), limit: limit.unwrap() }
            }
            ["conversations", id] => Self::Conversation(id.parse().unwrap()),
            ["conversations", id, "messages"] => {
                let offset = |text: String| Offset(text.parse().unwrap());
                let page = if let Some(before) = take("before") {
                    Page::Before(offset(before))
                } else if let Some(after) = take("after") {
                    Page::After((after != "-1").then(|| offset(after)))
                } else {
                    take("changed_after").map_or(Page::Latest, |record| Page::ChangedAfter(offset(record)))
                };
                Self::Messages { conversation: id.parse().unwrap(), page, limit: limit.unwrap() }
            }
            _ => panic!("there is no such route: {}", request.path),
        };
        assert!(parameters.is_empty(), "parameters that mean nothing: {}", request.path);
        fetch
    }
}

/// A parameter without its escapes.
fn decoded(text: &str) -> String {
    let mut bytes = text.bytes();
    let mut decoded = Vec::new();
    while let Some(byte) = bytes.next() {
        let escaped = || String::from_utf8(vec![bytes.next()?, bytes.next()?]).ok();
        decoded.push(match byte {
            b'%' => u8::from_str_radix(&{ escaped }().unwrap(), 16).unwrap(),
            plain => plain,
        });
    }
    String::from_utf8(decoded).unwrap()
}

impl Answer {
    /// As it goes over the network.
    pub(crate) fn to_text(&self) -> String {
        let text = match self {
            Self::Session(user) => serde_json::to_string(&Me { user: user.clone() }),
            Self::Conversations(page) => serde_json::to_string(page),
            Self::Conversation(conversation) => serde_json::to_string(conversation),
            Self::Messages(page) => serde_json::to_string(page),
        };
        text.unwrap()
    }
}
