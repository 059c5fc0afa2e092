//! What a reply shows of the message that it is to.

use crate::chat::Chat;
use crate::chat::text::preview;
use crate::chat::timeline::Row;
use crate::client::Action;
use crate::ui::event::handler;
use crate::ui::follow::follow;
use kafkatalk_protocol::{UserId, reply::Quote};
use leptos::prelude::*;

/// What is shown in place of a message that cannot be seen.
const GONE: &str = "Original message not available";

/// Whose message it is, and how it begins.
fn words(quote: &Quote, viewer: UserId) -> (String, String) {
    let name = match &quote.sender {
        Some(sender) if sender.id == viewer => "You".into(),
        Some(sender) => sender.username.to_string(),
        None => String::new(),
    };
    match &quote.excerpt {
        Some(excerpt) => (name, preview(excerpt)),
        None => (name, GONE.into()),
    }
}

/// Above the text of a reply; a click leads to the message.
#[component]
pub(crate) fn QuoteView(
    /// The reply.
    row: Memo<Row>,
) -> impl IntoView {
    let chat = expect_context::<Chat>();
    let viewer = chat.desk.viewer().id;
    follow(move || {
        row.with(|row| row.item.quote().cloned()).map(|quote| {
            let (name, text) = words(&quote, viewer);
            let (offset, gone) = (quote.offset, quote.excerpt.is_none());
            let go = move |_| chat.desk.act(Action::OpenAt(chat.id, offset));
            view! {
                <button class="quote" class:gone=gone type="button" disabled=gone on:click=handler(go)>
                    <span class="visually-hidden">"In reply to "</span>
                    <span class="quote-name" dir="auto">{name}</span>
                    <span class="quote-text" dir="auto">{text}</span>
                </button>
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafkatalk_protocol::{Offset, User};
    use uuid::Uuid;

    #[test]
    fn a_quote_says_whose_message_it_is_or_that_it_is_gone() {
        let bob = User { id: UserId(Uuid::from_u128(2)), username: "bob".parse().unwrap() };
        let quote = Quote { offset: Offset(3), sender: Some(bob.clone()), excerpt: Some("at\nnine".into()) };
        assert_eq!(words(&quote, UserId(Uuid::nil())), ("bob".into(), "at nine".into()));
        assert_eq!(words(&quote, bob.id).0, "You");
        let gone = Quote { sender: None, excerpt: None, ..quote };
        assert_eq!(words(&gone, bob.id), (String::new(), GONE.into()));
    }
}
