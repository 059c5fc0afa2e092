//! What a group is, beside its messages.

use crate::kernel::views::{Viewpoint, ViewsError, cache::Members, schema::column_offset};
use kafkatalk_protocol::{
    ConversationId, Message, Offset, ServerFrame, UserId,
    member::{GroupName, Role},
};
use rusqlite::Connection;
use std::collections::BTreeMap;

/// The state of a group.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// Whether it is one.
    pub is_group: bool,
    /// Its name.
    pub name: Option<GroupName>,
    /// Its owners and admins.
    pub roles: BTreeMap<UserId, Role>,
    /// The offset of the record that last changed members, roles or the name; none where they are as at the creation.
    pub revision: Option<Offset>,
}

impl Group {
    /// The frame that tells members of it: `notice` and the record's place in the chain where a record brought it about.
    pub fn into_frame(
        self,
        conversation: ConversationId,
        members: &Members,
        notice: Option<Message>,
        (record, previous_record): (Option<Offset>, Option<Offset>),
    ) -> ServerFrame {
        ServerFrame::Group {
            conversation,
            members: members.people.iter().map(|person| person.user.clone()).collect(),
            roles: self.roles,
            name: self.name,
            revision: self.revision.unwrap_or_default(),
            notice,
            record,
            previous_record,
        }
    }
}

/// The group of these members.
pub(super) fn group(rows: &Connection, members: &Members) -> Result<Group, ViewsError> {
    let mut find =
        rows.prepare_cached("SELECT is_group, name, group_revision FROM conversations WHERE row = ?1")?;
    let (is_group, name, revision) = find.query_row([members.row], |row| {
        Ok((row.get(0)?, row.get::<_, Option<String>>(1)?, row.get::<_, Option<i64>>(2)?))
    })?;
    let parse =
        |name: String| GroupName::parse(&name).map_err(|error| ViewsError::Damaged(error.to_string()));
    let listed = members.people.iter().filter(|person| person.role > Role::Member);
    Ok(Group {
        is_group,
        name: name.map(parse).transpose()?,
        roles: listed.map(|person| (person.user.id, person.role)).collect(),
        revision: revision.map(column_offset),
    })
}

impl Viewpoint<'_> {
    /// The group as it is now.
    pub fn group(&self) -> Result<Group, ViewsError> {
        group(self.query.rows, &self.members)
    }
}
