//! The reactions below a message.

use super::React;
use crate::chat::Chat;
use crate::chat::timeline::Row;
use crate::client::{Command, Item};
use crate::ui::event::handler;
use crate::ui::person::all_names;
use kafkatalk_protocol::{Offset, User, UserId, reaction::Emoji};
use leptos::prelude::*;

/// What is drawn of a reaction.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Shown {
    emoji: Emoji,
    users: Vec<UserId>,
    own: bool,
}

fn shown(item: &Item, viewer: UserId) -> Vec<Shown> {
    let shown = |reaction: &kafkatalk_protocol::reaction::Reaction| Shown {
        emoji: reaction.emoji.clone(),
        users: reaction.users.clone(),
        own: reaction.users.contains(&viewer),
    };
    item.reactions().iter().map(shown).collect()
}

/// Who reacted, for those who ask.
fn words(reaction: &Shown, others: &[User]) -> String {
    let known: Vec<_> = others.iter().filter(|user| reaction.users.contains(&user.id)).cloned().collect();
    match (reaction.own, known.is_empty()) {
        (true, true) => format!("You reacted with {}", reaction.emoji),
        (true, false) => format!("You and {} reacted with {}", all_names(&known), reaction.emoji),
        (false, true) => format!("{} reacted with {}", reaction.users.len(), reaction.emoji),
        (false, false) => format!("{} reacted with {}", all_names(&known), reaction.emoji),
    }
}

/// Reacts, or takes it back.
pub(super) fn toggle(chat: Chat, message: Offset, emoji: Emoji, on: bool) {
    // Where the outbox is full, nothing changes, as it shows.
    let _ = chat.desk.live.submit(chat.id, Command::change(React { message, emoji, on }));
}

/// One button for each emoji: it adds the viewer's reaction, or takes it back.
#[component]
pub(crate) fn Reactions(
    /// The message.
    row: Memo<Row>,
) -> impl IntoView {
    let chat = expect_context::<Chat>();
    let viewer = chat.desk.viewer().id;
    let reactions = Memo::new(move |_| row.with(|row| shown(&row.item, viewer)));
    let button = move |reaction: Shown| {
        let (emoji, own) = (reaction.emoji.clone(), reaction.own);
        let label = words(&reaction, &chat.others());
        let press = move |_| {
            if let Some(message) = row.with_untracked(|row| row.item.offset()) {
                toggle(chat, message, emoji.clone(), !own);
            }
        };
        view! {
            <li>
                <button
                    class="reaction"
                    class:own=own
                    type="button"
                    aria-pressed=own.to_string()
                    aria-label=label.clone()
                    title=label
                    on:click=handler(press)
                >
                    <span>{reaction.emoji.to_string()}</span>
                    <span class="reaction-count">{reaction.users.len()}</span>
                </button>
            </li>
        }
    };
    move || {
        let reactions = reactions.get();
        (!reactions.is_empty()).then(|| {
            view! {
                <ul class="reactions" role="list" aria-label="Reactions">
                    {reactions.into_iter().map(button).collect_view()}
                </ul>
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_reaction_says_whose_it_is() {
        let user = |number: u128, name: &str| User {
            id: UserId(Uuid::from_u128(number)),
            username: name.parse().unwrap(),
        };
        let others = [user(2, "bob"), user(3, "eve")];
        let reaction = |users: &[u128], own| Shown {
            emoji: "👍".parse().unwrap(),
            users: users.iter().map(|number| UserId(Uuid::from_u128(*number))).collect(),
            own,
        };
        assert_eq!(words(&reaction(&[1], true), &others), "You reacted with 👍");
        assert_eq!(words(&reaction(&[2], false), &others), "bob reacted with 👍");
        assert_eq!(words(&reaction(&[2, 1], true), &others), "You and bob reacted with 👍");
        assert_eq!(words(&reaction(&[9], false), &others), "1 reacted with 👍", "somebody who left");
    }
}
