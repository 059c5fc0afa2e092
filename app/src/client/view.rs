//! What the pages draw: plain values that know nothing of how they came about.

mod item;

pub use item::{Change, Delivery, Item, ItemKey};

use super::event::Ticks;
use kafkatalk_protocol::{
    Conversation, ConversationId, MessageId, Offset, Timestamp, User, UserId,
    member::{GroupName, Role},
};
use std::{collections::BTreeMap, sync::Arc};

/// How the connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// A socket is being opened.
    Connecting,
    /// Messages go out and come in.
    Live,
    /// The last attempt failed; the next one is at that moment.
    Waiting(Ticks),
    /// The device has no network. It is tried now and then all the same.
    Offline,
    /// The session has ended.
    Ended,
}

/// The connection and what waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkView {
    /// How the connection stands.
    pub link: Link,
    /// Whether it was live at any time since the page was loaded, or an attempt failed.
    pub was_tried: bool,
    /// Messages that wait to be sent, failed ones not counted.
    pub waiting: usize,
    /// Messages that were refused and wait for the person.
    pub failed: usize,
    /// A change of a message that was refused, where that message is not shown.
    pub lost: Option<LostChange>,
    /// The person wanted to sign out, and the server could not end the session.
    pub sign_out_failed: bool,
}

impl LinkView {
    /// A connection that was tried, for which nothing waits.
    pub fn of(link: Link) -> Self {
        Self { link, was_tried: true, waiting: 0, failed: 0, lost: None, sign_out_failed: false }
    }
}

/// A change of a message that was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LostChange {
    /// The command, for [`super::Action::Discard`].
    pub id: MessageId,
    /// The conversation.
    pub conversation: ConversationId,
    /// The message.
    pub message: Offset,
}

/// Whether there is more in a direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// Nothing more.
    End,
    /// There is more; ask for it.
    More,
    /// It is being fetched.
    Loading,
    /// It could not be fetched; ask again.
    Failed,
}

/// The list of conversations, latest activity first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListView {
    /// One a conversation.
    pub rows: Vec<Row>,
    /// Whether more follow below.
    pub more: Edge,
}

/// A conversation in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its id.
    pub id: ConversationId,
    /// Everyone in it but the viewer, by username.
    pub others: Arc<[User]>,
    /// What makes it a group; none for two people.
    pub group: Option<Arc<Group>>,
    /// The newest message, one that waits to be sent included.
    pub last: Option<Item>,
    /// When something last happened.
    pub active_at: Timestamp,
    /// Messages of others that the viewer has not read.
    pub unread: u64,
    /// Whether it is the one being looked at.
    pub open: bool,
    /// A text that was begun and not sent; empty for none.
    pub draft: Arc<str>,
}

/// Who is in a conversation, as the viewer sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct People {
    /// Everyone but the viewer, by username.
    pub others: Arc<[User]>,
    /// What makes it a group; none for two people.
    pub group: Option<Arc<Group>>,
}

impl People {
    /// As the server tells it.
    pub fn of(conversation: &Conversation, viewer: UserId) -> Self {
        Self { others: others(conversation, viewer), group: group(conversation) }
    }

    /// Whether anything is known of it: a group may have no other member.
    pub fn is_known(&self) -> bool {
        !self.others.is_empty() || self.group.is_some()
    }
}

/// What a group has beside its members.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// Its name, where it has one.
    pub name: Option<GroupName>,
    /// Its owners and admins.
    pub roles: BTreeMap<UserId, Role>,
}

impl Group {
    /// What a member may do.
    pub fn role(&self, user: UserId) -> Role {
        self.roles.get(&user).copied().unwrap_or_default()
    }
}

impl Row {
    /// Who is in it.
    pub fn people(&self) -> People {
        People { others: self.others.clone(), group: self.group.clone() }
    }
}

/// How far the messages of a conversation are loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChatStatus {
    /// Not yet there.
    Loading,
    /// There.
    Ready,
    /// Could not be loaded, or there is no network; it is tried again by itself, and by [`super::Action::Reload`].
    Failed,
    /// There is no such conversation for the viewer.
    NotFound,
    /// The viewer was a member, and is not any more.
    Left,
}

impl ChatStatus {
    /// Whether the viewer is not in it.
    pub fn is_absent(self) -> bool {
        matches!(self, Self::NotFound | Self::Left)
    }
}

/// A conversation that is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatView {
    /// Its id.
    pub id: ConversationId,
    /// Everyone in it but the viewer; empty while it is not known.
    pub others: Arc<[User]>,
    /// What makes it a group; none for two people.
    pub group: Option<Arc<Group>>,
    /// How far each of the others has read, in the same order.
    pub read: Vec<Option<Offset>>,
    /// How far its messages are loaded.
    pub status: ChatStatus,
    /// In order: the log's, then those that wait, as they were typed.
    pub items: Vec<Item>,
    /// Whether there are older ones than these.
    pub earlier: Edge,
    /// Whether there are newer ones that are not in memory: then [`super::Action::LoadLater`] or
    /// [`super::Action::JumpToLatest`] brings them.
    pub later: Edge,
    /// Messages of others that the viewer has not read.
    pub unread: u64,
    /// The viewer's read position when the conversation was opened: what is newer was new then.
    pub read_on_open: Option<Offset>,
    /// The message that is to be brought into view once it is here: then [`super::Action::Reached`].
    pub aim: Option<Offset>,
    /// What the draft was, and what another tab made of it last: a composer that still has the first takes the second.
    pub drafted_elsewhere: Option<(Arc<str>, Arc<str>)>,
}

impl ChatView {
    /// Who is in it.
    pub fn people(&self) -> People {
        People { others: self.others.clone(), group: self.group.clone() }
    }

    /// Who of the others has read so far; none of two people.
    pub fn readers(&self, offset: Offset) -> Option<Vec<User>> {
        self.group.as_ref()?;
        let mut readers = Vec::new();
        for (user, read) in self.others.iter().zip(&self.read) {
            if *read >= Some(offset) {
                readers.push(user.clone());
            }
        }
        Some(readers)
    }
}

/// What makes a conversation a group. Servers of before groups changed do not say that it is one.
pub(super) fn group(conversation: &Conversation) -> Option<Arc<Group>> {
    let is_group = conversation.group || conversation.members.len() > 2;
    is_group.then(|| Arc::new(Group { name: conversation.name.clone(), roles: conversation.roles.clone() }))
}

/// Everyone in it but one.
pub(super) fn others(conversation: &Conversation, viewer: UserId) -> Arc<[User]> {
    conversation.members.iter().filter(|member| member.id != viewer).cloned().collect()
}
