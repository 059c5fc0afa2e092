//! How far an own message has come: a glyph for the eye, a word for the ear.

use super::timeline::Progress;
use crate::ui::icon::Icon;
use leptos::prelude::*;

impl Progress {
    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Waiting => "Waiting for a connection",
            Self::Sending => "Sending",
            Self::Sent => "Sent",
            Self::Read => "Read",
            Self::Failed => "Not sent",
        }
    }

    fn icon(self) -> Icon {
        match self {
            Self::Waiting | Self::Sending => Icon::Clock,
            Self::Sent => Icon::Tick,
            Self::Read => Icon::Ticks,
            Self::Failed => Icon::Alert,
        }
    }

    fn class(self) -> &'static str {
        match self {
            Self::Waiting => "state state-waiting",
            Self::Sending => "state state-sending",
            Self::Sent => "state state-sent",
            Self::Read => "state state-read",
            Self::Failed => "state state-failed",
        }
    }
}

#[component]
pub(super) fn StateGlyph(progress: Progress) -> impl IntoView {
    view! {
        <span class=progress.class() title=progress.word()>
            {progress.icon().view()} <span class="visually-hidden">{progress.word()}</span>
        </span>
    }
}
