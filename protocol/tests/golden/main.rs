//! Golden files: what each version wrote, kept for ever. `v1/server.ack.json` holds `ack` frames as the first version wrote
//! them.
//!
//! - Every kind has a golden file: events, frames in both directions, bodies of HTTP.
//! - The newest golden file of a kind is what is written now, exactly.
//! - An older one is still read, and nothing of it is lost: stored records, clients and nodes of that version hold such texts.
//!
//! A new kind, or a field that is added, comes with a file in the folder of the next version: an array of examples, with and
//! without what is optional. A file that was released is never changed.

mod declared;
mod files;

use files::File;
use kafkatalk_protocol::{
    ClientFrame, Conversation, FieldError, Message, Problem, ServerFrame, User,
    delete::MessageDeleted,
    edit::{EditMessage, MessageEdited},
    event::{
        ConversationCreated, Event, MessagePosted, ReceiptRead, SessionEnded, SessionStarted, UserClaimed,
    },
    http::{
        AddMembers, Conversations, Found, Hit, Me, Messages, NameGroup, OpenConversation, ReadUpTo, Session,
        Sessions, SetRole, SignedIn, SnippetPart, Users,
    },
    member::{ConversationNamed, MemberLeft, MemberRemoved, MemberRoleSet, MembersAdded, Notice},
    reaction::{Reaction, ReactionSet},
    reply::Quote,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Reads a text and writes it again.
type Again = fn(&Value) -> serde_json::Result<Value>;

/// Through text, as it comes from the log or the network.
fn again<T: Serialize + DeserializeOwned>(text: &Value) -> serde_json::Result<Value> {
    serde_json::to_value(serde_json::from_str::<T>(&text.to_string())?)
}

/// The payloads of records. Their envelope is the `log` crate's, and so are its golden files.
fn events() -> BTreeMap<String, Again> {
    fn event<E: Event>() -> (String, Again) {
        (format!("event.{}", E::KIND), again::<E>)
    }
    [
        event::<MessagePosted>(),
        event::<UserClaimed>(),
        event::<SessionStarted>(),
        event::<SessionEnded>(),
        event::<ConversationCreated>(),
        event::<ReceiptRead>(),
        event::<MessageEdited>(),
        event::<MessageDeleted>(),
        event::<ReactionSet>(),
        event::<MembersAdded>(),
        event::<MemberLeft>(),
        event::<MemberRemoved>(),
        event::<MemberRoleSet>(),
        event::<ConversationNamed>(),
    ]
    .into()
}

/// Bodies of requests and answers, and their parts.
fn bodies() -> BTreeMap<String, Again> {
    let bodies: [(&str, Again); 24] = [
        ("user", again::<User>),
        ("message", again::<Message>),
        ("conversation", again::<Conversation>),
        ("signed_in", again::<SignedIn>),
        ("me", again::<Me>),
        ("users", again::<Users>),
        ("session", again::<Session>),
        ("sessions", again::<Sessions>),
        ("open_conversation", again::<OpenConversation>),
        ("conversations", again::<Conversations>),
        ("messages", again::<Messages>),
        ("read_up_to", again::<ReadUpTo>),
        ("found", again::<Found>),
        ("hit", again::<Hit>),
        ("snippet_part", again::<SnippetPart>),
        ("problem", again::<Problem>),
        ("field_error", again::<FieldError>),
        ("edit_message", again::<EditMessage>),
        ("reaction", again::<Reaction>),
        ("quote", again::<Quote>),
        ("notice", again::<Notice>),
        ("add_members", again::<AddMembers>),
        ("set_role", again::<SetRole>),
        ("name_group", again::<NameGroup>),
    ];
    bodies.into_iter().map(|(name, again)| (format!("body.{name}"), again)).collect()
}

/// Every kind that the crate declares.
fn kinds() -> BTreeMap<String, Again> {
    let frames = |side: &str, tags: Vec<String>, again: Again| -> BTreeMap<String, Again> {
        tags.into_iter().map(|tag| (format!("{side}.{tag}"), again)).collect()
    };
    let client = frames("client", declared::tags("ClientFrame"), again::<ClientFrame>);
    let server = frames("server", declared::tags("ServerFrame"), again::<ServerFrame>);
    [events(), bodies(), client, server].into_iter().flatten().collect()
}

/// What may be left out where it is empty, since readers of every version take its absence for that.
const LEFT_OUT_WHERE_EMPTY: &[(&str, &str)] = &[("client.hello", ".positions")];

#[test]
fn every_kind_that_is_declared_has_a_golden_file_and_every_golden_file_a_kind() {
    let known: BTreeSet<String> = kinds().into_keys().collect();
    for declared in [declared::events(), declared::bodies()].concat() {
        assert!(known.contains(&declared), "{declared}: name its type in protocol/tests/golden/main.rs");
    }
    let golden: BTreeSet<String> = files::all().into_iter().map(|file| file.kind).collect();
    let missing: Vec<_> = known.difference(&golden).collect();
    assert!(
        missing.is_empty(),
        "no golden file of {missing:?}: see the top of protocol/tests/golden/main.rs"
    );
    let gone: Vec<_> = golden.difference(&known).collect();
    assert!(gone.is_empty(), "{gone:?} were written once, and can never be taken away");
}

#[test]
fn what_any_version_wrote_is_read_and_the_newest_of_it_is_what_is_written_now() {
    let kinds = kinds();
    for File { path, kind, newest, examples } in files::all() {
        assert!(!examples.is_empty(), "{path} is empty");
        let again = kinds[&kind];
        for text in &examples {
            let written = again(text).unwrap_or_else(|error| panic!("{path}: {error}\nin {text}"));
            let lost = lost("", text, &written);
            let lost = lost.filter(|at| newest || !LEFT_OUT_WHERE_EMPTY.contains(&(&kind, at)));
            assert_eq!(lost, None, "{path}: lost or changed in {written}");
            assert!(
                !newest || written == *text,
                "{path}: fields are written that it does not have: {written}"
            );
        }
    }
}

#[test]
fn every_code_of_an_error_has_been_seen_in_a_problem() {
    let problems = files::all().into_iter().filter(|file| file.kind == "body.problem");
    let seen: BTreeSet<String> = problems
        .flat_map(|file| file.examples)
        .map(|problem| problem["code"].as_str().unwrap().to_owned())
        .collect();
    let declared: BTreeSet<String> = declared::error_codes().into_iter().collect();
    assert_eq!(seen, declared);
}

#[test]
fn a_frame_of_a_later_server_is_read_as_unknown() {
    let read: ServerFrame = serde_json::from_str(r#"{"type":"unheard of","of":1}"#).unwrap();
    assert_eq!(read, ServerFrame::Unknown);
}

/// The first part of `old` that is missing from `new` or differs there; fields may be added.
fn lost(at: &str, old: &Value, new: &Value) -> Option<String> {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => old.iter().find_map(|(name, old)| {
            let at = format!("{at}.{name}");
            new.get(name).map_or_else(|| Some(at.clone()), |new| lost(&at, old, new))
        }),
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            let mut pairs = old.iter().zip(new).enumerate();
            pairs.find_map(|(index, (old, new))| lost(&format!("{at}[{index}]"), old, new))
        }
        _ => (old != new).then(|| at.to_owned()),
    }
}

#[test]
fn a_field_that_is_missing_or_changed_is_lost_and_one_that_is_added_is_not() {
    let old = serde_json::json!({"a": [{"b": 1}], "c": null});
    let found = |new| lost("", &old, &new);
    assert_eq!(found(serde_json::json!({"a": [{"b": 1, "d": 2}], "c": null, "e": 3})), None);
    assert_eq!(found(serde_json::json!({"a": [{"b": 2}], "c": null})).unwrap(), ".a[0].b");
    assert_eq!(found(serde_json::json!({"a": [{"b": 1}]})).unwrap(), ".c");
    assert_eq!(found(serde_json::json!({"a": [], "c": null})).unwrap(), ".a");
}
