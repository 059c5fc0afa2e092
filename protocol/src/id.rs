//! Ids and offsets.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        ///
        /// Written as a lowercase hyphenated UUID.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = uuid::Uuid))]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { self.0.as_hyphenated().fmt(f) }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { fmt::Display::fmt(self, f) }
        }
        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> { Uuid::parse_str(text).map(Self) }
        }
        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self { Self(id) }
        }
    )+};
}

ids! {
    /// A registered person.
    UserId,
    /// A private conversation, and so its stream in the log.
    ConversationId,
    /// A message, named by the client that wrote it; unique per sender within a conversation.
    MessageId,
    /// A group that a client wants, named by that client; unique per creator. The conversation's id follows from both:
    /// see [`ConversationId::of_group`].
    CreationId,
    /// A session of one device. Not the token: it may be shown.
    SessionId,
}

/// Namespace of the ids of pair conversations (a random UUID, fixed for ever).
const PAIR_NAMESPACE: Uuid = Uuid::from_u128(0x6f1c_9d52_8a0e_4f0b_9b59_3a5c_5f1d_7e21);
/// The same for groups.
const GROUP_NAMESPACE: Uuid = Uuid::from_u128(0x2b8a_61e4_70d3_4c9f_a5e7_0d42_96bb_13f8);

impl ConversationId {
    /// The conversation of two people: the same id whoever asks, so that creating it twice, on two nodes at once,
    /// makes one conversation without any lock.
    pub fn of_pair(one: UserId, other: UserId) -> Self {
        let (low, high) = if one <= other { (one, other) } else { (other, one) };
        Self::derived(&PAIR_NAMESPACE, low.0, high.0)
    }

    /// The group that a person creates under an id of their own: the same whichever node they ask, and however often.
    /// The creator is in it, so that nobody meets the conversations of anybody else, whatever id they choose.
    pub fn of_group(creator: UserId, asked: CreationId) -> Self {
        Self::derived(&GROUP_NAMESPACE, creator.0, asked.0)
    }

    fn derived(namespace: &Uuid, one: Uuid, other: Uuid) -> Self {
        let mut name = [0; 32];
        name[..16].copy_from_slice(one.as_bytes());
        name[16..].copy_from_slice(other.as_bytes());
        Self(Uuid::new_v5(namespace, &name))
    }
}

/// A record's position in its stream, counted from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(transparent)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = u64))]
pub struct Offset(pub u64);

impl Offset {
    /// The offset after this one. The last that can be written is its own next: clients may name any, and nothing stands
    /// there.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}
impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
impl fmt::Debug for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_offset_that_a_client_may_name_leads_back_to_the_first() {
        assert_eq!(Offset(7).next(), Offset(8));
        assert_eq!(Offset(u64::MAX).next(), Offset(u64::MAX));
    }

    #[test]
    fn a_pair_has_one_id_whoever_asks() {
        let (a, b, c) = (UserId(Uuid::new_v4()), UserId(Uuid::new_v4()), UserId(Uuid::new_v4()));
        assert_eq!(ConversationId::of_pair(a, b), ConversationId::of_pair(b, a));
        assert_ne!(ConversationId::of_pair(a, b), ConversationId::of_pair(a, c));
    }

    #[test]
    fn a_group_has_one_id_whenever_its_creator_asks_under_the_same_and_another_for_anybody_else() {
        let (a, b, asked) = (UserId(Uuid::new_v4()), UserId(Uuid::new_v4()), CreationId(Uuid::new_v4()));
        assert_eq!(ConversationId::of_group(a, asked), ConversationId::of_group(a, asked));
        assert_ne!(ConversationId::of_group(a, asked), ConversationId::of_group(b, asked));
    }

    #[test]
    fn no_id_that_a_client_chooses_makes_a_group_of_a_pair() {
        let (a, b) = (UserId(Uuid::new_v4()), UserId(Uuid::new_v4()));
        let pair = ConversationId::of_pair(a, b);
        for asked in [a.0, b.0, pair.0] {
            for creator in [a, b] {
                assert_ne!(ConversationId::of_group(creator, CreationId(asked)), pair);
            }
        }
    }
}
