//! What must hold: at every step, and when all have come to rest.

use crate::world::World;
use kafkatalk_app::client::{Action, ChatStatus, Delivery, Edge, Group, Input, Item};
use kafkatalk_protocol::{ConversationId, Message, MessageId, Offset};
use std::collections::{BTreeMap, BTreeSet};

fn fail(world: &mut World, tab: usize, what: impl std::fmt::Display) {
    let now = world.now;
    world.failures.push(format!("at {now} ms, page {tab}: {what}"));
}

/// What is shown is a part of the log without holes, and then what waits; nothing twice, and nothing that the person may
/// not see.
pub(crate) fn step(world: &mut World, tab: usize) {
    nothing_forbidden_is_shown(world, tab);
    let client = &world.tabs[tab].client;
    let Some(open) = client.opened() else { return };
    let chat = client.chat(open);
    let shown: Vec<_> = chat.items.iter().filter(|item| is_logged(&item.delivery)).collect();
    let offsets: Vec<_> = shown.iter().filter_map(|item| item.offset()).collect();
    let keys: BTreeSet<_> = chat.items.iter().map(kafkatalk_app::client::Item::key).collect();
    let log: Vec<_> = world.server.convs[&open].records.iter().map(|record| record.message.offset).collect();
    // Own messages at the end may be in the log without being joined yet.
    let mut joined = offsets.clone();
    while let Some(last) = joined.last()
        && !contiguous(&log, &joined)
        && chat.items.iter().any(|item| item.own() && item.offset() == Some(*last))
    {
        joined.pop();
    }
    if keys.len() != chat.items.len() {
        fail(world, tab, format!("a message is shown twice: {:?}", chat.items));
    } else if !contiguous(&log, &joined) {
        fail(world, tab, format!("shown {offsets:?} of {log:?}"));
    }
}

fn is_logged(delivery: &Delivery) -> bool {
    matches!(delivery, Delivery::Received | Delivery::Sent | Delivery::Read)
}

fn contiguous(log: &[Offset], shown: &[Offset]) -> bool {
    shown.is_empty() || log.windows(shown.len()).any(|part| part == shown)
}

/// Everything typed is in the log once and in order, and every page shows the log.
pub(crate) fn agreement(world: &mut World) {
    if !world.failures.is_empty() {
        return;
    }
    log_holds_what_was_typed(world);
    log_holds_what_was_changed(world);
    for tab in 0..world.tabs.len() {
        outbox_is_empty(world, tab);
        list_is_right(world, tab);
    }
    for tab in 0..world.tabs.len() {
        if !world.failures.is_empty() {
            return;
        }
        for conv in world.server.convs.keys().copied().collect::<Vec<_>>() {
            let user = world.tabs[tab].user.id;
            if world.server.convs[&conv].has(user) {
                timeline_is_the_log(world, tab, conv);
                members_are_right(world, tab, conv);
            } else if world.server.convs[&conv].had(user, u64::MAX) {
                nothing_is_shown(world, tab, conv);
            }
        }
    }
}

fn log_holds_what_was_typed(world: &mut World) {
    let mut places = BTreeMap::<(ConversationId, MessageId), Vec<Offset>>::new();
    for (id, conv) in &world.server.convs {
        for record in conv.records.iter().filter(|record| record.message.notice.is_none()) {
            places.entry((*id, record.message.id)).or_default().push(record.message.offset);
        }
    }
    let mut known = 0;
    for tab in 0..world.tabs.len() {
        let mut last = BTreeMap::new();
        for (conv, id) in world.tabs[tab].typed.clone() {
            match places.get(&(conv, id)).map(Vec::as_slice) {
                Some([offset]) => {
                    known += 1;
                    // Another page sent it once they were back.
                    let late = world.server.turned_away.contains(&id);
                    if !late && last.insert(conv, *offset) >= Some(*offset) {
                        fail(world, tab, format!("{id} is in the log before what was typed before it"));
                    }
                }
                Some(more) => fail(world, tab, format!("{id} is in the log at {more:?}")),
                None if world.server.turned_away.contains(&id) => {}
                None => fail(world, tab, format!("{id} is not in the log")),
            }
        }
    }
    // What was deleted is of no matter, but for this: it is not there twice either.
    for ((_, id), found) in places.iter().filter(|((_, id), _)| world.deleted.contains(id)) {
        known += 1;
        if found.len() > 1 {
            world.failures.push(format!("{id} was deleted, and is in the log at {found:?}"));
        }
    }
    let all: usize = places.values().map(Vec::len).sum();
    if known != all {
        fail(world, 0, format!("{known} were typed, {all} are in the log"));
    }
}

/// Every change is in the log once, and in the order in which a page made them.
fn log_holds_what_was_changed(world: &mut World) {
    for tab in 0..world.tabs.len() {
        let mut last = BTreeMap::new();
        for (conv, id) in world.tabs[tab].changed.clone() {
            let changes = &world.server.convs[&conv].changes;
            let records: Vec<_> =
                changes.iter().filter(|(known, _)| *known == id).map(|(_, record)| *record).collect();
            match &records[..] {
                [_] if world.server.turned_away.contains(&id) => {}
                [record] if last.insert(conv, *record) < Some(*record) => {}
                [_] => fail(world, tab, format!("{id} is in the log before what was changed before it")),
                // Another device had deleted the message before.
                [] if world.server.refused.contains(&id) || world.server.turned_away.contains(&id) => {}
                _ => fail(world, tab, format!("change {id} is in the log at {records:?}")),
            }
        }
    }
}

fn outbox_is_empty(world: &mut World, tab: usize) {
    let waiting = world.tabs[tab].client.link().waiting;
    if waiting > 0 {
        fail(world, tab, format!("{waiting} still wait"));
    }
    let kept = &world.stores[world.tabs[tab].device];
    if let Some(entry) = kept.values().find(|entry| entry.refused.is_none()) {
        let entry = format!("{entry:?} is still kept");
        fail(world, tab, entry);
    }
}

fn list_is_right(world: &mut World, tab: usize) {
    let user = world.tabs[tab].user.id;
    let list = world.tabs[tab].client.list();
    let moments: Vec<_> = list.rows.iter().map(|row| row.active_at).collect();
    if !moments.is_sorted_by(|one, other| one >= other) {
        fail(world, tab, format!("the list is out of order: {moments:?}"));
    }
    for row in &list.rows {
        let conv = &world.server.convs[&row.id];
        if !conv.has(user) {
            return fail(world, tab, format!("{} is listed, and they are out of it", row.id));
        }
        let messages = conv.messages_of(user);
        let unread = conv.unread(user, u64::MAX);
        let newest = messages.last().map(|message| message.offset);
        let text = messages.last().map(|message| message.body.as_str());
        let shown = row.last.as_ref().and_then(kafkatalk_app::client::Item::offset);
        let shown_text = row.last.as_ref().map(kafkatalk_app::client::Item::body);
        let refused = row.last.as_ref().is_some_and(|last| matches!(last.delivery, Delivery::Failed { .. }));
        if row.unread != unread {
            let what = format!("{}: {} unread are shown, there are {unread}", row.id, row.unread);
            return fail(world, tab, what);
        }
        if shown != newest && !refused {
            return fail(world, tab, format!("{}: newest shown {shown:?}, it is {newest:?}", row.id));
        }
        if shown_text != text && !refused {
            let what = format!("{}: the list shows {shown_text:?}, it is {text:?}", row.id);
            return fail(world, tab, what);
        }
    }
    let mine = world.server.convs.values().filter(|conv| conv.has(user)).count();
    if list.more == Edge::End && list.rows.len() != mine {
        fail(world, tab, format!("{} of {mine} conversations are listed", list.rows.len()));
    }
}

/// Scrolls from the newest message to the oldest.
fn timeline_is_the_log(world: &mut World, tab: usize, conv: ConversationId) {
    let life = world.tabs[tab].life;
    world.tell(tab, life, Input::Visible(false));
    world.tell(tab, life, Input::Action(Action::Open(Some(conv))));
    world.tell(tab, life, Input::Action(Action::JumpToLatest));
    rest(world);
    let mut seen = BTreeMap::new();
    // Every page brings at least one message, or it is the end.
    for _ in 0..200 {
        let chat = world.tabs[tab].client.chat(conv);
        if chat.status != ChatStatus::Ready || !world.failures.is_empty() {
            return fail(world, tab, format!("{conv} is {:?}", chat.status));
        }
        for item in chat.items.iter().filter(|item| is_logged(&item.delivery)) {
            let state = (item.body().to_owned(), item.deleted(), item.reactions().to_vec());
            let told = (item.id(), state, item.delivery.clone());
            seen.insert(item.offset(), told);
        }
        if chat.earlier == Edge::End {
            break;
        }
        world.tell(tab, life, Input::Action(Action::LoadEarlier));
        rest(world);
    }
    ends_at_the_newest(world, tab, conv);
    let user = world.tabs[tab].user.id;
    let log = &world.server.convs[&conv];
    let others = log.state().users().into_iter().filter(|member| member.id != user);
    let read = others.map(|member| log.read_of(member.id, u64::MAX)).min().flatten();
    let expect = |message: &Message| {
        let delivery = match message.sender.id == user {
            false => Delivery::Received,
            true if Some(message.offset) <= read => Delivery::Read,
            true => Delivery::Sent,
        };
        let state = (message.body.as_str().to_owned(), message.deleted, message.reactions.clone());
        (Some(message.offset), (message.id, state, delivery))
    };
    let expected: BTreeMap<_, _> = log.messages_of(user).into_iter().map(expect).collect();
    if seen != expected {
        let wrong: Vec<_> = expected.iter().filter(|(offset, item)| seen.get(offset) != Some(item)).collect();
        let more: Vec<_> = seen.keys().filter(|offset| !expected.contains_key(offset)).collect();
        fail(world, tab, format!("{conv} shows {more:?} too many, and otherwise than {wrong:?}"));
    }
}

/// Scrolls from the oldest message in memory down again.
fn ends_at_the_newest(world: &mut World, tab: usize, conv: ConversationId) {
    let life = world.tabs[tab].life;
    for _ in 0..200 {
        if world.tabs[tab].client.chat(conv).later == Edge::End {
            break;
        }
        world.tell(tab, life, Input::Action(Action::LoadLater));
        rest(world);
    }
    let chat = world.tabs[tab].client.chat(conv);
    let shown = chat.items.iter().rev().find_map(kafkatalk_app::client::Item::offset);
    let user = world.tabs[tab].user.id;
    let newest = world.server.convs[&conv].messages_of(user).last().map(|message| message.offset);
    if chat.later != Edge::End || shown != newest {
        fail(world, tab, format!("{conv} ends at {shown:?} ({:?}), not {newest:?}", chat.later));
    }
}

/// Everybody in it, what they may do, and what it is called.
fn members_are_right(world: &mut World, tab: usize, conv: ConversationId) {
    let user = world.tabs[tab].user.id;
    let chat = world.tabs[tab].client.chat(conv);
    let list = world.tabs[tab].client.list();
    let row = list.rows.iter().find(|row| row.id == conv);
    let log = &world.server.convs[&conv];
    let others: Vec<_> = log.state().users().into_iter().filter(|member| member.id != user).collect();
    let group = Group { name: log.state().name.clone(), roles: log.state().roles.clone() };
    let group = (log.group && world.server.trouble.knows_changes).then_some(group);
    let shown = [Some(chat.people()), row.map(kafkatalk_app::client::Row::people)];
    for people in shown.into_iter().flatten() {
        let wrong =
            *people.others != *others || (group.is_some() && people.group.as_deref() != group.as_ref());
        if wrong {
            return fail(world, tab, format!("{conv} shows {people:?}, it is {others:?} {group:?}"));
        }
    }
}

/// Nothing of a group that the person is out of.
fn nothing_is_shown(world: &mut World, tab: usize, conv: ConversationId) {
    let life = world.tabs[tab].life;
    world.tell(tab, life, Input::Action(Action::Open(Some(conv))));
    rest(world);
    let chat = world.tabs[tab].client.chat(conv);
    let listed = world.tabs[tab].client.list().rows.iter().any(|row| row.id == conv);
    if chat.status != ChatStatus::Left || !chat.items.is_empty() || !chat.others.is_empty() || listed {
        fail(world, tab, format!("{conv} is {:?} and shows {:?}, listed: {listed}", chat.status, chat.items));
    }
    let kept = &world.stores[world.tabs[tab].device];
    if let Some(entry) = kept.values().find(|entry| entry.conversation == conv) {
        let entry = format!("{entry:?} is kept, and they are out of it");
        fail(world, tab, entry);
    }
}

/// Nothing is shown that the person could see at no time.
fn nothing_forbidden_is_shown(world: &mut World, tab: usize) {
    let user = world.tabs[tab].user.id;
    let client = &world.tabs[tab].client;
    let chats = client.opened().map(|open| (open, client.chat(open).items));
    let rows = client.list().rows.into_iter().map(|row| (row.id, row.last.into_iter().collect()));
    let forbidden = chats.into_iter().chain(rows).find_map(|(conv, items)| {
        let log = &world.server.convs[&conv];
        let bad = |item: &&Item| item.offset().is_some_and(|offset| !log.was_ever_for(user, offset));
        items.iter().find(|item| is_logged(&item.delivery) && bad(item)).map(|item| (conv, item.clone()))
    });
    if let Some((conv, item)) = forbidden {
        fail(world, tab, format!("{conv} shows {item:?}, which they may not see"));
    }
}

fn rest(world: &mut World) {
    let end = world.now + 5_000;
    world.run_until(end);
}
