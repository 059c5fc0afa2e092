//! What becomes of records about members. Rights are judged at the record's own offset, so all nodes agree.

mod notice;

use crate::kernel::{
    projector::{Delivery, Effects, IgnoreReason, InConversation, Projector, Recorded, introduce},
    views::{
        ViewsError,
        cache::Person,
        query::{person_told, sql_role},
        schema::sql_offset,
    },
};
use kafkatalk_log::{Record, failpoints};
use kafkatalk_protocol::{
    Offset, ServerFrame, UserId,
    limits::GROUP_MEMBERS_MAX,
    member::{
        ConversationNamed, GroupName, MemberLeft, MemberRemoved, MemberRoleSet, MembersAdded, NoticeKind,
        Role,
    },
};
use notice::Stored;
use rusqlite::OptionalExtension as _;
use std::sync::Arc;

/// Raised with every change of the tables, of the kinds handled or of what becomes of a record: see
/// [`Projector::new`].
const VERSION: u32 = 1;

/// What came of a change of the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Membership {
    /// The group is as the record says.
    Done,
    /// It was so already.
    Unchanged,
    /// The author is no member, or their role does not let them.
    NotAllowed,
    /// A conversation of two people stays one.
    NotAGroup,
    /// It would have more members than a group may have.
    TooMany,
    /// Whom the record concerns is no member.
    NotAMember,
    /// The group would have no owner.
    LastOwner,
}

impl Recorded for MembersAdded {
    type Outcome = Membership;
}
impl Recorded for MemberLeft {
    type Outcome = Membership;
}
impl Recorded for MemberRemoved {
    type Outcome = Membership;
}
impl Recorded for MemberRoleSet {
    type Outcome = Membership;
}
impl Recorded for ConversationNamed {
    type Outcome = Membership;
}

pub(super) fn projector() -> Projector {
    Projector::new("members", VERSION, notice::TABLES, notice::DUMP)
        .rests_on(&["messages"])
        .conversation::<MembersAdded>(|at, record, event| by_member(at, record, event, added))
        .conversation::<MemberLeft>(|at, record, event| by_member(at, record, event, left))
        .conversation::<MemberRemoved>(|at, record, event| by_member(at, record, event, removed))
        .conversation::<MemberRoleSet>(|at, record, event| by_member(at, record, event, role_set))
        .conversation::<ConversationNamed>(|at, record, event| by_member(at, record, event, named))
        .completes(notice::complete)
        .forgets(notice::forget)
        .resets(notice::reset)
}

type Handled = Result<Effects<Membership>, ViewsError>;

fn refused(why: Membership) -> Effects<Membership> {
    let reason = match why {
        Membership::NotAllowed => IgnoreReason::NotAllowed,
        _ => IgnoreReason::NothingToChange,
    };
    Effects::skipped(reason, why)
}

/// A record about a group, and the member who wrote it.
struct By<'a> {
    record: &'a Record,
    author: Person,
}

/// Has a record handled that a member of the group wrote; any other counts for nothing.
fn by_member<E>(
    at: &mut InConversation<'_>,
    record: &Record,
    event: &E,
    handle: fn(&mut InConversation<'_>, &By<'_>, &E) -> Handled,
) -> Handled {
    match author(at, record)? {
        Ok(author) => handle(at, &By { record, author }, event),
        Err(why) => Ok(refused(why)),
    }
}

/// The author of a record, as a member of a group; or why the record counts for nothing.
fn author(at: &InConversation<'_>, record: &Record) -> Result<Result<Person, Membership>, ViewsError> {
    let author = record.author.and_then(|author| at.state.members().by_id(author));
    let Some(author) = author else { return Ok(Err(Membership::NotAllowed)) };
    if !at.state.is_group {
        return Ok(Err(Membership::NotAGroup));
    }
    // The same record again, or a message that bears its id.
    Ok(if notice::is_taken(at, author, record)? { Err(Membership::Unchanged) } else { Ok(author.clone()) })
}

fn added(at: &mut InConversation<'_>, by: &By<'_>, event: &MembersAdded) -> Handled {
    let members = Arc::clone(at.state.members());
    let mut new: Vec<_> = event.members.iter().filter(|added| members.by_id(added.user).is_none()).collect();
    new.sort_unstable_by_key(|added| added.user);
    new.dedup_by_key(|added| added.user);
    if new.is_empty() {
        return Ok(refused(Membership::Unchanged));
    }
    if members.ids.len() + new.len() > GROUP_MEMBERS_MAX {
        return Ok(refused(Membership::TooMany));
    }
    let mut sees_from =
        event.sees_from.map_or(at.offset, |asked| asked.max(by.author.sees_from).min(at.offset));
    if failpoints::is_on(failpoints::broken::ADDED_SEES_ALL) {
        sees_from = Offset(0);
    }
    for added in &new {
        let row = person_told(at.rows, added.user, &added.username)?;
        let mut let_in = at.rows.prepare_cached(
            "INSERT INTO members (conversation, user, sees_from, since) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET sees_from = excluded.sees_from, since = excluded.since, until = NULL, role = 0",
        )?;
        let_in.execute((at.state.row, row, sql_offset(sees_from), sql_offset(at.offset)))?;
    }
    let ids: Vec<UserId> = new.iter().map(|added| added.user).collect();
    let told = finish(at, by, &Stored::of(NoticeKind::Added, ids.clone()), &members.ids)?;
    Ok(told.deliver([introduce(at.state.id, ids.into())]))
}

fn left(at: &mut InConversation<'_>, by: &By<'_>, _: &MemberLeft) -> Handled {
    let_out(at, by.author.row)?;
    let owner = if by.author.role == Role::Owner { succeed(at)? } else { None };
    gone(at, by, &Stored::of(NoticeKind::Left, owner.into_iter().collect()), by.author.user.id)
}

fn removed(at: &mut InConversation<'_>, by: &By<'_>, event: &MemberRemoved) -> Handled {
    let Some(removed) = at.state.members().by_id(event.user).cloned() else {
        return Ok(refused(Membership::NotAMember));
    };
    let itself = removed.row == by.author.row;
    if itself || by.author.role < Role::Admin || removed.role == Role::Owner {
        return Ok(refused(Membership::NotAllowed));
    }
    if !failpoints::is_on(failpoints::broken::REMOVED_STAYS) {
        let_out(at, removed.row)?;
    }
    gone(at, by, &Stored::of(NoticeKind::Removed, vec![event.user]), event.user)
}

fn role_set(at: &mut InConversation<'_>, by: &By<'_>, event: &MemberRoleSet) -> Handled {
    let members = Arc::clone(at.state.members());
    let Some(member) = members.by_id(event.user) else { return Ok(refused(Membership::NotAMember)) };
    if by.author.role != Role::Owner {
        return Ok(refused(Membership::NotAllowed));
    }
    if member.role == event.role {
        return Ok(refused(Membership::Unchanged));
    }
    let owners = members.people.iter().filter(|person| person.role == Role::Owner).count();
    if member.role == Role::Owner && owners == 1 {
        return Ok(refused(Membership::LastOwner));
    }
    set_role(at, member.row, event.role)?;
    let stored = Stored { role: Some(event.role), ..Stored::of(NoticeKind::Role, vec![event.user]) };
    finish(at, by, &stored, &members.ids)
}

fn named(at: &mut InConversation<'_>, by: &By<'_>, event: &ConversationNamed) -> Handled {
    let name = event.name.as_ref().map(GroupName::as_str);
    let mut rename =
        at.rows.prepare_cached("UPDATE conversations SET name = ?2 WHERE row = ?1 AND name IS NOT ?2")?;
    if rename.execute((at.state.row, name))? == 0 {
        return Ok(refused(Membership::Unchanged));
    }
    let stored = Stored { name: event.name.clone(), ..Stored::of(NoticeKind::Named, Vec::new()) };
    let members = at.state.member_ids();
    finish(at, by, &stored, &members)
}

/// The person is no member from this record on. They keep their row, by which they are told so.
fn let_out(at: &InConversation<'_>, user: i64) -> Result<(), ViewsError> {
    at.rows
        .prepare_cached("UPDATE members SET until = ?3, role = 0 WHERE conversation = ?1 AND user = ?2")?
        .execute((at.state.row, user, sql_offset(at.offset)))?;
    Ok(())
}

fn set_role(at: &InConversation<'_>, user: i64, role: Role) -> Result<(), ViewsError> {
    at.rows
        .prepare_cached("UPDATE members SET role = ?3 WHERE conversation = ?1 AND user = ?2")?
        .execute((at.state.row, user, sql_role(role)))?;
    Ok(())
}

/// After an owner left: who becomes one, where no other is there.
fn succeed(at: &InConversation<'_>) -> Result<Option<UserId>, ViewsError> {
    let mut find = at.rows.prepare_cached(
        "SELECT users.row, users.id, role FROM members JOIN users ON users.row = user
         WHERE conversation = ?1 AND until IS NULL ORDER BY role DESC, since NULLS FIRST, users.id LIMIT 1",
    )?;
    let first = find.query_row([at.state.row], |row| {
        Ok((row.get(0)?, UserId(crate::kernel::views::schema::uuid(row, 1)?), row.get::<_, i64>(2)?))
    });
    match first.optional()? {
        Some((row, user, role)) if role < sql_role(Role::Owner) => {
            set_role(at, row, Role::Owner)?;
            Ok(Some(user))
        }
        _ => Ok(None),
    }
}

/// Somebody is no member any more: the others are told what happened, and they that they are out.
fn gone(at: &mut InConversation<'_>, by: &By<'_>, notice: &Stored, gone: UserId) -> Handled {
    let before = at.state.member_ids();
    let others: Arc<[UserId]> = before.iter().copied().filter(|member| *member != gone).collect();
    let told = finish(at, by, notice, &others)?;
    let conversation = at.state.id;
    Ok(told.deliver([Delivery::to([gone].into(), ServerFrame::Left { conversation })]))
}

/// The rows are as the record says: the members, a line in the order of messages, and the frame for those who were members
/// before and still are.
fn finish(at: &mut InConversation<'_>, by: &By<'_>, notice: &Stored, told: &Arc<[UserId]>) -> Handled {
    at.state.reload_members(at.rows)?;
    at.rows
        .prepare_cached("UPDATE conversations SET group_revision = ?2 WHERE row = ?1")?
        .execute((at.state.row, sql_offset(at.offset)))?;
    let posted = notice::post(at, by.record, &by.author, notice)?;
    let link = at.link();
    let group = super::query::group(at.rows, at.state.members())?;
    let frame = group.into_frame(at.state.id, at.state.members(), Some(posted), link);
    let deliver = Delivery::to(Arc::clone(told), frame);
    Ok(Effects::of(Membership::Done).visible().deliver([deliver]))
}
