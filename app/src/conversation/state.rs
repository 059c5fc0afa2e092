//! How far an own message has come: a glyph for the eye, a word for the ear.

use crate::client::Delivery;
use crate::ui::icon::Icon;
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

/// In a sentence, for the details; `group` where several may read it.
pub fn sentence(delivery: &Delivery, group: bool) -> String {
    match delivery {
        Delivery::Received => "Kept in the log. You have received it.".into(),
        Delivery::Queued => "Kept on this device. It goes out by itself when there is a connection.".into(),
        Delivery::Sending => "On its way to the server.".into(),
        Delivery::Sent if group => "Kept in the log. Not everyone has read it yet.".into(),
        Delivery::Sent => "Kept in the log. It has not been read yet.".into(),
        Delivery::Read if group => "Kept in the log, and read by everyone.".into(),
        Delivery::Read => "Kept in the log, and read.".into(),
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
    icon(&delivery).map(|(icon, class)| {
        view! {
            <span class=class title=word(&delivery)>
                {icon.view()} <span class="visually-hidden">{word(&delivery)}</span>
            </span>
        }
    })
}
