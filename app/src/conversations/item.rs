//! A conversation in the list.

use crate::chat::state::StateGlyph;
use crate::chat::text::preview;
use crate::client::Row;
use crate::desk::{Desk, RouteLink};
use crate::features::{presence::OnlineDot, typing};
use crate::route::Route;
use crate::ui::avatar::Avatar;
use crate::ui::follow::{follow, words};
use crate::ui::person::{Picture, conversation_name};
use kafkatalk_protocol::text::is_blank;
use leptos::prelude::*;

/// Most that the count of unread messages shows.
const UNREAD_SHOWN_MAX: u64 = 99;

fn unread_label(unread: u64) -> String {
    if unread > UNREAD_SHOWN_MAX { format!("{UNREAD_SHOWN_MAX}+") } else { unread.to_string() }
}

/// The second line: what was begun, or what was said last.
fn line(row: &Row) -> String {
    if is_drafted(row) {
        return preview(&row.draft);
    }
    let Some(item) = &row.last else { return "No messages yet".into() };
    preview(&item.notice_text().unwrap_or_else(|| item.body().to_owned()))
}

fn is_drafted(row: &Row) -> bool {
    !row.open && !is_blank(&row.draft)
}

/// Whose words the line shows, where that is a question.
fn speaker(row: &Row) -> Option<String> {
    let item = row.last.as_ref().filter(|item| !item.own() && item.notice().is_none())?;
    (row.group.is_some() && !is_drafted(row)).then(|| format!("{}: ", item.sender().username))
}

#[component]
pub(super) fn ListItem(
    /// The conversation; its id never changes.
    row: Memo<Row>,
) -> impl IntoView {
    let desk = expect_context::<Desk>();
    let id = row.with_untracked(|row| row.id);
    let people = Memo::new(move |_| row.with(Row::people));
    let picture = move || {
        let picture = people.with(|people| Picture::of_conversation(id, people));
        picture.map(|picture| view! { <Avatar picture /> })
    };
    let typing =
        move || people.with(|people| typing::words(&typing::typing_in(desk.live, id), &people.others));
    let active_at = move || row.with(|row| row.active_at);
    let time = move || desk.clock.at(active_at()).short(desk.clock.today());
    // Typing takes the place of all that stands in the line.
    let quiet = move || typing().is_none();
    let drafted = move || quiet() && row.with(is_drafted);
    let by = move || row.with(speaker).filter(|_| quiet()).unwrap_or_default();
    let state = move || {
        let item = row.with(|row| row.last.clone().filter(|item| item.own() && item.notice().is_none()));
        item.filter(|_| quiet() && !drafted()).map(|item| view! { <StateGlyph delivery=item.delivery /> })
    };
    let current = Signal::derive(move || desk.open_id() == Some(id));
    let unread_view = move || {
        let unread = row.with(|row| row.unread);
        (unread > 0).then(|| {
            view! {
                <span class="item-unread">
                    {words(move || unread_label(unread))} <span class="visually-hidden">" unread"</span>
                </span>
            }
        })
    };
    view! {
        <li>
            <RouteLink route=Route::Conversation(id) class="item" current>
                {follow(picture)}
                <OnlineDot people />
                <span class="item-name" dir="auto">{words(move || people.with(conversation_name))}</span>
                <time class="item-time" datetime=move || active_at().to_string()>{words(time)}</time>
                <span class="item-line">
                    {follow(state)}
                    {follow(move || drafted().then(|| view! { <span class="item-draft">"Draft: "</span> }))}
                    <span class="item-text" dir="auto">
                        // Apart, so that what was said has its own direction and is cut at its own end.
                        <bdi>{words(by)}</bdi>
                        {words(move || typing().unwrap_or_else(|| row.with(line)))}
                    </span>
                </span>
                {follow(unread_view)}
            </RouteLink>
        </li>
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{Client, Features};
    use crate::page::PageModel;
    use crate::ui::person::testing::user;
    use kafkatalk_protocol::{Conversation, ConversationId, Message, MessageId, Offset, Timestamp};
    use uuid::Uuid;

    /// The last line of a conversation of the first person with others, of whom one said hello.
    fn line_of(others: &[u128], sender: u128) -> String {
        let id = ConversationId(Uuid::from_u128(9));
        let now = Timestamp::default();
        let message_id = MessageId(Uuid::from_u128(8));
        let said = Message::new(id, Offset(0), message_id, user(sender), now, "hello".parse().unwrap());
        let members = [&[1], others].concat().into_iter().map(user).collect();
        let conversation = Conversation { last_message: Some(said), ..Conversation::new(id, members, now) };
        let conversations = vec![conversation];
        let model = PageModel { viewer: Some(user(1)), conversations, ..PageModel::default() };
        let row = Client::new(&model, 0, Features::NONE).unwrap().list().rows.remove(0);
        speaker(&row).unwrap_or_default() + &line(&row)
    }

    #[test]
    fn the_last_line_of_a_group_says_who_else_spoke() {
        assert_eq!(line_of(&[2], 2), "hello");
        assert_eq!(line_of(&[2, 3], 2), "user2: hello");
        assert_eq!(line_of(&[2, 3], 1), "hello");
    }

    #[test]
    fn many_unread_messages_are_not_counted_out() {
        assert_eq!((unread_label(99).as_str(), unread_label(100).as_str()), ("99", "99+"));
    }
}
