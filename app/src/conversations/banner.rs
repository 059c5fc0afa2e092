//! How the connection stands, where that matters.

use crate::client::{Action, Link, LinkView, LostChange};
use crate::desk::Desk;
use crate::route::Route;
use crate::ui::event::handler;
use crate::ui::follow::{follow, words};
use crate::ui::icon::Icon;
use leptos::prelude::*;

/// What the banner says.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Notice {
    words: String,
    /// Whether trying at once may help.
    retry: bool,
    /// A change of a message that was refused.
    lost: Option<LostChange>,
}

/// What is said while something waits that is nowhere but in this page.
const UNSAVED: &str = "This device cannot keep messages: do not close the page before they are sent.";

fn notice(view: LinkView, unsaved: bool) -> Option<Notice> {
    let unsaved = unsaved && view.waiting > 0;
    let waiting = match view.waiting {
        _ if unsaved => UNSAVED.to_owned(),
        0 => "Messages will be sent when you're back online.".to_owned(),
        1 => "1 message will be sent when you're back online.".to_owned(),
        count => format!("{count} messages will be sent when you're back online."),
    };
    let (state, retry) = match view.link {
        Link::Live => ("", false),
        Link::Connecting if !view.was_tried => ("", false),
        Link::Connecting => ("Connecting again.", false),
        Link::Waiting(_) => ("No connection to the server.", true),
        Link::Offline => ("You are offline.", false),
        // The page shows nothing else.
        Link::Ended => return None,
    };
    if !state.is_empty() {
        return Some(Notice { words: format!("{state} {waiting}"), retry, lost: None });
    }
    if unsaved {
        return Some(Notice { words: UNSAVED.into(), retry: false, lost: None });
    }
    let words = "A change to a message was not saved.".into();
    view.lost.map(|lost| Notice { words, retry: false, lost: Some(lost) })
}

/// Says so when there is no connection; silent otherwise.
#[component]
pub(super) fn ConnectionBanner() -> impl IntoView {
    let desk = expect_context::<Desk>();
    let notice = Memo::new(move |_| notice(desk.live.link.get(), desk.live.unsaved.get()));
    let said = move || notice.with(|notice| notice.as_ref().map(|notice| notice.words.clone()));
    let retry = move || notice.with(|notice| notice.as_ref().is_some_and(|notice| notice.retry));
    let lost = move || notice.with(|notice| notice.as_ref().and_then(|notice| notice.lost));
    let show = move |_| {
        if let Some(LostChange { conversation, message, .. }) = untrack(lost) {
            desk.go(Route::Conversation(conversation));
            desk.act(Action::OpenAt(conversation, message));
        }
    };
    let discard = move |_| {
        if let Some(LostChange { id, .. }) = untrack(lost) {
            desk.act(Action::Discard(id));
        }
    };
    view! {
        <div class="banner" class:shown=move || notice.with(Option::is_some)>
            <div class="banner-inner">
                {Icon::Offline.view()} <p role="status" aria-label="Connection">{words(move || said().unwrap_or_default())}</p>
                {follow(move || {
                    retry().then(|| {
                        view! {
                            <button
                                class="button-quiet"
                                type="button"
                                on:click=handler(move |_| desk.act(Action::ConnectNow))
                            >
                                "Try now"
                            </button>
                        }
                    })
                })}
                {follow(move || {
                    lost().map(|_| {
                        view! {
                            <button class="button-quiet" type="button" on:click=handler(show)>
                                "Show message"
                            </button>
                            <button class="button-quiet" type="button" on:click=handler(discard)>
                                "Discard change"
                            </button>
                        }
                    })
                })}
            </div>
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Ticks;
    use kafkatalk_protocol::{ConversationId, MessageId, Offset};
    use uuid::Uuid;

    fn words(link: Link, was_tried: bool, waiting: usize) -> Option<String> {
        notice(LinkView { was_tried, waiting, ..LinkView::of(link) }, false).map(|notice| notice.words)
    }

    #[test]
    fn a_connection_is_not_talked_about_while_it_works_or_first_begins() {
        assert_eq!(words(Link::Live, true, 3), None);
        assert_eq!(words(Link::Connecting, false, 0), None);
    }

    #[test]
    fn without_a_connection_the_banner_says_what_waits() {
        let waiting = Link::Waiting(Ticks(0));
        assert_eq!(
            words(Link::Offline, true, 0).unwrap(),
            "You are offline. Messages will be sent when you're back online."
        );
        assert_eq!(
            words(waiting, true, 2).unwrap(),
            "No connection to the server. 2 messages will be sent when you're back online."
        );
    }

    #[test]
    fn a_device_that_cannot_keep_messages_says_so_while_some_wait() {
        for (link, state) in [(Link::Live, ""), (Link::Offline, "You are offline. ")] {
            let view = |waiting| LinkView { waiting, ..LinkView::of(link) };
            assert_eq!(notice(view(1), true).unwrap().words, format!("{state}{UNSAVED}"));
            let words = notice(view(0), true).map(|notice| notice.words);
            assert!(words.is_none_or(|words| !words.contains(UNSAVED)));
        }
    }

    #[test]
    fn a_refused_change_of_a_message_that_is_not_shown_can_be_looked_at_and_discarded() {
        let (conversation, message) = (ConversationId(Uuid::nil()), Offset(3));
        let lost = Some(LostChange { id: MessageId(Uuid::nil()), conversation, message });
        let view = |link| LinkView { lost, ..LinkView::of(link) };
        assert_eq!(notice(view(Link::Live), false).unwrap().lost, lost);
        assert_eq!(notice(view(Link::Offline), false).unwrap().lost, None, "first things first");
    }
}
