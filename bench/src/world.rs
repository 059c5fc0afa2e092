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
        // Before the work, where they are more than there can be.
        pairs(users, conversations)?;
        let mut world = Self::strangers(nodes, users, run).await?;
        world.open(nodes, conversations).await?;
        Ok(world)
    }

    /// Registers users who know nobody yet.
    pub(crate) async fn strangers(nodes: &[SocketAddr], users: usize, run: u64) -> Result<Self> {
        let started = Instant::now();
        let accounts = each(nodes, users, async |api, user| {
            let name = Username::parse(&format!("u{run:016x}-{user}"))?;
            api.register(&name).await.context("cannot register a user")
        })
        .await?;
        Ok(Self { accounts, pairs: Vec::new(), registering: started.elapsed(), opening: Duration::ZERO })
    }

    /// Opens conversations until there are so many in all, and says how long that took.
    pub(crate) async fn open(&mut self, nodes: &[SocketAddr], conversations: usize) -> Result<Duration> {
        let started = Instant::now();
        let new = pairs(self.accounts.len(), conversations)?.split_off(self.pairs.len().min(conversations));
        let accounts = &self.accounts;
        let opened = each(nodes, new.len(), async |api, number| {
            let members = new[number];
            let [one, other] = members.map(|member| &accounts[member]);
            let opened = api.open(one, &other.user.username).await.context("cannot open a conversation")?;
            Ok(Pair { conversation: opened.id, members })
        })
        .await?;
        self.pairs.extend(opened);
        let took = started.elapsed();
        self.opening += took;
        Ok(took)
    }

    /// Conversations that a user is in.
    pub(crate) fn of_user(&self, user: usize) -> impl Iterator<Item = Pair> {
        self.pairs.iter().copied().filter(move |pair| pair.members.contains(&user))
    }
}

/// Who talks with whom, as in a tournament: neighbours in the first round, and in every round each user with one whom they
/// have not met. More conversations begin with the same ones.
pub(crate) fn pairs(users: usize, conversations: usize) -> Result<Vec<[usize; 2]>> {
    anyhow::ensure!(users >= 2 && users.is_multiple_of(2), "users come in pairs: use an even number");
    let (half, most) = (users / 2, pairs_max(users));
    anyhow::ensure!(
        (1..=most).contains(&conversations),
        "{users} users have at least 1 and at most {most} conversations"
    );
    // One user keeps the seat while the others go round the table. Seats are named so that neighbours face each other at first.
    let others = users - 1;
    let name = |seat: usize| match seat {
        seat if seat == others => 0,
        0 => 1,
        seat if seat < half => 2 * seat,
        seat => 2 * (others - seat) + 1,
    };
    let at_table = |number: usize| match (number / half, number % half) {
        (round, 0) => [others, round],
        (round, place) => [(round + place) % others, (round + others - place) % others],
    };
    Ok((0..conversations).map(|number| at_table(number).map(name)).collect())
}

/// How many conversations of two so many users have at most.
pub(crate) fn pairs_max(users: usize) -> usize {
    users * users.saturating_sub(1) / 2
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
        for users in [2, 4, 10, 202] {
            let all = pairs(users, pairs_max(users)).unwrap();
            let distinct: BTreeSet<[usize; 2]> = all.iter().map(|[a, b]| [*a.min(b), *a.max(b)]).collect();
            assert_eq!(distinct.len(), pairs_max(users));
            assert!(distinct.iter().all(|[a, b]| a != b && *b < users));
        }
    }

    #[test]
    fn everybody_has_as_many_conversations_as_the_others_after_every_round() {
        let mut of_user = [0; 8];
        for (number, pair) in pairs(8, 28).unwrap().into_iter().enumerate() {
            for user in pair {
                of_user[user] += 1;
            }
            assert!((number + 1) % 4 != 0 || of_user.iter().all(|of_one| *of_one == of_user[0]));
        }
    }

    #[test]
    fn more_conversations_begin_with_the_same_ones() {
        assert_eq!(pairs(10, 30).unwrap()[..12], pairs(10, 12).unwrap());
    }

    #[test]
    fn more_conversations_than_there_can_be_are_refused() {
        assert!(pairs(4, 7).is_err());
        assert!(pairs(3, 1).is_err());
    }
}
