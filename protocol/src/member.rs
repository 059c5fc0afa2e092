//! Members of a group, what each may do, and the group's name.

use crate::{
    Offset, User, UserId, Username,
    event::events,
    text::{is_blank, turns_what_follows},
};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use std::{fmt, str::FromStr};

/// Most Unicode characters of a group's name.
pub const GROUP_NAME_CHARS_MAX: usize = 64;

/// What a member of a group may do. Everybody may write, add people, name the group and leave it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// No more than everybody.
    #[default]
    Member,
    /// And removes people other than owners.
    Admin,
    /// And gives roles. A group with members has an owner: if the last one leaves, the longest-standing admin becomes
    /// one, or else the longest-standing member.
    Owner,
}

impl Role {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }
}

/// A text that names no role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Use member, admin or owner.")]
pub struct NoRole;

impl FromStr for Role {
    type Err = NoRole;

    fn from_str(text: &str) -> Result<Self, NoRole> {
        [Self::Member, Self::Admin, Self::Owner].into_iter().find(|role| role.as_str() == text).ok_or(NoRole)
    }
}

/// A group's name: 1 to 64 Unicode characters in one line, without white space at its ends.
#[derive(Clone, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String, min_length = 1, max_length = 64, example = "Climbing on Sundays"))]
#[serde(transparent)]
pub struct GroupName(Box<str>);

/// Why a group cannot have that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GroupNameError {
    /// Nothing but white space.
    #[error("Write a name first.")]
    Empty,
    /// Too long.
    #[error("Use at most {GROUP_NAME_CHARS_MAX} characters.")]
    Long,
    /// A line break or another control character.
    #[error("Use a name of one line, without control characters.")]
    Control,
}

impl GroupName {
    /// Parses what a person typed; white space at the ends goes.
    pub fn parse(text: &str) -> Result<Self, GroupNameError> {
        if is_blank(text) {
            return Err(GroupNameError::Empty);
        }
        Self::kept(text)
    }

    /// Takes what is in the log: some names that nobody can see were allowed once, and groups keep theirs.
    pub fn kept(text: &str) -> Result<Self, GroupNameError> {
        let text = text.trim();
        // Line and paragraph separators break lines too, and overrides of the direction would turn round what follows.
        let bad = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') || turns_what_follows(c);
        if text.contains(bad) {
            return Err(GroupNameError::Control);
        }
        match text.chars().take(GROUP_NAME_CHARS_MAX + 1).count() {
            0 => Err(GroupNameError::Empty),
            n if n > GROUP_NAME_CHARS_MAX => Err(GroupNameError::Long),
            _ => Ok(Self(text.into())),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for GroupName {
    type Err = GroupNameError;

    fn from_str(text: &str) -> Result<Self, GroupNameError> {
        Self::parse(text)
    }
}

impl fmt::Display for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for GroupName {
    // Private like what is said in the group.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GroupName({} bytes)", self.0.len())
    }
}

impl<'de> Deserialize<'de> for GroupName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::kept(&text).map_err(D::Error::custom)
    }
}

events! {
    "members.added" => MembersAdded,
    "member.left" => MemberLeft,
    "member.removed" => MemberRemoved,
    "member.role" => MemberRoleSet,
    "conversation.named" => ConversationNamed,
}

/// Somebody who is added to a group. The name goes with the id, since a reader of the conversation may not have come to
/// their claim in the other stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Added {
    /// Their id.
    pub user: UserId,
    /// Their name.
    pub username: Username,
}

/// A member added people to the group. The envelope's author is who added them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MembersAdded {
    /// The new members. Who is a member already stays as they are.
    pub members: Vec<Added>,
    /// The first offset that they see, though nothing that who adds them may not see. Absent: this record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sees_from: Option<Offset>,
}

/// A member left the group. The envelope's author is who left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberLeft {}

/// An owner or admin removed a member from the group. The envelope's author is who did it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberRemoved {
    /// Who is no member any more.
    pub user: UserId,
}

/// An owner gave a member a role. The envelope's author is who gave it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberRoleSet {
    /// The member.
    pub user: UserId,
    /// Their role from now on.
    pub role: Role,
}

/// A member named the group. The envelope's author is who named it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversationNamed {
    /// The name from now on; absent for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<GroupName>,
}

/// What a notice is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// People were added.
    Added,
    /// The sender left.
    Left,
    /// Somebody was removed.
    Removed,
    /// Somebody has another role.
    Role,
    /// The group has another name, or none.
    Named,
    /// Something that this version does not know.
    #[serde(other)]
    Unknown,
}

/// A line in the order of messages that says what the sender did to the group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Notice {
    /// What.
    pub kind: NoticeKind,
    /// Whom it concerns: who was added, was removed or has another role. Of `left`, who became the owner by it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<User>,
    /// The role, of `role`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// The name, of `named`; absent for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<GroupName>,
}

impl Notice {
    /// The line in words; `subject` names who did it, and `object` those to whom it was done.
    pub fn text(&self, subject: &str, object: impl Fn(&User) -> String) -> String {
        let users: Vec<String> = self.users.iter().map(object).collect();
        let users = listed(&users);
        match self.kind {
            NoticeKind::Added => format!("{subject} added {users}."),
            NoticeKind::Removed => format!("{subject} removed {users}."),
            NoticeKind::Left if users.is_empty() => format!("{subject} left."),
            NoticeKind::Left => format!("{subject} left. New owner: {users}."),
            NoticeKind::Role => {
                let role = match self.role.unwrap_or_default() {
                    Role::Member => "a member",
                    Role::Admin => "an admin",
                    Role::Owner => "an owner",
                };
                format!("{subject} made {users} {role}.")
            }
            NoticeKind::Named => match &self.name {
                Some(name) => format!("{subject} named the group \u{201c}{name}\u{201d}."),
                None => format!("{subject} took the group\u{2019}s name away."),
            },
            NoticeKind::Unknown => format!("{subject} changed the group."),
        }
    }
}

/// "ada", "ada and bob", "ada, bob and eve".
fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_named_in_one_line() {
        assert_eq!(GroupName::parse("  Friday \u{1f37b} ").unwrap().as_str(), "Friday \u{1f37b}");
        assert!(GroupName::parse(&"é".repeat(GROUP_NAME_CHARS_MAX)).is_ok());
        assert_eq!(GroupName::parse(&"é".repeat(GROUP_NAME_CHARS_MAX + 1)), Err(GroupNameError::Long));
        for empty in ["", "  ", "\n", "\u{2003}", "\u{200b}", "\u{feff}\u{200d}", "\u{3164}", "\u{2800} "] {
            assert_eq!(GroupName::parse(empty), Err(GroupNameError::Empty), "{empty:?}");
        }
        let named: GroupName = serde_json::from_value("\u{3164}".into()).unwrap();
        assert_eq!(named.as_str(), "\u{3164}", "groups of before keep their names");
        for bad in ["a\nb", "a\0b", "a\u{7}", "a\u{2028}b", "\u{202e}evil", "a\u{2066}b"] {
            assert_eq!(GroupName::parse(bad), Err(GroupNameError::Control), "{bad:?}");
        }
    }

    #[test]
    fn a_notice_says_who_did_what_to_whom() {
        let user = |name: &str| User { id: UserId(uuid::Uuid::nil()), username: name.parse().unwrap() };
        let notice = |kind, names: &[&str]| Notice {
            kind,
            users: names.iter().map(|name| user(name)).collect(),
            role: Some(Role::Admin),
            name: None,
        };
        let text = |kind, names: &[&str]| notice(kind, names).text("You", |user| user.username.to_string());
        assert_eq!(text(NoticeKind::Added, &["bob"]), "You added bob.");
        assert_eq!(text(NoticeKind::Added, &["bob", "eve", "mia"]), "You added bob, eve and mia.");
        assert_eq!(text(NoticeKind::Role, &["bob"]), "You made bob an admin.");
        assert_eq!(text(NoticeKind::Left, &[]), "You left.");
        assert_eq!(text(NoticeKind::Left, &["bob"]), "You left. New owner: bob.");
    }
}
