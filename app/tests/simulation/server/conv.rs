//! A conversation: what is in the log, and who may see what of it.

use super::{Wire, wall};
use kafkatalk_protocol::{
    ClientFrame, Message, MessageId, Offset, Timestamp, User, UserId,
    member::{GroupName, Role},
};
use std::collections::BTreeMap;

#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) message: Message,
}

/// A record of the chain: a message was posted, or changed.
#[derive(Debug)]
struct Link {
    offset: Offset,
    /// The message as it is told after this record; none where nobody is told.
    told: Option<Message>,
    at: u64,
}

/// Somebody in the conversation.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) user: User,
    /// The first record that they see.
    pub(crate) sees_from: Offset,
}

/// Who is in the conversation, from a record on.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    at: u64,
    /// The record; none for the first members.
    pub(crate) revision: Option<Offset>,
    pub(crate) members: Vec<Member>,
    pub(crate) roles: BTreeMap<UserId, Role>,
    pub(crate) name: Option<GroupName>,
}

impl State {
    pub(crate) fn member(&self, user: UserId) -> Option<&Member> {
        self.members.iter().find(|member| member.user.id == user)
    }

    pub(crate) fn users(&self) -> Vec<User> {
        self.members.iter().map(|member| member.user.clone()).collect()
    }
}

#[derive(Debug)]
pub(crate) struct Conv {
    /// Who was in it, the latest at the end.
    states: Vec<State>,
    pub(crate) group: bool,
    pub(super) created_at: Timestamp,
    /// What was posted, in the state that it has now.
    pub(crate) records: Vec<Record>,
    links: Vec<Link>,
    /// The commands that changed a message, and their records.
    pub(crate) changes: Vec<(MessageId, Offset)>,
    pub(super) next: u64,
    pub(super) reads: Vec<(u64, UserId, Offset)>,
    pub(super) swapped: Option<(Wire, User, ClientFrame)>,
}

impl Conv {
    pub(super) fn new(members: Vec<User>, now: u64) -> Self {
        let group = members.len() > 2;
        let roles = group.then(|| (members[0].id, Role::Owner));
        let members = members.into_iter().map(|user| Member { user, sees_from: Offset(0) }).collect();
        let first = State { at: now, members, roles: roles.into_iter().collect(), ..State::default() };
        Self {
            states: vec![first],
            group,
            created_at: wall(now),
            records: Vec::new(),
            links: Vec::new(),
            changes: Vec::new(),
            next: 0,
            reads: Vec::new(),
            swapped: None,
        }
    }

    /// Who is in it at that moment.
    pub(super) fn state_at(&self, before: u64) -> &State {
        let known = self.states.iter().rev().find(|state| state.at <= before);
        known.unwrap_or(&self.states[0])
    }

    /// Who is in it now.
    pub(crate) fn state(&self) -> &State {
        self.state_at(u64::MAX)
    }

    pub(crate) fn has(&self, user: UserId) -> bool {
        self.state().member(user).is_some()
    }

    /// Whether that person is in it, or was.
    pub(crate) fn had(&self, user: UserId, before: u64) -> bool {
        let until = self.states.iter().filter(|state| state.at <= before);
        until.into_iter().any(|state| state.member(user).is_some())
    }

    /// Whether that person could see the message at any time.
    pub(crate) fn was_ever_for(&self, user: UserId, message: Offset) -> bool {
        let ends = self.states.iter().skip(1).map(|state| state.revision).chain([None]);
        self.states.iter().zip(ends).any(|(state, end)| {
            let sees = state.member(user).is_some_and(|member| member.sees_from <= message);
            sees && end.is_none_or(|end| message < end)
        })
    }

    /// From that record on it is as it says.
    pub(super) fn set_state(&mut self, state: State, record: Offset, now: u64) {
        self.states.push(State { at: now, revision: Some(record), ..state });
    }

    /// The messages as they are told at that moment, to whoever sees all.
    pub(super) fn visible(&self, before: u64) -> Vec<Message> {
        let mut messages = BTreeMap::new();
        let links = self.links.iter().filter(|link| link.at <= before);
        for told in links.filter_map(|link| link.told.clone()) {
            messages.insert(told.offset, told);
        }
        messages.into_values().collect()
    }

    /// The messages as they are told to a member at that moment.
    pub(crate) fn visible_to(&self, user: UserId, before: u64) -> Vec<Message> {
        let Some(member) = self.state_at(before).member(user) else { return Vec::new() };
        let mut all = self.visible(before);
        all.retain(|message| message.offset >= member.sees_from);
        all
    }

    /// The messages as the log has them, of those that a member may see.
    pub(crate) fn messages_of(&self, user: UserId) -> Vec<&Message> {
        let Some(member) = self.state().member(user) else { return Vec::new() };
        let all = self.records.iter().map(|record| &record.message);
        all.filter(|message| message.offset >= member.sees_from).collect()
    }

    /// The last record that is told of at that moment.
    pub(super) fn through(&self, before: u64) -> Option<Offset> {
        let links = self.links.iter().filter(|link| link.at <= before && link.told.is_some());
        links.map(|link| link.offset).max()
    }

    pub(super) fn link(&mut self, offset: Offset, told: Option<Message>, now: u64) {
        self.links.push(Link { offset, told, at: now });
    }

    pub(crate) fn read_of(&self, user: UserId, before: u64) -> Option<Offset> {
        let reads = self.reads.iter().filter(|(at, reader, _)| *at <= before && *reader == user);
        reads.map(|(_, _, offset)| *offset).max()
    }

    pub(crate) fn unread(&self, user: UserId, before: u64) -> u64 {
        let read = self.read_of(user, before);
        let unread = |message: &&Message| {
            let says = !message.deleted && message.notice.is_none();
            message.sender.id != user && says && Some(message.offset) > read
        };
        self.visible_to(user, before).iter().filter(unread).fold(0, |count, _| count + 1)
    }
}
