//! Who a conversation is with, and the way back to the list.

use super::Chat;
use crate::conversations::RouteLink;
use crate::features::{presence, typing};
use crate::route::Route;
use crate::ui::avatar::Avatar;
use crate::ui::icon::Icon;
use crate::ui::person::{Picture, names};
use kafkatalk_protocol::User;
use leptos::prelude::*;
use std::sync::Arc;

#[component]
pub(super) fn Header(others: Memo<Arc<[User]>>) -> impl IntoView {
    let chat = expect_context::<Chat>();
    let avatar = move || {
        let picture = others.with(|others| Picture::of_conversation(chat.id, others));
        picture.map(|picture| view! { <Avatar picture small=true /> })
    };
    let status = move || others.with(|others| status(chat, others));
    let members = move || others.with(|others| members_html(others));
    view! {
        <header class="pane-head">
            <RouteLink
                route=Route::Conversations { to: None }
                class="button-icon back"
                label="Back to conversations"
            >
                {Icon::Back.view()}
            </RouteLink>
            {move || avatar()}
            <div class="head-words">
                <h1 dir="auto" tabindex="-1">{move || others.with(|others| names(others))}</h1>
                <p class="head-status">{move || status()}</p>
            </div>
            <div class="members" inner_html=move || members()></div>
        </header>
    }
}

/// Who is typing; in a conversation of two else whether the other one is there.
fn status(chat: Chat, others: &[User]) -> Option<String> {
    let live = chat.desk.live;
    typing::words(&live.typing_in(chat.id), others).or_else(|| {
        let [peer] = others else { return None };
        presence::words(live.presence_of(peer.id)?, chat.desk.clock)
    })
}

/// Who is in a group, behind a button that the browser itself opens it by; nothing for two people. Written out as HTML, of
/// which nothing else is to know: a name has no character that means anything there.
fn members_html(others: &[User]) -> String {
    if others.len() < 2 {
        return String::new();
    }
    let count = others.len() + 1;
    let mut html = format!(
        r#"<button class="button-quiet" type="button" popovertarget="members">{count} members</button><section id="members" class="details" popover aria-labelledby="members-title"><header class="pane-head"><h2 id="members-title">{count} members</h2><button class="button-quiet" type="button" popovertarget="members">Close</button></header><ul role="list">"#
    );
    for user in others {
        html.push_str("<li>");
        html.push_str(user.username.as_str());
    }
    html.push_str("<li>You</ul></section>");
    html
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::person::testing::user;
    use kafkatalk_protocol::Username;

    #[test]
    fn a_group_tells_its_members_and_a_pair_has_no_such_button() {
        assert_eq!(members_html(&[user(2)]), "");
        let html = members_html(&[user(2), user(3)]);
        assert!(html.contains(">3 members</button>"));
        assert!(html.ends_with("<li>user2<li>user3<li>You</ul></section>"));
    }

    #[test]
    fn no_name_can_mean_anything_in_html() {
        for character in ['<', '>', '&', '"', '\'', '`', '\0', ' '] {
            assert!(Username::parse(&format!("ada{character}")).is_err(), "{character:?}");
        }
    }
}
