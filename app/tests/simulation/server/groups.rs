//! Groups whose people come and go.

use super::{Conv, Fault, Out, Record, Server, conv::Member, wall};
use kafkatalk_protocol::{
    Body, ConversationId, Message, Offset, ServerFrame, User, UserId,
    member::{GroupName, Notice, NoticeKind, Role},
};

/// What somebody does to a group.
#[derive(Clone, Debug)]
pub(crate) enum Deed {
    /// Adds a person, with what was said before or without.
    Add(User, bool),
    Remove(UserId),
    Leave,
    Name(Option<GroupName>),
    MakeAdmin(UserId),
}

/// What came of a deed: the line that says so, and what people see of it.
struct Done {
    kind: NoticeKind,
    users: Vec<User>,
    gone: Option<User>,
    new: Option<User>,
}

impl Conv {
    /// Does it, as that person, at that record; none where they may not, or it is so already.
    fn do_to_group(&mut self, by: UserId, deed: &Deed, record: Offset, now: u64) -> Option<(Done, Notice)> {
        let mut state = self.state().clone();
        let author = state.member(by)?.clone();
        let role = |user: UserId| state.roles.get(&user).copied().unwrap_or_default();
        let mut done = Done { kind: NoticeKind::Added, users: Vec::new(), gone: None, new: None };
        let (mut new_role, mut new_name) = (None, None);
        match deed {
            Deed::Add(user, history) => {
                if state.member(user.id).is_some() {
                    return None;
                }
                let sees_from = if *history { author.sees_from } else { record };
                state.members.push(Member { user: user.clone(), sees_from });
                state.members.sort_by(|one, other| one.user.username.cmp(&other.user.username));
                (done.users, done.new) = (vec![user.clone()], Some(user.clone()));
            }
            Deed::Remove(user) => {
                let member = state.member(*user)?.clone();
                if by == *user || role(by) < Role::Admin || role(*user) == Role::Owner {
                    return None;
                }
                state.members.retain(|member| member.user.id != *user);
                state.roles.remove(user);
                (done.kind, done.users, done.gone) =
                    (NoticeKind::Removed, vec![member.user.clone()], Some(member.user));
            }
            Deed::Leave => {
                state.members.retain(|member| member.user.id != by);
                let was_owner = state.roles.remove(&by) == Some(Role::Owner);
                let owner = state.members.first().filter(|_| was_owner).map(|member| member.user.clone());
                if let Some(owner) = &owner {
                    state.roles.insert(owner.id, Role::Owner);
                }
                (done.kind, done.users, done.gone) =
                    (NoticeKind::Left, owner.into_iter().collect(), Some(author.user.clone()));
            }
            Deed::Name(name) => {
                if state.name == *name {
                    return None;
                }
                state.name.clone_from(name);
                (done.kind, new_name) = (NoticeKind::Named, name.clone());
            }
            Deed::MakeAdmin(user) => {
                let member = state.member(*user)?.clone();
                if role(by) != Role::Owner || role(*user) != Role::Member {
                    return None;
                }
                state.roles.insert(*user, Role::Admin);
                (done.kind, done.users, new_role) = (NoticeKind::Role, vec![member.user], Some(Role::Admin));
            }
        }
        let notice = Notice { kind: done.kind, users: done.users.clone(), role: new_role, name: new_name };
        self.set_state(state, record, now);
        Some((done, notice))
    }
}

impl Server {
    /// Somebody does something to a group; false where the server refuses it, or it changes nothing.
    pub(crate) fn regroup(
        &mut self,
        (id, by): (ConversationId, &User),
        deed: &Deed,
        now: u64,
        out: &mut Vec<Out>,
    ) -> bool {
        let hole = u64::from(self.lot(200));
        let knows = self.trouble.knows_changes;
        let Some(conv) = self.convs.get_mut(&id).filter(|conv| conv.group && knows) else { return false };
        let record = Offset(conv.next + hole);
        let told: Vec<_> = conv.state().members.iter().map(|member| member.user.id).collect();
        let Some((done, notice)) = conv.do_to_group(by.id, deed, record, now) else { return false };
        conv.next = record.0 + 1;
        let text = notice.text(by.username.as_str(), |user| user.username.to_string());
        let (previous, previous_record) =
            (conv.records.last().map(|record| record.message.offset), conv.through(u64::MAX));
        let message_id = self.random.message_id();
        let body = Body::parse(&text).unwrap();
        let line = Message {
            previous,
            notice: Some(notice),
            ..Message::new(id, record, message_id, by.clone(), wall(now), body)
        };
        conv.records.push(Record { message: line.clone() });
        conv.link(record, Some(line.clone()), now);
        let frame = self.group_frame(id, Some(line), (Some(record), previous_record));
        let stays = |user: &UserId| done.gone.as_ref().is_none_or(|gone| gone.id != *user);
        let told: Vec<_> = told.into_iter().filter(stays).collect();
        self.broadcast_to(&told, &frame, None, out);
        if let Some(gone) = done.gone.filter(|_| self.fault != Fault::KeepsTellingTheRemoved) {
            self.broadcast_to(&[gone.id], &ServerFrame::Left { conversation: id }, None, out);
        }
        if let Some(new) = done.new
            && let Some(conversation) = self.conversation(id, new.id, now)
        {
            self.broadcast_to(&[new.id], &ServerFrame::Conversation { conversation }, None, out);
        }
        true
    }

    /// The group as it is now.
    pub(super) fn group_frame(
        &self,
        conversation: ConversationId,
        notice: Option<Message>,
        (record, previous_record): (Option<Offset>, Option<Offset>),
    ) -> ServerFrame {
        let state = self.convs[&conversation].state().clone();
        ServerFrame::Group {
            conversation,
            members: state.users(),
            roles: state.roles,
            name: state.name,
            revision: state.revision.unwrap_or_default(),
            notice,
            record,
            previous_record,
        }
    }
}
