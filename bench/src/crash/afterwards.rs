//! What is asked of every node once all is calm: how far members have read, and what strangers get to see.

use super::device::Told;
use crate::client::api::Api;
use crate::gather::Gathered;
use crate::limits::HISTORIES_PAUSE;
use crate::number::count;
use crate::world::World;
use anyhow::Result;
use futures_util::future::try_join_all;
use kafkatalk_protocol::{ConversationId, Offset, UserId};
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
