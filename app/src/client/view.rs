//! What the pages draw: plain values that know nothing of how they came about.

use super::{event::Ticks, outbox::Entry};
use kafkatalk_protocol::{
    Conversation, ConversationId, Message, MessageId, Offset, Timestamp, User, UserId,
    member::{GroupName, Notice, Role},
    reaction::Reaction,
    reply::Quote,
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

/// A message as it is shown. The key stays the same when a message that waits becomes one of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    source: Source,
    viewer: UserId,
    /// How it stands.
    pub delivery: Delivery,
    /// How a change of it stands.
    pub change: Change,
    quote: Option<Quote>,
}

/// How the viewer's changes of a message stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// There is none but what the server has.
    None,
    /// It is shown, and on its way.
    Pending,
    /// It was refused: the message is shown without it.
    Refused {
        /// The command, for [`super::Action::Retry`] and [`super::Action::Discard`].
        id: MessageId,
        /// Why and what to do.
        reason: Arc<str>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    Log(Arc<Message>),
    Outbox(Arc<Entry>, Arc<User>),
}

/// How a message stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Somebody else's.
    Received,
    /// Own, waits for a connection or for the one before it.
    Queued,
    /// Own, on its way.
    Sending,
    /// Own, in the log.
    Sent,
    /// Own, and everyone else has read it.
    Read,
    /// Own, refused: it waits for the person to send it again or to delete it.
    Failed {
        /// Why and what to do.
        reason: Arc<str>,
    },
}

/// Tells items apart, for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ItemKey(pub UserId, pub MessageId);

impl Item {
    pub(super) fn of_message(
        message: Arc<Message>,
        viewer: UserId,
        delivery: Delivery,
        change: Change,
    ) -> Self {
        Self { source: Source::Log(message), viewer, delivery, change, quote: None }
    }

    /// The same, which replies to that one.
    pub(super) fn with_quote(self, quote: Option<Quote>) -> Self {
        Self { quote, ..self }
    }

    pub(super) fn of_entry(entry: Arc<Entry>, viewer: Arc<User>, delivery: Delivery) -> Self {
        Self {
            viewer: viewer.id,
            source: Source::Outbox(entry, viewer),
            delivery,
            change: Change::None,
            quote: None,
        }
    }

    /// Its key.
    pub fn key(&self) -> ItemKey {
        ItemKey(self.sender().id, self.id())
    }

    /// The sender's id for it.
    pub fn id(&self) -> MessageId {
        match &self.source {
            Source::Log(message) => message.id,
            Source::Outbox(entry, _) => entry.id,
        }
    }

    /// Who wrote it.
    pub fn sender(&self) -> &User {
        match &self.source {
            Source::Log(message) => &message.sender,
            Source::Outbox(_, viewer) => viewer,
        }
    }

    /// Whether the viewer wrote it.
    pub fn own(&self) -> bool {
        self.sender().id == self.viewer
    }

    /// The text.
    pub fn body(&self) -> &str {
        match &self.source {
            Source::Log(message) => message.body.as_str(),
            Source::Outbox(entry, _) => entry.body(),
        }
    }

    /// Whether the log has it, and so others can see it.
    pub fn in_log(&self) -> bool {
        matches!(self.source, Source::Log(_))
    }

    /// Whether its text was changed.
    pub fn edited(&self) -> bool {
        matches!(&self.source, Source::Log(message) if message.edited_at.is_some())
    }

    /// Whether it was deleted for everyone.
    pub fn deleted(&self) -> bool {
        matches!(&self.source, Source::Log(message) if message.deleted)
    }

    /// What happened to the group, where it is no message but says so.
    pub fn notice(&self) -> Option<&Notice> {
        match &self.source {
            Source::Log(message) => message.notice.as_ref(),
            Source::Outbox(..) => None,
        }
    }

    /// A notice in words, as the viewer reads it.
    pub fn notice_text(&self) -> Option<String> {
        let name = |user: &User, you: &str| {
            if user.id == self.viewer { you.to_owned() } else { user.username.to_string() }
        };
        Some(self.notice()?.text(&name(self.sender(), "You"), |user| name(user, "you")))
    }

    /// The message that it replies to, as far as it can be shown.
    pub fn quote(&self) -> Option<&Quote> {
        self.quote.as_ref()
    }

    /// Who reacted to it.
    pub fn reactions(&self) -> &[Reaction] {
        match &self.source {
            Source::Log(message) => &message.reactions,
            Source::Outbox(..) => &[],
        }
    }

    /// When the node took it in; while it waits, when it was typed.
    pub fn at(&self) -> Timestamp {
        match &self.source {
            Source::Log(message) => message.sent_at,
            Source::Outbox(entry, _) => entry.typed_at,
        }
    }

    /// Whether [`super::Action::Discard`] deletes it.
    pub fn deletable(&self) -> bool {
        match &self.source {
            Source::Log(_) => false,
            Source::Outbox(entry, _) => entry.deletable(),
        }
    }

    /// Its position in the log, none while it waits.
    pub fn offset(&self) -> Option<Offset> {
        match &self.source {
            Source::Log(message) => Some(message.offset),
            Source::Outbox(entry, _) => entry.offset(),
        }
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
