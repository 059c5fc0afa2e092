//! Pages as the server renders them: `cargo test -p kafkatalk-app --features ssr`.
#![cfg(feature = "ssr")]

use kafkatalk_app::page::{AssetPath, FormModel, OpenModel, PageModel};
use kafkatalk_app::route::Route;
use kafkatalk_protocol::{
    Body, Conversation, ConversationId, FieldError, Message, MessageId, Offset, Timestamp, User, UserId,
    reaction::{Emoji, Reaction},
    reply::Quote,
};
use leptos::prelude::*;
use leptos_router::{PathSegment, RouteList, location::RequestUrl};
use uuid::Uuid;

fn render(model: PageModel) -> String {
    Owner::new().with(|| {
        provide_context(RequestUrl::new(&format!("http://localhost{}", model.route)));
        provide_context(model);
        provide_context(AssetPath("/pkg/0123abcd".into()));
        kafkatalk_app::shell().to_html()
    })
}

/// What is between the tags of the body: the page without its model, which is data in the head.
fn body(html: &str) -> &str {
    &html[html.find("<body>").unwrap()..]
}

fn user(number: u128, name: &str) -> User {
    User { id: UserId(Uuid::from_u128(number)), username: name.parse().unwrap() }
}

#[test]
fn a_character_that_html_drops_is_not_in_the_page() {
    let html = render(talk("\0"));
    assert!(!html.contains('\0'));
    assert_eq!(body(&html).matches('\u{fffd}').count(), 2, "in the list and in the conversation");
}

fn talk(text: &str) -> PageModel {
    let (ada, bob) = (user(1, "ada"), user(2, "bob"));
    let id = ConversationId::of_pair(ada.id, bob.id);
    let sent_at = "2026-01-31T09:15:00.123Z".parse().unwrap();
    let (message_id, body) = (MessageId(Uuid::from_u128(7)), Body::kept(text).unwrap());
    let message = Message {
        previous: Some(Offset(40)),
        ..Message::new(id, Offset(41), message_id, bob.clone(), sent_at, body)
    };
    model_of(message, ada, bob)
}

/// A page that shows that message of the second one to the first one.
fn model_of(message: Message, ada: User, bob: User) -> PageModel {
    let id = message.conversation;
    let conversation = Conversation {
        last_message: Some(message.clone()),
        unread: 1,
        ..Conversation::new(id, vec![ada.clone(), bob], Timestamp::default())
    };
    PageModel {
        route: Route::Conversation(id),
        viewer: Some(ada),
        conversations: vec![conversation.clone()],
        open: Some(OpenModel { conversation, messages: vec![message], earlier: Some(Offset(41)) }),
        now: "2026-01-31T20:00:00.000Z".parse().unwrap(),
        utc_offset_minutes: 60,
        ..PageModel::default()
    }
}

#[test]
fn conversations_and_newest_messages_can_be_read_without_script() {
    let html = render(talk("see you at nine"));
    let body = body(&html);
    assert!(body.contains("see you at nine"));
    assert!(body.contains("bob said:"));
    assert!(body.contains("role=\"log\""));
    // The reader's clock, an hour east.
    assert!(body.contains("10:15"), "{body}");
    assert!(body.contains("Today"));
    assert!(html.contains("<title>(1) bob · KafkaTalk</title>"));
}

/// The page of [`talk`], after something was done with its message.
fn talk_where(change: impl FnOnce(&mut Message)) -> String {
    let model = talk("see you at nine");
    let mut message = model.open.as_ref().unwrap().messages[0].clone();
    change(&mut message);
    let html = render(model_of(message, user(1, "ada"), user(2, "bob")));
    body(&html).to_owned()
}

#[test]
fn an_edited_message_says_so_and_any_other_does_not() {
    let edited = talk_where(|message| message.edited_at = Some(message.sent_at));
    assert!(edited.contains(">edited<"));
    assert!(!talk_where(|_| {}).contains(">edited<"));
}

#[test]
fn a_deleted_message_shows_that_it_was_and_nothing_of_what_it_said() {
    let deleted = talk_where(kafkatalk_app::features::delete::Delete::empty);
    assert!(deleted.contains("This message was deleted."));
    assert!(deleted.contains("deleted"), "{deleted}");
    assert!(!deleted.contains("see you at nine"));
}

#[test]
fn a_reaction_is_a_button_that_says_whose_it_is() {
    let emoji: Emoji = "👍".parse().unwrap();
    let of = |number| {
        talk_where(|message| {
            message.reactions = vec![Reaction { emoji, users: vec![user(number, "somebody").id] }];
        })
    };
    let theirs = of(2);
    assert!(theirs.contains("aria-label=\"bob reacted with 👍\""), "{theirs}");
    assert!(theirs.contains("aria-pressed=\"false\""));
}

#[test]
fn a_reply_shows_what_it_is_to() {
    let quote = |excerpt: Option<&str>| Quote {
        offset: Offset(3),
        sender: Some(user(1, "ada")),
        excerpt: excerpt.map(str::to_owned),
    };
    let reply = talk_where(|message| message.reply_to = Some(quote(Some("When do we meet?"))));
    assert!(reply.contains("When do we meet?"));
    let gone = talk_where(|message| message.reply_to = Some(quote(None)));
    assert!(gone.contains("Original message not available"));
}

#[test]
fn what_one_can_do_with_a_message_is_behind_a_button_with_a_name() {
    let html = talk_where(|_| {});
    assert!(html.contains("aria-label=\"Message actions\""));
    assert!(html.contains("aria-haspopup=\"menu\""));
}

#[test]
fn what_people_write_is_text_and_nothing_else() {
    let html = render(talk(
        "</script><script>alert(1)</script> <img src=x onerror=alert(1)> https://a.example/\"><b>",
    ));
    assert_eq!(html.matches("<script").count(), 2, "the model and the start, no more");
    assert!(!html.contains("<img"));
    assert!(!html.contains("<b>"));
    assert!(html.contains("href=\"https://a.example/\""));
}

#[test]
fn links_open_elsewhere_and_tell_nothing() {
    let html = render(talk("https://a.example/x"));
    assert!(html.contains("target=\"_blank\""));
    assert!(html.contains("rel=\"noopener noreferrer nofollow\""));
}

#[test]
fn pages_need_no_inline_style_which_the_content_security_policy_forbids() {
    for model in [PageModel::default(), talk("hello")] {
        let html = render(model);
        assert!(!html.contains(" style="), "{html}");
        assert!(!html.contains("<style"), "{html}");
    }
}

#[test]
fn a_refused_form_says_why_under_the_field_and_keeps_the_name() {
    let errors = vec![FieldError { field: "username".into(), detail: "That username is taken.".into() }];
    let form = Some(FormModel { username: "ada".into(), errors });
    let html = render(PageModel { form, ..PageModel::default() });
    assert!(html.contains("value=\"ada\""));
    assert!(html.contains("aria-invalid=\"true\""));
    assert!(html.contains("aria-describedby=\"username-error\""));
    assert!(html.contains("That username is taken."));
}

#[test]
fn the_page_to_go_on_to_travels_with_the_sign_in_form() {
    let next = Some("/conversations?to=bob".to_owned());
    let html = render(PageModel { route: Route::SignIn { next }, ..PageModel::default() });
    assert!(html.contains("name=\"next\""));
    assert!(html.contains("value=\"/conversations?to=bob\""));
}

#[test]
fn a_conversation_that_the_viewer_may_not_see_is_not_found() {
    let model = PageModel { open: None, conversations: Vec::new(), ..talk("hello") };
    let html = render(model);
    assert!(html.contains("Conversation not found"));
}

#[test]
fn a_person_without_conversations_gets_help_to_find_someone() {
    let viewer = Some(user(1, "ada"));
    let html = render(PageModel { viewer, route: Route::Conversations { to: None }, ..PageModel::default() });
    assert!(html.contains("No conversations yet"));
    assert!(html.contains("/conversations?to=ada"));
}

#[test]
fn a_page_to_find_somebody_does_not_say_that_there_is_nobody_before_anybody_was_asked() {
    let viewer = Some(user(1, "bob"));
    let route = Route::Conversations { to: Some("ada".into()) };
    let html = render(PageModel { viewer, route, ..PageModel::default() });
    assert!(html.contains("Searching"));
    assert!(!html.contains("No people"));
}

#[test]
fn a_deferred_part_leaves_its_words_and_not_its_fields() {
    let viewer = Some(user(1, "bob"));
    let route = Route::Conversations { to: Some("ada".into()) };
    let html = render(PageModel { viewer, route, ..PageModel::default() });
    assert!(!html.contains("combobox"));
}

#[test]
fn every_address_that_the_router_knows_means_a_page() {
    let routes = Owner::new().with(|| {
        provide_context(RequestUrl::new("http://localhost/"));
        RouteList::generate(kafkatalk_app::App).unwrap().into_inner()
    });
    let paths: Vec<String> = routes
        .iter()
        .map(|route| {
            let id = Uuid::from_u128(7).to_string();
            route.path().iter().fold(String::new(), |path, segment| match segment {
                PathSegment::Static(part) if !part.is_empty() && !part.starts_with('/') => {
                    format!("{path}/{part}")
                }
                PathSegment::Param(_) => format!("{path}/{id}"),
                _ => path,
            })
        })
        .collect();
    assert_eq!(paths.len(), 4, "{paths:?}");
    for path in paths {
        assert_ne!(Route::parse(&path, None), Route::NotFound, "{path}");
    }
}
