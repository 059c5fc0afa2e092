//! Who was in a group when, by the group's own records: read from the log itself, and judged by the rules of the protocol
//! alone. Nothing of the service has a say in it.

use crate::server::Setup;
use anyhow::{Context as _, Result};
use kafkatalk_log::{
    Entry, Page, Record, Stream,
    embedded::EmbeddedReader,
    kafka::{KafkaOptions, KafkaReader},
};
use kafkatalk_protocol::{
    ConversationId, Offset, UserId,
    event::Event,
    member::{
        ConversationNamed, GroupName, MemberLeft, MemberRemoved, MemberRoleSet, MembersAdded, NoticeKind,
        Role,
    },
};
use std::collections::{BTreeMap, BTreeSet};

/// Records that one read of the log brings at most.
const READ_RECORDS: usize = 1_000;

/// The log, for reading alone.
pub(crate) enum Reader {
    /// Of a node's folder.
    Embedded(EmbeddedReader),
    /// On brokers.
    Kafka(KafkaReader),
}

impl Reader {
    /// The log that a node is on.
    pub(crate) fn of(setup: &Setup) -> Result<Self> {
        let flag = |name: &str| {
            let place = setup.flags.iter().position(|flag| flag == name)?;
            setup.flags.get(place + 1).cloned()
        };
        let Some(bootstrap) = flag("--kafka") else {
            return Ok(Self::Embedded(EmbeddedReader::open(&setup.data)?));
        };
        let topic_prefix = flag("--topic-prefix").context("the node has topics of its own")?;
        let options = KafkaOptions { topic_prefix, ..KafkaOptions::new(bootstrap) };
        Ok(Self::Kafka(KafkaReader::open(options)?))
    }

    /// All records of a conversation.
    pub(crate) async fn records(&self, conversation: ConversationId) -> Result<Vec<Entry>> {
        let stream = Stream::Conversation(conversation);
        let (mut entries, mut from) = (Vec::new(), Offset(0));
        loop {
            let Page { entries: read, next, end } = match self {
                Self::Embedded(log) => log.read(stream, from, READ_RECORDS).await?,
                Self::Kafka(log) => log.read(stream, from, READ_RECORDS).await?,
            };
            entries.extend(read);
            if next >= end {
                return Ok(entries);
            }
            from = next;
        }
    }
}

/// Somebody in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Member {
    /// The first offset that they see.
    sees_from: Offset,
    /// The record by which they came; none for the first members.
    since: Option<Offset>,
    role: Role,
}

/// What a group is, and what devices are shown of that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    /// Who is in it.
    pub(crate) members: BTreeSet<UserId>,
    /// Its owners and admins.
    pub(crate) roles: BTreeMap<UserId, Role>,
    /// Its name.
    pub(crate) name: Option<GroupName>,
}

/// A time for which somebody saw what was said, from an offset on and until another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sight {
    from: Offset,
    until: Option<Offset>,
}

/// The group by its records.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    members: BTreeMap<UserId, Member>,
    name: Option<GroupName>,
    /// The last record that changed something.
    pub(crate) revision: Option<Offset>,
    /// Every record that changed something: who did it, and what.
    pub(crate) notices: BTreeMap<Offset, (UserId, NoticeKind)>,
    sights: BTreeMap<UserId, Vec<Sight>>,
}

impl Ledger {
    /// A group as it was created: the creator owns it.
    pub(crate) fn new(creator: UserId, others: &[UserId]) -> Self {
        let mut ledger = Self::default();
        for user in others.iter().chain([&creator]) {
            let role = if *user == creator { Role::Owner } else { Role::Member };
            ledger.let_in(*user, Member { sees_from: Offset(0), since: None, role });
        }
        ledger
    }

    /// As it became by these records.
    pub(crate) fn replay(mut self, records: &[Entry]) -> Self {
        for Entry { offset, record, .. } in records {
            let Some(author) = record.author else { continue };
            if let Some(kind) = self.take(author, *offset, record) {
                self.notices.insert(*offset, (author, kind));
                self.revision = Some(*offset);
            }
        }
        self
    }

    /// What devices must show.
    pub(crate) fn state(&self) -> State {
        let roles = self.members.iter().filter(|(_, member)| member.role > Role::Member);
        State {
            members: self.members.keys().copied().collect(),
            roles: roles.map(|(user, member)| (*user, member.role)).collect(),
            name: self.name.clone(),
        }
    }

    /// From where on a member sees the group; none for whoever is out of it.
    pub(crate) fn sees_from(&self, user: UserId) -> Option<Offset> {
        self.members.get(&user).map(|member| member.sees_from)
    }

    /// Whether somebody could see the message at that offset at any time.
    pub(crate) fn was_for(&self, user: UserId, offset: Offset) -> bool {
        let sees = |sight: &Sight| sight.from <= offset && sight.until.is_none_or(|until| offset < until);
        self.sights.get(&user).is_some_and(|sights| sights.iter().any(sees))
    }

    fn let_in(&mut self, user: UserId, member: Member) {
        self.members.insert(user, member);
        self.sights.entry(user).or_default().push(Sight { from: member.sees_from, until: None });
    }

    fn let_out(&mut self, user: UserId, at: Offset) {
        self.members.remove(&user);
        if let Some(last) = self.sights.get_mut(&user).and_then(|sights| sights.last_mut()) {
            last.until = Some(at);
        }
    }

    /// Takes a record in; what it changed, where its author might do that.
    fn take(&mut self, author: UserId, at: Offset, record: &Record) -> Option<NoticeKind> {
        let by = *self.members.get(&author)?;
        if let Some(added) = event::<MembersAdded>(record) {
            let sees_from = added.sees_from.map_or(at, |asked| asked.max(by.sees_from).min(at));
            let new: BTreeSet<_> = added.members.iter().map(|added| added.user).collect();
            let new: Vec<_> = new.into_iter().filter(|user| !self.members.contains_key(user)).collect();
            for user in &new {
                self.let_in(*user, Member { sees_from, since: Some(at), role: Role::Member });
            }
            (!new.is_empty()).then_some(NoticeKind::Added)
        } else if let Some(MemberLeft {}) = event(record) {
            self.let_out(author, at);
            if by.role == Role::Owner {
                self.succeed();
            }
            Some(NoticeKind::Left)
        } else if let Some(MemberRemoved { user }) = event(record) {
            let role = self.members.get(&user)?.role;
            let may = user != author && by.role >= Role::Admin && role != Role::Owner;
            may.then(|| self.let_out(user, at))?;
            Some(NoticeKind::Removed)
        } else if let Some(MemberRoleSet { user, role }) = event(record) {
            let owners = self.members.values().filter(|member| member.role == Role::Owner).count();
            let member = self.members.get_mut(&user)?;
            let last_owner = member.role == Role::Owner && owners == 1;
            if by.role != Role::Owner || member.role == role || last_owner {
                return None;
            }
            member.role = role;
            Some(NoticeKind::Role)
        } else if let Some(ConversationNamed { name }) = event(record) {
            (self.name != name).then(|| self.name = name)?;
            Some(NoticeKind::Named)
        } else {
            None
        }
    }

    /// The last owner has left: the admin, or else the member, who was there longest becomes one.
    fn succeed(&mut self) {
        if self.members.values().any(|member| member.role == Role::Owner) {
            return;
        }
        let mut all: Vec<_> = self.members.iter_mut().collect();
        all.sort_by_key(|(user, member)| (std::cmp::Reverse(member.role), member.since, **user));
        if let Some((_, first)) = all.into_iter().next() {
            first.role = Role::Owner;
        }
    }
}

fn event<E: Event>(record: &Record) -> Option<E> {
    record.event::<E>()?.ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafkatalk_protocol::{Timestamp, member::Added};
    use uuid::Uuid;

    fn user(number: u128) -> UserId {
        UserId(Uuid::from_u128(number))
    }

    /// A group of the first two after these events, from offset 0 on.
    fn after(events: Vec<(u128, Record)>) -> Ledger {
        let stream = Stream::Conversation(ConversationId(Uuid::nil()));
        let entry = |(offset, (author, record)): (u64, (u128, Record))| Entry {
            stream,
            offset: Offset(offset),
            record: Record { author: Some(user(author)), ..record }.into(),
        };
        let entries: Vec<_> = (0..).zip(events).map(entry).collect();
        Ledger::new(user(1), &[user(2)]).replay(&entries)
    }

    fn record<E: Event>(event: &E) -> Record {
        Record::of(Uuid::nil(), None, Timestamp::default(), event)
    }

    fn adds(author: u128, number: u128, history: bool) -> (u128, Record) {
        let username = format!("user{number}").parse().unwrap();
        let members = vec![Added { user: user(number), username }];
        (author, record(&MembersAdded { members, sees_from: history.then_some(Offset(0)) }))
    }

    fn removes(author: u128, number: u128) -> (u128, Record) {
        (author, record(&MemberRemoved { user: user(number) }))
    }

    fn leaves(author: u128) -> (u128, Record) {
        (author, record(&MemberLeft {}))
    }

    #[test]
    fn whoever_is_added_sees_from_there_on_or_as_much_as_who_added_them() {
        let ledger = after(vec![adds(2, 3, false), adds(3, 4, true), adds(1, 5, true)]);
        assert_eq!([1, 3, 4, 5].map(|number| ledger.sees_from(user(number)).unwrap().0), [0, 0, 0, 0]);
        let ledger = after(vec![leaves(2), adds(1, 3, false), adds(3, 4, true), adds(1, 5, true)]);
        assert_eq!([3, 4, 5].map(|number| ledger.sees_from(user(number)).unwrap().0), [1, 1, 0]);
    }

    #[test]
    fn whoever_is_out_might_see_what_was_said_until_then_and_after_a_return_what_comes_then() {
        let ledger = after(vec![leaves(9), removes(1, 2), leaves(9), adds(1, 2, false)]);
        let seen: Vec<_> = (0..5).filter(|offset| ledger.was_for(user(2), Offset(*offset))).collect();
        assert_eq!(seen, [0, 3, 4]);
        assert_eq!(ledger.notices.keys().map(|offset| offset.0).collect::<Vec<_>>(), [1, 3]);
    }

    #[test]
    fn a_member_removes_nobody_and_nobody_removes_an_owner() {
        let ledger = after(vec![removes(2, 1), adds(1, 3, false), removes(2, 3), removes(3, 1)]);
        assert_eq!(ledger.state().members, [1, 2, 3].map(user).into());
        assert_eq!(ledger.revision, Some(Offset(1)));
    }

    #[test]
    fn the_longest_standing_member_succeeds_the_last_owner() {
        let ledger = after(vec![adds(1, 3, false), leaves(1)]);
        assert_eq!(ledger.state().roles, [(user(2), Role::Owner)].into());
    }
}
