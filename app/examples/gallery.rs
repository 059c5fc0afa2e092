//! Writes pages with sample content as HTML files, to look at them without a server:
//! `cargo run -p kafkatalk-app --features ssr --example gallery -- DIR`, then open `DIR/*.html` beside the folder `style`.

use kafkatalk_app::page::{AssetPath, FormModel, OpenModel, PageModel};
use kafkatalk_app::route::Route;
use kafkatalk_protocol::{
    Conversation, ConversationId, FieldError, Message, MessageId, Offset, Timestamp, User, UserId,
};
use leptos::prelude::*;
use leptos_router::location::RequestUrl;
use std::{fs, path::PathBuf};
use uuid::Uuid;

const MINUTE_MS: i64 = 60_000;
const NOW_MS: i64 = 1_773_150_000_000;

fn user(number: u128, name: &str) -> Result<User, anyhow::Error> {
    let id = UserId(Uuid::from_u128(number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c834)));
    Ok(User { id, username: name.parse()? })
}

fn conversation(
    viewer: &User,
    other: &User,
    lines: &[(bool, i64, &str)],
    unread: u64,
) -> Result<OpenModel, anyhow::Error> {
    let id = ConversationId::of_pair(viewer.id, other.id);
    let mut messages = Vec::new();
    for (offset, (mine, minutes_ago, text)) in lines.iter().enumerate() {
        let offset = u64::try_from(offset)?;
        let message_id = MessageId(Uuid::from_u128(u128::from(offset) + 1));
        let sender = if *mine { viewer.clone() } else { other.clone() };
        let sent_at = Timestamp::from_millis(NOW_MS - minutes_ago * MINUTE_MS);
        messages.push(Message {
            previous: offset.checked_sub(1).map(Offset),
            ..Message::new(id, Offset(offset), message_id, sender, sent_at, text.parse()?)
        });
    }
    let read = (other.id, Offset(u64::try_from(lines.len() / 2)?));
    let created_at = Timestamp::from_millis(NOW_MS - 9 * 24 * 60 * MINUTE_MS);
    let conversation = Conversation {
        last_message: messages.last().cloned(),
        unread,
        read: [read].into(),
        ..Conversation::new(id, vec![viewer.clone(), other.clone()], created_at)
    };
    Ok(OpenModel { conversation, messages, earlier: None })
}

const TALK: &[(bool, i64, &str)] = &[
    (false, 4_000, "Hi! Is the cabin free on the weekend of the 14th?"),
    (true, 3_990, "It is. Do you want it?"),
    (true, 3_989, "Take the boat keys too, they hang by the door."),
    (false, 3_980, "You are the best 🙂"),
    (
        false,
        1_500,
        "https://www.bahn.de/buchung/fahrplan/suche?start=berlin&ziel=stralsund&am=2026-03-14 this one?",
    ),
    (
        true,
        1_495,
        "Yes, the 8:40. Not the later one, it misses the ferry:\n\n- 8:40 Berlin\n- 11:32 Stralsund\n- 12:05 ferry",
    ),
    (false, 1_490, "مرحبا، كيف حالك؟ هذا نص من اليمين إلى اليسار."),
    (
        false,
        30,
        "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    ),
    (true, 12, "👍🏽"),
    (true, 3, "I will bring the good coffee."),
    (true, 2, "And the cards."),
    (false, 1, "Perfect."),
];

fn pages() -> Result<Vec<(&'static str, PageModel)>, anyhow::Error> {
    let ada = user(1, "ada.lovelace")?;
    let mut list = Vec::new();
    for (number, name, minutes_ago, text, unread) in [
        (3, "a-very-long-name.that_goes-on.on", 9, "Shall we say seven?", 2),
        (
            4,
            "emmy.noether",
            70,
            "Symmetry, as always. Every one of them has its conservation law, I promise.",
            0,
        ),
        (5, "grace", 1_500, "Found the moth.", 120),
        (6, "zuse", 6_000, "Z4 is warm and counting", 0),
        (7, "hedy_l", 500_000, "🙂", 0),
    ] {
        list.push(
            conversation(&ada, &user(number, name)?, &[(false, minutes_ago, text)], unread)?.conversation,
        );
    }
    let open = conversation(&ada, &user(2, "bob")?, TALK, 0)?;
    list.insert(0, open.conversation.clone());
    let signed_in =
        PageModel { viewer: Some(ada.clone()), now: Timestamp::from_millis(NOW_MS), ..PageModel::default() };
    let listed = PageModel { conversations: list, ..signed_in.clone() };
    let errors = vec![FieldError {
        field: "username".into(),
        detail: "Somebody has that name; choose another.".into(),
    }];
    let fresh = conversation(&ada, &user(2, "bob")?, &[], 0)?;
    let elsewhere = Route::Conversation(ConversationId(Uuid::from_u128(9)));
    Ok(vec![
        ("welcome", PageModel::default()),
        (
            "taken",
            PageModel { form: Some(FormModel { username: "ada".into(), errors }), ..PageModel::default() },
        ),
        ("sign-in", PageModel { route: Route::SignIn { next: None }, ..PageModel::default() }),
        ("nobody", PageModel { route: Route::Conversations { to: None }, ..signed_in }),
        ("list", PageModel { route: Route::Conversations { to: None }, ..listed.clone() }),
        (
            "open",
            PageModel {
                route: Route::Conversation(open.conversation.id),
                open: Some(open),
                ..listed.clone()
            },
        ),
        (
            "fresh",
            PageModel {
                route: Route::Conversation(fresh.conversation.id),
                open: Some(fresh),
                ..listed.clone()
            },
        ),
        ("missing", PageModel { route: elsewhere, ..listed }),
        ("not-found", PageModel { route: Route::NotFound, ..PageModel::default() }),
    ])
}

fn main() -> Result<(), anyhow::Error> {
    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "target/gallery".into()));
    fs::create_dir_all(&folder)?;
    for (name, model) in pages()? {
        let address =
            if model.route == Route::NotFound { "/nowhere".into() } else { model.route.to_string() };
        let html = Owner::new().with(|| {
            provide_context(RequestUrl::new(&format!("http://localhost{address}")));
            provide_context(model);
            provide_context(AssetPath("pkg".into()));
            kafkatalk_app::shell().to_html()
        });
        fs::write(folder.join(name).with_extension("html"), html)?;
    }
    Ok(())
}
