//! Puts together, after a load, what is known of each conversation.

use crate::client::api::Api;
use crate::evidence::{Evidence, Line};
use crate::load::Said;
use crate::numbered::Numbering;
use crate::world::World;
use anyhow::Result;
use kafkatalk_protocol::ConversationId;
use std::{collections::BTreeMap, net::SocketAddr};

/// Evidence by conversation.
pub(crate) type Gathered = BTreeMap<ConversationId, Evidence>;

/// The history of every conversation, as each of its members reads it.
pub(crate) async fn histories(world: &World, address: SocketAddr, numbering: Numbering) -> Result<Gathered> {
    let mut all = BTreeMap::new();
    let mut api = Api::connect(address).await?;
    for pair in &world.pairs {
        let mut evidence = Evidence::new(pair.conversation);
        for account in pair.members.map(|member| &world.accounts[member]) {
            let history = api.history(account, pair.conversation, None).await?;
            let lines = history.iter().map(|message| Line::of(message, numbering)).collect();
            evidence.histories.push((account.user.id, lines));
        }
        all.insert(pair.conversation, evidence);
    }
    Ok(all)
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
