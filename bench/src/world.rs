//! Users and their private conversations, made through the public API as people would make them.

use crate::client::api::{Account, Api};
use crate::limits::SETUP_CONNECTIONS;
use anyhow::{Context as _, Result};
use futures_util::future::try_join_all;
use kafkatalk_protocol::{ConversationId, Username};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::OnceCell;

/// Everyone and what they talk in.
#[derive(Clone, Debug)]
pub(crate) struct World {
    /// The users.
    pub(crate) accounts: Vec<Account>,
    /// Their conversations, of two each.
    pub(crate) pairs: Vec<Pair>,
    /// How long it took to register them all.
    pub(crate) registering: Duration,
    /// How long it took to open all the conversations.
    pub(crate) opening: Duration,
}

/// A private conversation of two users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    /// Its id.
    pub(crate) conversation: ConversationId,
    /// Places of its members among the accounts.
    pub(crate) members: [usize; 2],
}

impl World {
    /// Registers users and opens conversations between them, on all of the nodes in turns.
    pub(crate) async fn build(
        nodes: &[SocketAddr],
        users: usize,
        conversations: usize,
        run: u64,
    ) -> Result<Self> {
        let pairs = pairs(users, conversations)?;
        let started = Instant::now();
        let accounts = each(nodes, users, async |api, user| {
            let name = Username::parse(&format!("u{run:016x}-{user}"))?;
            api.register(&name).await.context("cannot register a user")
        })
        .await?;
        let registering = started.elapsed();
        let started = Instant::now();
        let pairs = each(nodes, pairs.len(), async |api, number| {
            let members = pairs[number];
            let [one, other] = members.map(|member| &accounts[member]);
            let opened = api.open(one, &other.user.username).await.context("cannot open a conversation")?;
            Ok(Pair { conversation: opened.id, members })
        })
        .await?;
        Ok(Self { accounts, pairs, registering, opening: started.elapsed() })
    }

    /// Conversations that a user is in.
    pub(crate) fn of_user(&self, user: usize) -> impl Iterator<Item = Pair> {
        self.pairs.iter().copied().filter(move |pair| pair.members.contains(&user))
    }
}

/// Who talks with whom: neighbours first, then, where more conversations are asked for, ever further ones.
fn pairs(users: usize, conversations: usize) -> Result<Vec<[usize; 2]>> {
    anyhow::ensure!(users >= 2 && users.is_multiple_of(2), "users come in pairs: use an even number");
    let half = users / 2;
    anyhow::ensure!(
        (1..=half * half).contains(&conversations),
        "{users} users have at least 1 and at most {} conversations of this shape",
        half * half
    );
    Ok((0..conversations)
        .map(|number| {
            let (round, place) = (number / half, number % half);
            [2 * place, (2 * place + 1 + 2 * round) % users]
        })
        .collect())
}

/// Does a thing for each number, over several connections side by side.
async fn each<T>(
    nodes: &[SocketAddr],
    length: usize,
    work: impl AsyncFn(&mut Api, usize) -> Result<T>,
) -> Result<Vec<T>> {
    let done: Vec<OnceCell<T>> = (0..length).map(|_| OnceCell::new()).collect();
    let next = AtomicUsize::new(0);
    let worker = async |address: &SocketAddr| {
        let mut api = Api::connect(*address).await?;
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(cell) = done.get(number) else { return anyhow::Ok(()) };
            cell.get_or_try_init(async || work(&mut api, number).await).await?;
        }
    };
    let workers = SETUP_CONNECTIONS.min(length).max(nodes.len());
    try_join_all(nodes.iter().cycle().take(workers).map(worker)).await?;
    Ok(done.into_iter().filter_map(OnceCell::into_inner).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn neighbours_talk_first() {
        assert_eq!(pairs(4, 2).unwrap(), [[0, 1], [2, 3]]);
    }

    #[test]
    fn no_two_conversations_have_the_same_members() {
        let all = pairs(10, 25).unwrap();
        let distinct: BTreeSet<[usize; 2]> = all.iter().map(|[a, b]| [*a.min(b), *a.max(b)]).collect();
        assert_eq!(distinct.len(), 25);
        assert!(distinct.iter().all(|[a, b]| a != b));
    }

    #[test]
    fn more_conversations_than_there_can_be_are_refused() {
        assert!(pairs(4, 5).is_err());
        assert!(pairs(3, 1).is_err());
    }
}
