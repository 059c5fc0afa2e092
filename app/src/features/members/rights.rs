//! What the viewer may do to a member. The server decides; this says what is worth offering.

use kafkatalk_protocol::member::Role;

/// The roles that somebody may give to a member who has one of them; none where they may give none.
pub(super) fn may_give(own: Role) -> &'static [Role] {
    match own {
        Role::Owner => &[Role::Member, Role::Admin, Role::Owner],
        Role::Admin | Role::Member => &[],
    }
}

/// Whether somebody may remove a member with that role.
pub(super) fn may_remove(own: Role, theirs: Role) -> bool {
    own >= Role::Admin && theirs != Role::Owner
}

/// What a role is called.
pub(super) fn title(role: Role) -> &'static str {
    match role {
        Role::Member => "Member",
        Role::Admin => "Admin",
        Role::Owner => "Owner",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_give_roles_and_admins_remove_all_but_owners() {
        assert!(may_give(Role::Admin).is_empty());
        assert_eq!(may_give(Role::Owner).len(), 3);
        assert!(may_remove(Role::Admin, Role::Admin));
        assert!(!may_remove(Role::Admin, Role::Owner));
        assert!(!may_remove(Role::Member, Role::Member));
    }
}
