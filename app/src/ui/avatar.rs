//! A person's initials on their colour.

use super::person::{hue, initials};
use kafkatalk_protocol::User;
use leptos::prelude::*;

/// A round picture of a person. Decoration: the name stands beside it.
#[component]
pub fn Avatar(
    /// Whose.
    user: User,
    /// Whether it is the small one.
    #[prop(optional)]
    small: bool,
) -> impl IntoView {
    let class = format!("avatar hue-{}{}", hue(user.id), if small { " avatar-small" } else { "" });
    view! { <span class=class aria-hidden="true">{initials(user.username.as_str())}</span> }
}
