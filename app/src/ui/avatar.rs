//! A person's initials on their colour; for a group, those of two on the group's.

use super::person::{Picture, hue};
use leptos::prelude::*;

/// A round picture. Decoration: the name stands beside it.
#[component]
pub fn Avatar(
    /// Of whom.
    picture: Picture,
    /// Whether it is the small one.
    #[prop(optional)]
    small: bool,
) -> impl IntoView {
    let class = format!("avatar hue-{}{}", hue(picture.id), if small { " avatar-small" } else { "" });
    view! { <span class=class aria-hidden="true">{picture.letters}</span> }
}
