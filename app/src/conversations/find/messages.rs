//! Messages that were found.

use super::Finder;
use crate::ui::avatar::Avatar;
use crate::ui::event::handler;
use crate::ui::person::names;
use kafkatalk_protocol::{User, http::Hit};
use leptos::prelude::*;

/// With whom the conversation is in which something was said: as the list has it, or else who said it.
fn with_whom(finder: &Finder, hit: &Hit) -> Vec<User> {
    let listed = finder.desk.live.list.with_untracked(|list| {
        list.rows.iter().find(|row| row.id == hit.message.conversation).map(|row| row.others.to_vec())
    });
    listed.filter(|others| !others.is_empty()).unwrap_or_else(|| vec![hit.message.sender.clone()])
}

#[component]
pub(super) fn Messages() -> impl IntoView {
    let finder = expect_context::<Finder>();
    let desk = finder.desk;
    let options = move || {
        let option = |(index, hit): (u32, &Hit)| {
            let whom = with_whom(&finder, hit);
            let moment = hit.message.sent_at;
            let own = hit.message.sender.id == desk.viewer().id;
            let parts = hit.snippet.iter().map(|part| {
                let text = part.text.clone();
                if part.hit { view! { <mark>{text}</mark> }.into_any() } else { text.into_any() }
            });
            view! {
                <li
                    id=format!("person-{index}")
                    class="item hit"
                    role="option"
                    aria-selected=move || (finder.active.get() == index).to_string()
                    on:mousemove=handler(move |_| finder.active.set(index))
                    on:click=handler(move |_| finder.choose_at(index))
                >
                    <Avatar user=whom[0].clone() />
                    <span class="item-name" dir="auto">{names(&whom)}</span>
                    <time class="item-time" datetime=moment.to_string()>
                        {desk.clock.at(moment).short(desk.clock.today())}
                    </time>
                    <span class="hit-text" dir="auto">{own.then_some("You: ")} {parts.collect_view()}</span>
                </li>
            }
        };
        finder.found.with(|found| {
            let behind_people = u32::try_from(found.people.len()).unwrap_or(u32::MAX);
            (behind_people..).zip(&found.hits).map(option).collect_view()
        })
    };
    let more = move || {
        finder.found.with(|found| found.next.clone()).map(|next| {
            view! {
                <div class="list-more">
                    <button class="button-quiet" type="button" on:click=handler(move |_| finder.ask(Some(next.clone())))>
                        "Show more messages"
                    </button>
                </div>
            }
        })
    };
    view! {
        <ul id="messages" class="people" role="listbox" aria-label="Messages">{move || options()}</ul>
        {move || more()}
    }
}
