//! What people do, and what breaks.

use crate::{
    server::{REFUSED, groups::Deed},
    world::{Event, World, user},
};
use kafkatalk_app::{
    client::{Action, Command, Delivery, Input, Item},
    features::{delete::Delete, edit::Edit, react::React},
};
use kafkatalk_protocol::{
    Body, CloseCode, ConversationId,
    member::GroupName,
    reaction::{Emoji, Reaction},
};
use std::collections::BTreeSet;

impl World {
    pub(crate) fn set_network(&mut self, tab: usize, online: bool) {
        if self.tabs[tab].network == online {
            return;
        }
        self.tabs[tab].network = online;
        if !online {
            self.cut_wires(tab, true);
        }
        // The device notices, mostly.
        if self.calm || self.random.below(3) > 0 {
            let life = self.tabs[tab].life;
            self.tell(tab, life, Input::Online(online));
        }
    }

    /// Cuts the sockets of a page: some of what is under way still arrives.
    fn cut_wires(&mut self, tab: usize, silent: bool) {
        let life = self.tabs[tab].life;
        let wires: BTreeSet<_> = self.tabs[tab].wires.iter().map(|socket| (tab, life, *socket)).collect();
        for wire in wires {
            for to_server in [false, true] {
                let until = self.now + self.random.below(self.latency_ms);
                self.cut.entry((wire, to_server)).or_insert(until);
            }
            let until = self.now + self.latency_ms;
            let noticed = until + self.random.below(5_000);
            self.at(noticed, Event::ServerLost(wire));
            if !silent {
                self.at(until, Event::PageLost(wire, 1006));
            }
        }
    }

    pub(crate) fn mishap(&mut self) {
        if self.calm {
            return;
        }
        let tab = usize::try_from(self.random.below(self.tabs.len() as u64)).unwrap();
        match self.random.below(9) {
            0 => self.cut_wires(tab, false),
            1 => self.cut_wires(tab, true),
            2 => {
                self.set_network(tab, false);
                let back = self.now + self.random.below(20_000);
                self.at(back, Event::Network(tab, true));
            }
            3 => self.restart_server(),
            4 => {
                let wires: Vec<_> = self.server.sockets.keys().copied().collect();
                if let Some(wire) = wires.get(tab) {
                    self.server.sockets.remove(wire);
                    let code =
                        if self.random.below(4) == 0 { CloseCode::SessionEnded } else { CloseCode::TooSlow };
                    self.on_wire(*wire, false, Event::PageLost(*wire, code.as_u16()));
                }
            }
            5 => {
                let open = self.tabs[tab].client.opened();
                self.load_page(tab, open);
            }
            6 => self.tabs[tab].clock_skew_ms = self.random.below(100_000),
            _ => {}
        }
        let next = self.now + self.random.below(8_000);
        self.at(next, Event::Mishap);
    }

    fn restart_server(&mut self) {
        self.up = false;
        // It may come back as a later version.
        self.server.trouble.knows_changes |= self.random.below(2) == 0;
        let wires: Vec<_> = std::mem::take(&mut self.server.sockets).into_keys().collect();
        for wire in wires {
            let code = if self.random.below(2) == 0 { 1001 } else { 1006 };
            self.on_wire(wire, false, Event::PageLost(wire, code));
        }
        let back = self.now + self.random.below(10_000);
        self.at(back, Event::ServerUp);
    }

    pub(crate) fn person(&mut self, tab: usize) {
        if self.calm {
            return;
        }
        let next = self.now + self.random.below(6_000);
        self.at(next, Event::Person(tab));
        let life = self.tabs[tab].life;
        let user = self.tabs[tab].user.id;
        // They may not know yet that they are out of it.
        let member = |conv: &&ConversationId| self.server.convs[*conv].had(user, self.now);
        let convs: Vec<_> = self.server.convs.keys().filter(member).copied().collect();
        let conv = convs[usize::try_from(self.random.below(convs.len() as u64)).unwrap()];
        let action = match self.random.below(24) {
            22.. => return self.react(tab, conv),
            0..7 => return self.type_message(tab, conv),
            18..22 => return self.change_message(tab, conv),
            7 | 8 => Input::Action(Action::Open(Some(conv))),
            9 => Input::Action(Action::Open(None)),
            10 => Input::Action(Action::AtEnd(self.random.below(2) == 0)),
            11 => Input::Visible(self.random.below(2) == 0),
            12 => Input::Action(Action::LoadEarlier),
            13 => Input::Action(Action::LoadMoreConversations),
            14 => Input::Action(Action::JumpToLatest),
            15 => Input::Action(Action::LoadLater),
            16 => Input::Action(Action::Draft(conv, format!("begun at {}", self.now))),
            _ => return self.look_after_one_that_waits(tab, conv),
        };
        self.tell(tab, life, action);
    }

    /// Somebody does something to a group. They hear of it by the answer, as other pages do by the socket.
    pub(crate) fn change_group(&mut self) {
        if self.calm {
            return;
        }
        let next = self.now + self.random.below(10_000);
        self.at(next, Event::Group);
        let groups: Vec<_> =
            self.server.convs.iter().filter(|(_, conv)| conv.group).map(|(id, _)| *id).collect();
        let conv = groups[usize::try_from(self.random.below(groups.len() as u64)).unwrap()];
        let members = self.server.convs[&conv].state().users();
        if members.is_empty() || !self.up {
            return;
        }
        let by = members[usize::try_from(self.random.below(members.len() as u64)).unwrap()].clone();
        let other = user(1 + u128::from(self.random.below(4)));
        let deed = match self.random.below(10) {
            0..4 => Deed::Add(other, self.random.below(2) == 0),
            4 | 5 => Deed::Remove(other.id),
            6 | 7 => Deed::Leave,
            8 => Deed::MakeAdmin(other.id),
            _ => {
                let name = format!("name {}", self.random.below(3));
                Deed::Name(GroupName::parse(&name).ok().filter(|_| self.random.below(4) > 0))
            }
        };
        let mut out = Vec::new();
        let done = self.server.regroup((conv, &by), &deed, self.now, &mut out);
        self.deliver(out);
        let tab = self.tabs.iter().position(|tab| tab.user == by);
        if let Some(tab) = tab.filter(|_| done)
            && let Some(conversation) = self.server.conversation(conv, by.id, self.now)
        {
            let life = self.tabs[tab].life;
            self.later(Event::Told(tab, life, Box::new(conversation)));
        }
    }

    /// Deletes a message, or sends one that was refused again.
    fn look_after_one_that_waits(&mut self, tab: usize, conv: ConversationId) {
        let life = self.tabs[tab].life;
        let chat = self.tabs[tab].client.chat(conv);
        let Some(item) = chat.items.iter().find(|item| item.deletable()) else { return };
        let id = item.id();
        if matches!(item.delivery, Delivery::Failed { .. }) && self.random.below(2) == 0 {
            return self.tell(tab, life, Input::Action(Action::Retry(id)));
        }
        self.deleted.insert(id);
        for tab in &mut self.tabs {
            tab.typed.retain(|(_, typed)| *typed != id);
        }
        self.tell(tab, life, Input::Action(Action::Discard(id)));
        if self.tabs[tab].client.chat(conv).items.iter().any(|item| item.id() == id) {
            self.failures.push(format!("{id} could be deleted, and is still there"));
        }
    }

    /// Changes the text of one of the messages of that person that the page shows.
    fn change_message(&mut self, tab: usize, conv: ConversationId) {
        let chat = self.tabs[tab].client.chat(conv);
        let changeable =
            |item: &&Item| item.own() && item.in_log() && !item.deleted() && item.notice().is_none();
        let own: Vec<_> = chat.items.iter().filter(changeable).collect();
        if own.is_empty() || !self.server.trouble.knows_changes {
            return;
        }
        let item = own[usize::try_from(self.random.below(own.len() as u64)).unwrap()].clone();
        self.typed += 1;
        if self.random.below(6) == 0 {
            return self.delete_message(tab, conv, &item);
        }
        let bad = self.random.below(20) == 0;
        let text = if bad { REFUSED.into() } else { format!("change {}", self.typed) };
        let edit = Edit { message: item.offset().unwrap(), body: Body::parse(&text).unwrap() };
        let now = self.clock(tab);
        let sent = self.tabs[tab].client.submit(conv, Command::change(edit), now);
        let chat = self.tabs[tab].client.chat(conv);
        let shown =
            chat.items.iter().find(|shown| shown.key() == item.key()).map(|item| item.body().to_owned());
        if sent.is_ok() && shown.as_ref() != Some(&text) {
            self.failures.push(format!("{text:?} was to be shown at once, and {shown:?} is"));
        }
        if let (Ok(id), false) = (sent, bad) {
            self.tabs[tab].changed.push((conv, id));
        }
        self.perform(tab);
    }

    fn delete_message(&mut self, tab: usize, conv: ConversationId, item: &Item) {
        let delete = Command::change(Delete { message: item.offset().unwrap() });
        let now = self.clock(tab);
        if let Ok(id) = self.tabs[tab].client.submit(conv, delete, now) {
            self.tabs[tab].changed.push((conv, id));
            let chat = self.tabs[tab].client.chat(conv);
            if !chat.items.iter().any(|shown| shown.key() == item.key() && shown.deleted()) {
                self.failures.push(format!("{:?} was to be shown as deleted at once", item.key()));
            }
        }
        self.perform(tab);
    }

    /// Reacts to a message that the page shows, or takes that back.
    fn react(&mut self, tab: usize, conv: ConversationId) {
        let user = self.tabs[tab].user.id;
        let chat = self.tabs[tab].client.chat(conv);
        let items: Vec<_> = chat
            .items
            .iter()
            .filter(|item| item.in_log() && !item.deleted() && item.notice().is_none())
            .collect();
        if items.is_empty() || !self.server.trouble.knows_changes {
            return;
        }
        let item = items[usize::try_from(self.random.below(items.len() as u64)).unwrap()];
        let emoji: Emoji = ["👍", "🎉"][usize::from(self.random.below(2) == 0)].parse().unwrap();
        let reacted = |reaction: &Reaction| reaction.emoji == emoji && reaction.users.contains(&user);
        let on = !item.reactions().iter().any(reacted);
        let react = Command::change(React { message: item.offset().unwrap(), emoji, on });
        let now = self.clock(tab);
        if let Ok(id) = self.tabs[tab].client.submit(conv, react, now) {
            self.tabs[tab].changed.push((conv, id));
        }
        self.perform(tab);
    }

    fn type_message(&mut self, tab: usize, conv: ConversationId) {
        self.typed += 1;
        let bad = self.random.below(20) == 0;
        let text = if bad { REFUSED.into() } else { format!("message {}", self.typed) };
        let now = self.clock(tab);
        let sent = self.tabs[tab].client.send(conv, Body::parse(&text).unwrap(), now);
        if let (Ok(id), false) = (sent, bad) {
            self.tabs[tab].typed.push((conv, id));
        }
        self.perform(tab);
    }
}
