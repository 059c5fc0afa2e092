//! What is asked of every node once all is calm: how far members have read, what strangers get
//! to see, and whether deleted texts are gone.

use super::device::Told;
use crate::client::api::{Account, Api};
use crate::evidence::{Line, Says};
use crate::gather::Gathered;
use crate::limits::{DELETED_TEXTS_SOUGHT_MAX, HISTORIES_PAUSE};
use crate::number::count;
use crate::numbered::Numbering;
use crate::world::World;
use anyhow::Result;
use futures_util::future::try_join_all;
use kafkatalk_protocol::{ConversationId, MessageId, Offset, UserId};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    time::{Duration, Instant},
};
use tokio::time::sleep;

/// How far somebody has read in a conversation.
type Positions = BTreeMap<(ConversationId, UserId), Offset>;

/// How many read positions some node has forgotten that a device was told of, when there are no fewer of them any more.
pub(super) async fn forgotten_positions(
    world: &World,
    nodes: &[SocketAddr],
    told: &[Told],
    patience: Duration,
) -> Result<u64> {
    let mut furthest = Positions::new();
    for (who, offset) in told.iter().flat_map(|told| &told.read) {
        let held = furthest.entry(*who).or_insert(*offset);
        *held = (*held).max(*offset);
    }
    let waited = Instant::now();
    loop {
        let mut forgotten = 0;
        for node in nodes {
            let known = positions(world, *node, patience).await?;
            let behind = |(who, offset): &(&_, &Offset)| known.get(who) < Some(offset);
            forgotten += count(furthest.iter().filter(behind).count());
        }
        if forgotten == 0 || waited.elapsed() > patience {
            return Ok(forgotten);
        }
        sleep(HISTORIES_PAUSE).await;
    }
}

async fn positions(world: &World, node: SocketAddr, patience: Duration) -> Result<Positions> {
    let mut api = Api::patient(node, patience).await?;
    let mut all = Positions::new();
    for pair in &world.pairs {
        let asker = &world.accounts[pair.members[0]];
        let read = api.conversation(asker, pair.conversation).await?.read;
        all.extend(read.into_iter().map(|(user, offset)| ((pair.conversation, user), offset)));
    }
    Ok(all)
}

/// How many conversations some node shows to somebody who is not in them.
pub(super) async fn open_to_strangers(
    world: &World,
    nodes: &[SocketAddr],
    all: &Gathered,
    patience: Duration,
) -> Result<u64> {
    let mut apis = try_join_all(nodes.iter().map(|node| Api::patient(*node, patience))).await?;
    let mut open = 0;
    for pair in world.pairs.iter().filter(|pair| all.contains_key(&pair.conversation)) {
        let stranger = (0..world.accounts.len()).find(|user| !pair.members.contains(user));
        let Some(stranger) = stranger.map(|user| &world.accounts[user]) else { continue };
        for api in &mut apis {
            open += u64::from(!api.is_hidden(stranger, pair.conversation).await?);
        }
    }
    Ok(open)
}

/// What is left of deleted messages.
#[derive(Debug, Default)]
pub(super) struct Left {
    /// Texts that some node still has after all that time: a search finds them, or they are the last message of a
    /// conversation.
    pub(super) texts: u64,
    /// Searches that did not find what is there, and therefore prove nothing.
    pub(super) problems: Vec<String>,
}

/// Looks for the texts of deleted messages in every conversation, and searches for a sample of them.
pub(super) async fn left_of_deleted(
    world: &World,
    nodes: &[SocketAddr],
    all: &Gathered,
    numbering: Numbering,
    patience: Duration,
) -> Result<Left> {
    let mut apis = try_join_all(nodes.iter().map(|node| Api::patient(*node, patience))).await?;
    let (mut left, mut sought, end) = (Left::default(), 0, Instant::now() + patience);
    for pair in &world.pairs {
        let Some(evidence) = all.get(&pair.conversation) else { continue };
        let history = evidence.histories.first().map_or(&[][..], |(_, history)| history.as_slice());
        let deleted: Vec<_> = history.iter().filter(|line| line.says == Says::Deleted).collect();
        let standing = history.iter().rev().find_map(text_of);
        let (false, Some(standing)) = (deleted.is_empty(), standing) else { continue };
        for (api, member) in apis.iter_mut().zip(pair.members.into_iter().cycle()) {
            let mut view = View { api, account: &world.accounts[member], conversation: pair.conversation };
            left.texts += u64::from(!view.last_message_is_gone(&deleted, numbering, end).await?);
            if sought >= DELETED_TEXTS_SOUGHT_MAX {
                continue;
            }
            if !view.comes_to_find(standing, true, end).await? {
                left.problems.push(format!("a search in {} does not find {standing}", pair.conversation));
                continue;
            }
            for line in &deleted {
                let changes = evidence.changes.iter().filter(|(_, change)| change.message == line.id);
                for text in changes.map(|(id, _)| *id).chain([line.id]) {
                    sought += 1;
                    left.texts += u64::from(!view.comes_to_find(text, false, end).await?);
                }
            }
        }
    }
    Ok(left)
}

/// A conversation as one member is told of it by one node.
struct View<'a> {
    api: &'a mut Api,
    account: &'a Account,
    conversation: ConversationId,
}

impl View<'_> {
    /// Whether a search finds the text that begins with that id, or does not, as it should: in the end.
    async fn comes_to_find(&mut self, text: MessageId, should: bool, end: Instant) -> Result<bool> {
        loop {
            let query = format!("%22{text}%22");
            let found = self.api.search(self.account, &query, Some(self.conversation), 1).await?;
            let found = found.map(|found| !found.hits.is_empty());
            if found == Some(should) || Instant::now() > end {
                return Ok(found == Some(should));
            }
            sleep(HISTORIES_PAUSE).await;
        }
    }

    /// Whether the conversation's last message is none that was deleted, or says so: in the end.
    async fn last_message_is_gone(
        &mut self,
        deleted: &[&Line],
        numbering: Numbering,
        end: Instant,
    ) -> Result<bool> {
        loop {
            let last = self.api.conversation(self.account, self.conversation).await?.last_message;
            let last = last.map(|message| Line::of(&message, numbering));
            let gone = last.is_none_or(|last| {
                last.says == Says::Deleted || !deleted.iter().any(|line| line.offset == last.offset)
            });
            if gone || Instant::now() > end {
                return Ok(gone);
            }
            sleep(HISTORIES_PAUSE).await;
        }
    }
}

/// The id that a message's text begins with, where it has one.
fn text_of(line: &Line) -> Option<MessageId> {
    match line.says {
        Says::Posted => Some(line.id),
        Says::Edited(change) => Some(change),
        Says::Deleted | Says::Notice | Says::Other => None,
    }
}
