//! The dot on a picture.

use crate::conversations::Desk;
use kafkatalk_protocol::User;
use leptos::prelude::*;
use std::sync::Arc;

/// Whether somebody is online; the stylesheet makes a dot of the word.
#[component]
pub(crate) fn OnlineDot(
    /// The others of a conversation: only one of two has a dot.
    others: Arc<[User]>,
) -> impl IntoView {
    let desk = expect_context::<Desk>();
    let peer = if let [peer] = &*others { Some(peer.id) } else { None };
    let word = move || {
        let presence = desk.live.presence_of(peer?)?;
        presence.online.then(|| "Online".to_owned())
    };
    view! { <span class="online-dot">{move || word()}</span> }
}
