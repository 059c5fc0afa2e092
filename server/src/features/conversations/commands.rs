//! Creating conversations, listing them, and who may use one.

use super::{
    errors::{ConversationError, OpenError},
    project::Created,
};
use crate::kernel::{
    Kernel,
    errors::Unavailable,
    views::{Query, Viewpoint, ViewsError},
};
use kafkatalk_log::{Ledger, Stream, failpoints};
use kafkatalk_protocol::{
    Conversation, ConversationId, CreationId, Problem, User, UserId, Username, event::ConversationCreated,
    http::Conversations, limits::GROUP_MEMBERS_MAX,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

impl Kernel {
    /// The conversation with somebody, or a new group with several, and whether it is new. Asking twice, or at several
    /// nodes at once, opens one: the pair's id follows from theirs, that of a group from its creator's and from the one
    /// under which it is asked for. `may_open` is asked before a new one is opened.
    pub async fn open_conversation(
        &self,
        caller: &User,
        others: Vec<Username>,
        asked: Option<CreationId>,
        may_open: impl FnOnce() -> Result<(), Problem> + Send,
    ) -> Result<(Conversation, bool), OpenError> {
        let others = self.who_are(caller, others).await?;
        let viewer = caller.id;
        let (id, may_be_elsewhere) = if let [other] = *others {
            (ConversationId::of_pair(viewer, other), false)
        } else {
            let new = || CreationId(self.clock.record_id());
            (ConversationId::of_group(viewer, asked.unwrap_or_else(new)), asked.is_some())
        };
        let here = move |views: &Query<'_>| views.conversation(viewer, id);
        // A group that is asked for again may have been created by another node a moment ago.
        let known = if may_be_elsewhere { self.find(here).await? } else { self.views.read(here).await? };
        if let Some(known) = known {
            return self.same_people(viewer, &others, known).await.map(|known| (known, false));
        }
        if self.views.read(move |views| views.was_member(viewer, id)).await? {
            return Err(OpenError::NoLongerAMember);
        }
        may_open().map_err(OpenError::TooOften)?;
        // The stream is made ready while the person is still reading the empty page.
        self.log.prepare(Stream::Conversation(id)).await.map_err(Unavailable::from)?;
        failpoints::die_if(failpoints::die::WHILE_CREATING);
        let members = [&[viewer], &*others].concat();
        let created = ConversationCreated { conversation: id, members };
        let created = self.commit(Stream::Ledger(Ledger::Conversations), viewer, None, &created).await?;
        let first = created == Created::First;
        // Who was first may have named people of whom this node has yet to hear.
        let conversation = self.find(move |views| views.conversation(viewer, id)).await?;
        match conversation {
            Some(conversation) => self
                .same_people(viewer, &others, conversation)
                .await
                .map(|conversation| (conversation, first)),
            None if self.views.read(move |views| views.was_member(viewer, id)).await? => {
                Err(OpenError::NoLongerAMember)
            }
            None => Err(Unavailable::Impossible("a conversation is not there after it was created").into()),
        }
    }

    /// The people of these names but the caller, each once, in the order of their ids.
    async fn who_are(&self, caller: &User, names: Vec<Username>) -> Result<Vec<UserId>, OpenError> {
        let names: BTreeSet<Username> = names.into_iter().filter(|name| *name != caller.username).collect();
        if names.is_empty() {
            return Err(OpenError::Alone);
        }
        if names.len() >= GROUP_MEMBERS_MAX {
            return Err(OpenError::TooMany);
        }
        let people = self.people_called(names).await?.map_err(OpenError::NoSuchUsers)?;
        let mut ids: Vec<UserId> = people.into_values().collect();
        ids.sort_unstable();
        Ok(ids)
    }

    /// A conversation that was found, if it was created with these people: a person may have asked for other ones under the
    /// same id.
    async fn same_people(
        &self,
        viewer: UserId,
        others: &[UserId],
        found: Conversation,
    ) -> Result<Conversation, OpenError> {
        let id = found.id;
        let mut founders = self.views.read(move |views| views.founders(id)).await?;
        founders.retain(|founder| *founder != viewer);
        if founders == others { Ok(found) } else { Err(OpenError::OtherPeople) }
    }

    /// The people of these names, or the names that nobody has.
    pub(crate) async fn people_called(
        &self,
        names: BTreeSet<Username>,
    ) -> Result<Result<BTreeMap<Username, UserId>, Vec<String>>, Unavailable> {
        let names = Arc::new(names);
        let asked = Arc::clone(&names);
        let found = self.find(move |views| {
            let people = known(views, &asked)?;
            Ok((people.len() == asked.len()).then_some(people))
        });
        if let Some(people) = found.await? {
            return Ok(Ok(people));
        }
        let asked = Arc::clone(&names);
        let people = self.views.read(move |views| known(views, &asked)).await?;
        let nobody = names.iter().filter(|name| !people.contains_key(*name));
        let nobody: Vec<String> = nobody.map(ToString::to_string).collect();
        Ok(if nobody.is_empty() { Ok(people) } else { Err(nobody) })
    }

    /// A conversation of the caller's.
    pub async fn conversation(
        &self,
        caller: UserId,
        id: ConversationId,
    ) -> Result<Conversation, ConversationError> {
        let read = |seen: &Viewpoint<'_>| seen.conversation();
        self.read_as(caller, id, read).await
    }

    /// Waits until this node knows of a conversation, if it is there for the caller.
    pub async fn await_visible(&self, caller: UserId, id: ConversationId) -> Result<(), Unavailable> {
        match self.require_member(caller, id).await {
            Ok(()) | Err(ConversationError::NotFound | ConversationError::NotAllowed) => Ok(()),
            Err(ConversationError::Unavailable(error)) => Err(error),
        }
    }

    /// The caller's conversations, latest activity first.
    pub async fn conversations(
        &self,
        caller: UserId,
        before: Option<String>,
        limit: usize,
    ) -> Result<Conversations, Unavailable> {
        Ok(self.views.read(move |views| views.conversations(caller, before.as_deref(), limit)).await?)
    }

    /// Everyone in a conversation, if the caller is one of them.
    pub(crate) async fn require_member(
        &self,
        caller: UserId,
        id: ConversationId,
    ) -> Result<(), ConversationError> {
        if self.views.cached_members(id).is_some_and(|members| members.contains(&caller)) {
            return Ok(());
        }
        // A stranger is answered like somebody who asks for what is not there, and as late.
        let member = move |views: &Query<'_>| Ok(views.as_seen_by(caller, id)?.map(drop));
        if self.find(member).await?.is_some() {
            return Ok(());
        }
        self.rates.look(caller).map_err(Unavailable::too_often)?;
        // They may have been added on another node a moment ago.
        self.catch_up_in_group(id).await?;
        if self.views.read(member).await?.is_some() {
            return Ok(());
        }
        let was_member = self.views.read(move |views| views.was_member(caller, id)).await?;
        Err(if was_member { ConversationError::NotAllowed } else { ConversationError::NotFound })
    }

    /// Reads something of a conversation as the caller may see it.
    pub(crate) async fn read_as<T: Send + 'static>(
        &self,
        caller: UserId,
        id: ConversationId,
        ask: impl FnOnce(&Viewpoint<'_>) -> Result<T, ViewsError> + Send + 'static,
    ) -> Result<T, ConversationError> {
        self.require_member(caller, id).await?;
        // Between the two they may have left.
        let read = move |views: &Query<'_>| views.as_seen_by(caller, id)?.map(|seen| ask(&seen)).transpose();
        self.views.read(read).await?.ok_or(ConversationError::NotAllowed)
    }
}

/// Those of these names whom the views know.
fn known(views: &Query<'_>, names: &BTreeSet<Username>) -> Result<BTreeMap<Username, UserId>, ViewsError> {
    let mut people = BTreeMap::new();
    for name in names {
        if let Some((user, _)) = views.user_by_name(name)? {
            people.insert(user.username, user.id);
        }
    }
    Ok(people)
}
