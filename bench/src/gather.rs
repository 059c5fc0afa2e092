//! Puts together, after a load, what is known of each conversation.

use crate::client::api::Api;
use crate::evidence::{Evidence, Line};
use crate::limits::{DRAIN_WAIT_MAX, HISTORIES_PAUSE};
use crate::load::Said;
use crate::numbered::Numbering;
use crate::world::World;
use anyhow::Result;
use futures_util::future::try_join_all;
use kafkatalk_protocol::ConversationId;
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    time::{Duration, Instant},
};
use tokio::time::sleep;

/// Evidence by conversation.
pub(crate) type Gathered = BTreeMap<ConversationId, Evidence>;

/// The history of every conversation, as each of its members reads it: one after the other from another node.
pub(crate) async fn histories(world: &World, nodes: &[SocketAddr], numbering: Numbering) -> Result<Gathered> {
    histories_within(world, nodes, numbering, DRAIN_WAIT_MAX).await
}

/// The same, where a node may be unable to answer for so long.
async fn histories_within(
    world: &World,
    nodes: &[SocketAddr],
    numbering: Numbering,
    patience: Duration,
) -> Result<Gathered> {
    let mut all = BTreeMap::new();
    let mut apis = try_join_all(nodes.iter().map(|node| Api::patient(*node, patience))).await?;
    let mut next = 0;
    for pair in &world.pairs {
        let mut evidence = Evidence::new(pair.conversation);
        for account in pair.members.map(|member| &world.accounts[member]) {
            next = (next + 1) % apis.len();
            let api = &mut apis[next];
            let history = api.history(account, pair.conversation, None).await?;
            let lines = history.iter().map(|message| Line::of(message, numbering)).collect();
            evidence.histories.push((account.user.id, lines));
        }
        all.insert(pair.conversation, evidence);
    }
    Ok(all)
}

/// The same once all nodes have come to the end: when members read alike, and the same twice in a row. What they do not
/// agree on in time is for the checks to tell.
pub(crate) async fn settled_histories(
    world: &World,
    nodes: &[SocketAddr],
    numbering: Numbering,
    patience: Duration,
) -> Result<Gathered> {
    let waited = Instant::now();
    let mut before = histories_within(world, nodes, numbering, patience).await?;
    loop {
        sleep(HISTORIES_PAUSE).await;
        let now = histories_within(world, nodes, numbering, patience).await?;
        let same = |(id, evidence): (&ConversationId, &Evidence)| {
            let mut all =
                evidence.histories.iter().chain(before.get(id).into_iter().flat_map(|e| &e.histories));
            let first = all.next();
            all.all(|(_, lines)| first.is_some_and(|(_, others)| others == lines))
        };
        if now.iter().all(same) || waited.elapsed() > patience {
            return Ok(now);
        }
        before = now;
    }
}

/// Adds what was sent, and by whom.
pub(crate) fn add_said(all: &mut Gathered, world: &World, said: &[Said]) {
    for message in said {
        let sender = world.accounts[message.sender].user.id;
        all.entry(message.conversation).and_modify(|evidence| {
            evidence.said.insert(message.id, sender);
        });
    }
}
