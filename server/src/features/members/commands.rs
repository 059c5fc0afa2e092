//! Changing a group.

use super::{
    errors::{MembersError, answer},
    project::Membership,
};
use crate::kernel::{Kernel, projector::Recorded};
use kafkatalk_log::{Level, Stream};
use kafkatalk_protocol::{
    Conversation, ConversationId, Offset, User, UserId, Username,
    limits::GROUP_MEMBERS_MAX,
    member::{
        Added, ConversationNamed, GroupName, MemberLeft, MemberRemoved, MemberRoleSet, MembersAdded, Role,
    },
};
use std::collections::BTreeSet;

/// The feature level that includes changes of members.
const LEVEL: Level = Level(2);

impl Kernel {
    /// Adds people to a group; with `history` they see what the caller sees. Who is a member already stays one.
    pub async fn add_members(
        &self,
        caller: &User,
        conversation: ConversationId,
        names: Vec<Username>,
        history: bool,
    ) -> Result<Conversation, MembersError> {
        let names: BTreeSet<Username> = names.into_iter().collect();
        if names.is_empty() {
            return Err(MembersError::Nobody);
        }
        if names.len() >= GROUP_MEMBERS_MAX {
            return Err(MembersError::TooMany);
        }
        // Before names are looked up: what a stranger asks says nothing about anybody.
        self.group_of(caller.id, conversation).await?;
        let people = self.people_called(names).await?.map_err(MembersError::NoSuchUsers)?;
        let members = people.into_iter().map(|(username, user)| Added { user, username }).collect();
        let sees_from = history.then_some(Offset(0));
        self.change_group(caller.id, conversation, &MembersAdded { members, sees_from }).await
    }

    /// The caller leaves a group.
    pub async fn leave(&self, caller: &User, conversation: ConversationId) -> Result<(), MembersError> {
        self.group_of(caller.id, conversation).await?;
        self.write_change(caller.id, conversation, &MemberLeft {}).await
    }

    /// Removes somebody from a group.
    pub async fn remove_member(
        &self,
        caller: &User,
        conversation: ConversationId,
        user: UserId,
    ) -> Result<(), MembersError> {
        self.judged(caller.id, conversation, |group| {
            let role = |user| group.roles.get(&user).copied().unwrap_or_default();
            if group.members.iter().all(|member| member.id != user) {
                return Err(MembersError::NotFound);
            }
            let may = role(caller.id) >= Role::Admin && role(user) != Role::Owner;
            if may { Ok(()) } else { Err(MembersError::NotAllowed) }
        })
        .await?;
        self.write_change(caller.id, conversation, &MemberRemoved { user }).await
    }

    /// Gives a member a role.
    pub async fn set_role(
        &self,
        caller: &User,
        conversation: ConversationId,
        user: UserId,
        role: Role,
    ) -> Result<Conversation, MembersError> {
        self.judged(caller.id, conversation, |group| {
            if group.members.iter().all(|member| member.id != user) {
                return Err(MembersError::NotFound);
            }
            let may = group.roles.get(&caller.id) == Some(&Role::Owner);
            if may { Ok(()) } else { Err(MembersError::NotAllowed) }
        })
        .await?;
        self.change_group(caller.id, conversation, &MemberRoleSet { user, role }).await
    }

    /// Gives a group a name, or takes it away.
    pub async fn name_group(
        &self,
        caller: &User,
        conversation: ConversationId,
        name: Option<GroupName>,
    ) -> Result<Conversation, MembersError> {
        self.group_of(caller.id, conversation).await?;
        self.change_group(caller.id, conversation, &ConversationNamed { name }).await
    }

    /// Refuses what the group as it stands does not allow, so that it need not be written to the log; what counts is decided
    /// there. Another node may have changed the group a moment ago: a refusal is looked at twice.
    async fn judged(
        &self,
        caller: UserId,
        id: ConversationId,
        judge: impl Fn(&Conversation) -> Result<(), MembersError>,
    ) -> Result<(), MembersError> {
        if judge(&self.group_of(caller, id).await?).is_ok() {
            return Ok(());
        }
        self.catch_up_in_group(id).await?;
        judge(&self.group_of(caller, id).await?)
    }

    /// A group of the caller's, as this node knows it.
    async fn group_of(&self, caller: UserId, id: ConversationId) -> Result<Conversation, MembersError> {
        let group = self.conversation(caller, id).await?;
        if group.group { Ok(group) } else { Err(MembersError::NotAGroup) }
    }

    /// Writes a change and returns the group as it is then.
    async fn change_group<E: Recorded<Outcome = Membership>>(
        &self,
        caller: UserId,
        id: ConversationId,
        event: &E,
    ) -> Result<Conversation, MembersError> {
        self.write_change(caller, id, event).await?;
        Ok(self.conversation(caller, id).await?)
    }

    async fn write_change<E: Recorded<Outcome = Membership>>(
        &self,
        caller: UserId,
        conversation: ConversationId,
        event: &E,
    ) -> Result<(), MembersError> {
        self.require_level(LEVEL).await?;
        self.rates.message(caller).map_err(MembersError::TooOften)?;
        let outcome = self.commit(Stream::Conversation(conversation), caller, None, event).await?;
        answer(outcome)
    }
}
