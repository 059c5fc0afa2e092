//! How the connection stands, where that matters.

use crate::client::{Action, Link, LinkView};
use crate::desk::Desk;
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
}

fn notice(view: LinkView, unsaved: bool) -> Option<Notice> {
    let waiting = match view.waiting {
        0 => "What you send waits here and goes out by itself.".to_owned(),
        1 => "1 message waits here and goes out by itself.".to_owned(),
        count => format!("{count} messages wait here and go out by themselves."),
    };
    let (state, retry) = match view.link {
        Link::Live => ("", false),
        Link::Connecting if !view.was_tried => ("", false),
        Link::Connecting => ("Connecting again.", false),
        Link::Waiting(_) => ("No connection to the server.", true),
        Link::Offline => ("You are offline.", false),
        Link::Ended => return Some(Notice { words: "You are signed out.".into(), retry: false }),
    };
    if state.is_empty() {
        let words = "This device cannot keep messages: do not close the page before they are sent.";
        return (unsaved && view.waiting > 0).then(|| Notice { words: words.into(), retry: false });
    }
    Some(Notice { words: format!("{state} {waiting}"), retry })
}

/// Says so when there is no connection; silent otherwise.
#[component]
pub(super) fn ConnectionBanner() -> impl IntoView {
    let desk = expect_context::<Desk>();
    let notice = Memo::new(move |_| notice(desk.live.link.get(), desk.live.unsaved.get()));
    let said = move || notice.with(|notice| notice.as_ref().map(|notice| notice.words.clone()));
    let retry = move || notice.with(|notice| notice.as_ref().is_some_and(|notice| notice.retry));
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
            </div>
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Ticks;

    fn words(link: Link, was_tried: bool, waiting: usize) -> Option<String> {
        notice(LinkView { link, was_tried, waiting, failed: 0 }, false).map(|notice| notice.words)
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
            "You are offline. What you send waits here and goes out by itself."
        );
        assert_eq!(
            words(waiting, true, 2).unwrap(),
            "No connection to the server. 2 messages wait here and go out by themselves."
        );
    }

    #[test]
    fn a_device_that_cannot_keep_messages_says_so_while_some_wait() {
        let view = |waiting| LinkView { link: Link::Live, was_tried: true, waiting, failed: 0 };
        assert!(notice(view(1), true).is_some());
        assert!(notice(view(0), true).is_none());
    }
}
