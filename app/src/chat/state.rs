//! How far an own message has come: a glyph for the eye, a word for the ear.

use crate::client::Delivery;
use crate::ui::follow::words;
use crate::ui::icon::Icon;
use crate::ui::person::all_names;
use kafkatalk_protocol::User;
use leptos::prelude::*;

/// In a word.
pub fn word(delivery: &Delivery) -> &'static str {
    match delivery {
        Delivery::Received => "Received",
        Delivery::Queued => "Waiting",
        Delivery::Sending => "Sending",
        Delivery::Sent => "Sent",
        Delivery::Read => "Read",
        Delivery::Failed { .. } => "Not sent",
    }
}

/// In a sentence, for the details; in a group with those who have read it.
pub fn sentence(delivery: &Delivery, readers: Option<&[User]>) -> String {
    match delivery {
        Delivery::Received => "Delivered to you.".into(),
        Delivery::Queued => "Will be sent when you're back online.".into(),
        Delivery::Sending => "On its way to the server.".into(),
        Delivery::Sent if readers.is_some_and(|readers| !readers.is_empty()) => {
            format!("Read by {}.", all_names(readers.unwrap_or_default()))
        }
        Delivery::Sent => "Delivered. Not read yet.".into(),
        Delivery::Read if readers.is_some() => "Read by everyone.".into(),
        Delivery::Read => "Read.".into(),
        Delivery::Failed { reason } => format!("Not sent: {reason}"),
    }
}

fn icon(delivery: &Delivery) -> Option<(Icon, &'static str)> {
    Some(match delivery {
        Delivery::Received => return None,
        Delivery::Queued | Delivery::Sending => (Icon::Clock, "state"),
        Delivery::Sent => (Icon::Tick, "state"),
        Delivery::Read => (Icon::TickFilled, "state state-read"),
        Delivery::Failed { .. } => (Icon::Alert, "state state-failed"),
    })
}

/// The glyph of an own message.
#[component]
pub fn StateGlyph(
    /// How far it has come.
    delivery: Delivery,
) -> impl IntoView {
    let said = word(&delivery);
    icon(&delivery).map(|(icon, class)| {
        view! {
            <span class=class title=said>
                {icon.view()} <span class="visually-hidden">{words(move || said.to_owned())}</span>
            </span>
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::person::testing::user;

    #[test]
    fn in_a_group_the_details_name_who_has_read_it_until_all_have() {
        let sent = |readers: &[User]| sentence(&Delivery::Sent, Some(readers));
        assert_eq!(sent(&[]), "Delivered. Not read yet.");
        assert_eq!(sent(&[user(2), user(3)]), "Read by user2, user3.");
        assert_eq!(sentence(&Delivery::Read, Some(&[user(2)])), "Read by everyone.");
        assert_eq!(sentence(&Delivery::Read, None), "Read.");
    }
}
