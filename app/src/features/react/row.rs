//! The reactions below a message.

use super::React;
use crate::chat::Chat;
use crate::chat::timeline::Row;
use crate::client::{Command, Item};
use crate::ui::event::handler;
use crate::ui::focus::focus_around;
use crate::ui::follow::follow;
use crate::ui::person::all_names;
use kafkatalk_protocol::{Offset, User, UserId, reaction::Emoji};
use leptos::{ev::MouseEvent, prelude::*};

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
    let mut who = Vec::new();
    if reaction.own {
        who.push("You".to_owned());
    }
    if !known.is_empty() {
        who.push(all_names(&known));
    }
    // Whose names are not known any more.
    match reaction.users.len() - known.len() - usize::from(reaction.own) {
        0 => {}
        1 => who.push("1 former member".into()),
        left => who.push(format!("{left} former members")),
    }
    format!("{} reacted with {}", who.join(" and "), reaction.emoji)
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
        let press = move |event: MouseEvent| {
            if own {
                // The button may go, and the focus with it.
                focus_around(&event, ".message");
            }
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
    follow(move || {
        let reactions = reactions.get();
        (!reactions.is_empty()).then(|| {
            view! {
                <ul class="reactions" role="list" aria-label="Reactions">
                    {reactions.into_iter().map(button).collect_view()}
                </ul>
            }
        })
    })
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
        assert_eq!(words(&reaction(&[9], false), &others), "1 former member reacted with 👍");
        assert_eq!(
            words(&reaction(&[1, 2, 8, 9], true), &others),
            "You and bob and 2 former members reacted with 👍"
        );
    }
}
