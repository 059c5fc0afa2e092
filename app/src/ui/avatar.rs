//! A person's initials on their colour; for a group, people on the group's.

use super::icon::Icon;
use super::person::{hue, initials};
use kafkatalk_protocol::{ConversationId, User};
use leptos::prelude::*;
use uuid::Uuid;

/// A round picture of a person. Decoration: the name stands beside it.
#[component]
pub fn Avatar(
    /// Whose.
    user: User,
    /// Whether it is the small one.
    #[prop(optional)]
    small: bool,
) -> impl IntoView {
    picture(user.id.0, small, initials(user.username.as_str()).into_any())
}

/// The picture of a conversation with these people: the other's, or the group's own.
pub fn conversation_avatar(id: ConversationId, others: &[User], small: bool) -> Option<AnyView> {
    Some(match others {
        [] => return None,
        [other] => picture(other.id.0, small, initials(other.username.as_str()).into_any()),
        _ => picture(id.0, small, Icon::People.view()),
    })
}

fn picture(id: Uuid, small: bool, content: AnyView) -> AnyView {
    let class = format!("avatar hue-{}{}", hue(id), if small { " avatar-small" } else { "" });
    view! { <span class=class aria-hidden="true">{content}</span> }.into_any()
}
