//! What features bring to the client, which knows none of them by name: changes of messages that people ask for, and
//! parts with a state of their own.

use super::{Client, Effect, SocketId, Ticks, command::ChangeKind};
use kafkatalk_protocol::{ClientFrame, ConversationId, ServerFrame, UserId};
use std::{any::Any, fmt::Debug};

/// The features of a client.
#[derive(Clone, Copy, Debug)]
pub struct Features {
    /// Makes their parts.
    pub parts: fn() -> Vec<Box<dyn Part>>,
    /// Their changes of messages.
    pub changes: &'static [ChangeKind],
}

impl Features {
    /// A client that can post and read.
    pub const NONE: Self = Self { parts: Vec::new, changes: &[] };
}

/// What something that a part knows is true of. Each has a view of its own, so that a dot that appears rebuilds neither
/// the list nor a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A conversation.
    Conversation(ConversationId),
    /// A person.
    Person(UserId),
}

/// What parts hear of.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// The server said something.
    Frame(&'a ServerFrame),
    /// The viewer changed the text in a composer, which is not empty.
    Typed(ConversationId),
    /// The viewer posted a message.
    Posted,
    /// The socket is gone, or the session.
    Disconnected,
    /// The session has ended: nothing of it is to be seen any more.
    Ended,
}

/// A part of the client with a state of its own, which a view reads by [`Client::part`].
pub trait Part: Any + Debug + Send + Sync {
    /// Something happened.
    fn on(&mut self, event: Event<'_>, surroundings: &mut Surroundings<'_>);

    /// Does what is due: after [`Part::wake_at`], and whenever something happened.
    fn due(&mut self, _surroundings: &mut Surroundings<'_>) {}

    /// When something here is due.
    fn wake_at(&self) -> Option<Ticks> {
        None
    }
}

/// What a part sees of the client, and may do.
#[derive(Debug)]
pub struct Surroundings<'a> {
    /// The signed-in person.
    pub viewer: UserId,
    /// Now.
    pub now: Ticks,
    /// The socket, where `ready` came on it.
    live: Option<SocketId>,
    effects: &'a mut Vec<Effect>,
    changed: &'a mut Vec<Subject>,
}

impl Surroundings<'_> {
    /// Whether frames go out.
    pub fn is_live(&self) -> bool {
        self.live.is_some()
    }

    /// Sends a frame that may be lost; without a connection it is.
    pub fn transmit(&mut self, frame: ClientFrame) {
        if let Some(socket) = self.live {
            self.effects.push(Effect::Transmit(socket, frame));
        }
    }

    /// Something else is true of that.
    pub fn changed(&mut self, subject: Subject) {
        self.changed.push(subject);
    }
}

impl Client {
    /// The part of that type, where the client has one.
    pub fn part<T: Part>(&self) -> Option<&T> {
        let mut parts = self.parts.iter().map(|part| -> &dyn Any { &**part });
        parts.find_map(|part| part.downcast_ref())
    }

    /// The same, to change it.
    pub fn part_mut<T: Part>(&mut self) -> Option<&mut T> {
        let mut parts = self.parts.iter_mut().map(|part| -> &mut dyn Any { &mut **part });
        parts.find_map(|part| part.downcast_mut())
    }

    /// Of what something else may be true since this was last asked.
    pub fn take_changed_signs(&mut self) -> Vec<Subject> {
        std::mem::take(&mut self.changed_signs)
    }

    fn with_parts(&mut self, now: Ticks, mut act: impl FnMut(&mut dyn Part, &mut Surroundings<'_>)) {
        let mut surroundings = Surroundings {
            viewer: self.viewer.id,
            now,
            live: self.link.live(),
            effects: &mut self.effects,
            changed: &mut self.changed_signs,
        };
        for part in &mut self.parts {
            act(&mut **part, &mut surroundings);
        }
    }

    pub(super) fn tell_parts(&mut self, event: Event<'_>, now: Ticks) {
        self.with_parts(now, |part, surroundings| part.on(event, surroundings));
    }

    pub(super) fn parts_do_what_is_due(&mut self, now: Ticks) {
        self.with_parts(now, Part::due);
    }
}
