//! Bodies of HTTP requests and answers.

use super::{
    kind::Kind,
    people::{conversation, conversations, first, later, moment, person, session},
};
use kafkatalk_protocol::{
    CreationId, ErrorCode, FieldError, Offset, Problem,
    http::{
        Conversations, Found, Hit, Me, Messages, OpenConversation, ReadUpTo, Session, Sessions, SignedIn,
        SnippetPart, Users,
    },
};
use std::{fs, path::Path};

fn part(text: &str, hit: bool) -> SnippetPart {
    SnippetPart { text: text.into(), hit }
}

pub(super) fn kinds() -> Vec<Kind> {
    let hit = Hit { message: later(), snippet: vec![part("crème", true), part(" \"brûlée\"…", false)] };
    let device = Session {
        id: session(),
        created_at: moment(),
        last_seen_at: moment(),
        user_agent: Some("curl/8".into()),
        current: true,
    };
    let other = Session { user_agent: None, current: false, ..device.clone() };
    let pair = OpenConversation { members: vec!["person-2".parse().unwrap()], id: None };
    let members = ["person-2", "person-3"].map(|name| name.parse().unwrap()).into();
    let group = OpenConversation { members, id: Some(CreationId(conversation().0)) };
    let (some, none) = (Some("a cursor".to_owned()), None::<String>);
    vec![
        Kind::of("body.user", &[person(1)]),
        Kind::of("body.message", &[first(), later()]),
        Kind::of("body.conversation", &conversations()),
        Kind::of("body.signed_in", &[SignedIn { user: person(1), token: "0123456789abcdef".repeat(4) }]),
        Kind::of("body.me", &[Me { user: person(1) }]),
        Kind::of("body.users", &[Users { users: vec![] }, Users { users: vec![person(1), person(2)] }]),
        Kind::of("body.session", &[device.clone(), other.clone()]),
        Kind::of("body.sessions", &[Sessions { sessions: vec![device, other] }]),
        Kind::of("body.open_conversation", &[pair, group]),
        Kind::of(
            "body.conversations",
            &[
                Conversations { conversations: vec![], next: none.clone() },
                Conversations { conversations: conversations().into(), next: some.clone() },
            ],
        ),
        Kind::of(
            "body.messages",
            &[
                Messages { messages: vec![], next: None },
                Messages { messages: vec![first(), later()], next: Some(Offset(3)) },
            ],
        ),
        Kind::of("body.read_up_to", &[ReadUpTo { offset: Offset(3) }]),
        Kind::of(
            "body.found",
            &[Found { hits: vec![], next: none }, Found { hits: vec![hit.clone()], next: some }],
        ),
        Kind::of("body.hit", &[hit]),
        Kind::of("body.snippet_part", &[part("crème", true), part(" brûlée", false)]),
        Kind::of("body.problem", &problems()),
        Kind::of("body.field_error", &[field("username")]),
    ]
}

fn field(name: &str) -> FieldError {
    FieldError { field: name.into(), detail: "Begin with a letter or a digit.".into() }
}

/// One of every code; a code that is missing here does not compile.
fn problems() -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut code = Some(ErrorCode::InvalidInput);
    while let Some(this) = code {
        // Titles and details are words for people, which may change.
        let title = "What happened".to_owned();
        problems.push(Problem { title, ..Problem::new(this, "What happened, and what to do.") });
        code = match this {
            ErrorCode::InvalidInput => Some(ErrorCode::MalformedJson),
            ErrorCode::MalformedJson => Some(ErrorCode::Unauthenticated),
            ErrorCode::Unauthenticated => Some(ErrorCode::WrongCredentials),
            ErrorCode::WrongCredentials => Some(ErrorCode::Forbidden),
            ErrorCode::Forbidden => Some(ErrorCode::NotFound),
            ErrorCode::NotFound => Some(ErrorCode::UsernameTaken),
            ErrorCode::UsernameTaken => Some(ErrorCode::Conflict),
            ErrorCode::Conflict => Some(ErrorCode::TooLarge),
            ErrorCode::TooLarge => Some(ErrorCode::RateLimited),
            ErrorCode::RateLimited => Some(ErrorCode::LogUnavailable),
            ErrorCode::LogUnavailable => Some(ErrorCode::Internal),
            // What a client makes of a newer server's code; never written.
            ErrorCode::Internal | ErrorCode::Unknown => None,
        };
    }
    problems[0].errors = vec![field("username"), field("password")];
    for problem in problems.iter_mut().filter(|problem| [429, 503].contains(&problem.status)) {
        problem.retry_after = Some(2);
    }
    problems
}

/// The crate's sources.
pub(super) fn sources() -> Vec<String> {
    fn gather(folder: &Path, into: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                gather(&path, into);
            } else {
                into.push(fs::read_to_string(path).unwrap());
            }
        }
    }
    let mut sources = Vec::new();
    gather(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut sources);
    sources
}

/// What crosses the wire in bodies: the types that OpenAPI describes, ids and texts apart, which are strings.
pub(super) fn names() -> Vec<String> {
    let mut names = Vec::new();
    for text in sources() {
        for item in text.split("derive(utoipa::ToSchema))]\n").skip(1) {
            let declared = item.lines().find(|line| line.starts_with("pub ")).unwrap_or_default();
            if let Some(name) = declared.strip_prefix("pub struct ").and_then(|line| line.strip_suffix(" {"))
            {
                names.push(format!("body.{}", snake(name)));
            }
        }
    }
    assert!(names.len() >= 17, "the bodies are no longer declared where this looks: {names:?}");
    names
}

fn snake(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}
