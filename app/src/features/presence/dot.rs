//! The dot on a picture.

use super::{peer, presence_of};
use crate::client::People;
use crate::desk::Desk;
use crate::ui::follow::text;
use leptos::prelude::*;

/// Whether the other one of a conversation of two is online; the stylesheet makes a dot of the word.
#[component]
pub(crate) fn OnlineDot(
    /// Who is in the conversation.
    people: Memo<People>,
) -> impl IntoView {
    let desk = expect_context::<Desk>();
    let word = move || {
        let presence = presence_of(desk.live, people.with(peer)?)?;
        presence.online.then(|| "Online".to_owned())
    };
    view! { <span class="online-dot" prop:textContent=text(move || word().unwrap_or_default())></span> }
}
