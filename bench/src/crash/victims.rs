//! How harm is done.

use super::harm::{Done, Harm};
use crate::client::api::Api;
use crate::kafka::{Caller, Kafka};
use crate::proxy::{Mode, Proxy};
use crate::server::{Server, Setup};
use anyhow::{Context as _, Result};
use kafkatalk_log::failpoints::die;
use kafkatalk_protocol::Username;
use std::{
    fs,
    time::{Duration, Instant},
};
use tokio::time::sleep;

/// Longest rest between a kill and the next start.
const DOWN_MAX: Duration = Duration::from_millis(500);
/// Shortest time for which a node or a broker is stopped in its tracks, or cut off.
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// What chance may add to that.
const PAUSE_MORE: Duration = Duration::from_secs(5);
/// The long stop of a node.
const PAUSE_LONG: Duration = Duration::from_mins(1);
/// For how long a broker's peers are cut off: its copies count as lagging after `replica.lag.time.max.ms`, 30 seconds.
const CUT_PEERS: Duration = Duration::from_secs(40);
/// For how long a broker finds its disk full before it is started again with room.
const DISK_FULL: Duration = Duration::from_secs(5);
/// Rest between a broker's return and the next harm, so that its copies of the topics can catch up: with two of three
/// brokers away at once Kafka takes nothing, which is not what is to be seen here.
const BROKER_REST: Duration = Duration::from_secs(5);
/// At a point on the way of every message, one in so many percent dies.
const DIES_PERCENT: u32 = 20;

/// What harm is done to.
pub(crate) struct Victims<'a> {
    /// How to start the nodes.
    pub(crate) setups: &'a [Setup],
    /// The nodes.
    pub(crate) servers: Vec<Server>,
    /// What stands between people and the nodes, where something does.
    pub(crate) proxies: &'a [Proxy],
    /// The brokers, where there are any.
    pub(crate) kafka: Option<&'a Kafka>,
}

/// What came of one harm: to which, for how long, and how long it took from there until it was ready.
type Hurt = (usize, Duration, Option<Duration>);

impl Victims<'_> {
    pub(super) async fn harm(&mut self, harm: Harm, random: &mut fastrand::Rng) -> Result<Done> {
        let begun = Instant::now();
        let hurt = if harm.is_to_a_broker() {
            self.broker(harm, random).await
        } else {
            self.node(harm, random).await
        };
        let (which, down, to_ready) = hurt.with_context(|| format!("{harm}"))?;
        Ok(Done { harm, which: which + 1, in_time: true, over: begun + down, down, to_ready })
    }

    async fn node(&mut self, harm: Harm, random: &mut fastrand::Rng) -> Result<Hurt> {
        let node = random.usize(..self.servers.len());
        let begun = Instant::now();
        match harm {
            Harm::Kill | Harm::Wipe => {
                self.servers[node].kill().await?;
                sleep(DOWN_MAX.mul_f64(random.f64())).await;
                if harm == Harm::Wipe {
                    fs::remove_dir_all(&self.setups[node].data).context("cannot empty a node")?;
                }
                self.again(node, begun).await
            }
            Harm::DieBeforeFeed => self.dies(node, die::BEFORE_FEED, DIES_PERCENT).await,
            Harm::DieBeforeAck => self.dies(node, die::BEFORE_ACK, DIES_PERCENT).await,
            Harm::DieInViewsCommit => self.dies(node, die::IN_VIEWS_COMMIT, DIES_PERCENT).await,
            Harm::DieWhileCreating => self.dies_while_creating(node, random).await,
            Harm::CutClients | Harm::StallClients => {
                let mode = if harm == Harm::CutClients { Mode::Cut } else { Mode::Stall };
                let proxy = self.proxies.get(node).context("there is no proxy before the node")?;
                proxy.set(mode);
                sleep(pause(random)).await;
                proxy.set(Mode::Pass);
                Ok((node, begun.elapsed(), None))
            }
            _ => {
                self.servers[node].pause()?;
                sleep(if harm == Harm::PauseLong { PAUSE_LONG } else { pause(random) }).await;
                let (down, returning) = (begun.elapsed(), Instant::now());
                self.servers[node].go_on()?;
                self.servers[node].ready().await?;
                Ok((node, down, Some(returning.elapsed())))
            }
        }
    }

    /// Starts a node that is down.
    async fn again(&mut self, node: usize, begun: Instant) -> Result<Hurt> {
        let down = begun.elapsed();
        self.servers[node] = self.setups[node].start()?;
        Ok((node, down, Some(self.servers[node].ready().await?)))
    }

    /// Kills a node and starts it so that it dies at a point, by chance: how often, in percent of the times it comes by.
    async fn at_the_point_of_death(&mut self, node: usize, point: &str, percent: u32) -> Result<()> {
        self.servers[node].kill().await?;
        let mut deadly = self.setups[node].clone();
        let before =
            if deadly.failpoints.is_empty() { String::new() } else { format!("{};", deadly.failpoints) };
        deadly.failpoints = format!("{before}{point}={percent}%return");
        self.servers[node] = deadly.start()?;
        Ok(())
    }

    async fn dies(&mut self, node: usize, point: &str, percent: u32) -> Result<Hurt> {
        self.at_the_point_of_death(node, point, percent).await?;
        self.servers[node].dies().await?;
        self.again(node, Instant::now()).await
    }

    /// Two people of their own; one opens the conversation at a node that dies over it, and both find it later.
    async fn dies_while_creating(&mut self, node: usize, random: &mut fastrand::Rng) -> Result<Hurt> {
        self.at_the_point_of_death(node, die::WHILE_CREATING, 100).await?;
        self.servers[node].ready().await?;
        let run = random.u64(..);
        let mut api = Api::connect(self.setups[node].address).await?;
        let [one, other] = ["one", "other"].map(|name| Username::parse(&format!("{name}-{run:016x}")));
        let (one, other) = (api.register(&one?).await?, api.register(&other?).await?);
        anyhow::ensure!(api.open(&one, &other.user.username).await.is_err(), "the node did not die");
        self.servers[node].dies().await?;
        let hurt = self.again(node, Instant::now()).await?;
        let mut found = Vec::new();
        for setup in self.setups {
            let mut api = Api::connect(setup.address).await?;
            found.push(api.open(&one, &other.user.username).await?.id);
            found.push(api.open(&other, &one.user.username).await?.id);
        }
        anyhow::ensure!(
            found.iter().all(|id| *id == found[0]),
            "two people have several conversations: {found:?}"
        );
        Ok(hurt)
    }

    async fn broker(&mut self, harm: Harm, random: &mut fastrand::Rng) -> Result<Hurt> {
        let kafka = self.kafka.context("there are no brokers: use --log kafka")?;
        let broker = random.usize(..kafka.brokers());
        let number = broker + 1;
        let begun = Instant::now();
        let (down, to_ready) = match harm {
            Harm::CutBroker | Harm::StallBroker | Harm::CutPeers => {
                let mode = if harm == Harm::StallBroker { Mode::Stall } else { Mode::Cut };
                let caller = if harm == Harm::CutPeers { Caller::Peers } else { Caller::Clients };
                kafka.set(number, caller, mode)?;
                sleep(if harm == Harm::CutPeers { CUT_PEERS } else { pause(random) }).await;
                kafka.set(number, caller, Mode::Pass)?;
                (begun.elapsed(), None)
            }
            Harm::PauseBroker => {
                kafka.control("pause", number).await?;
                sleep(pause(random)).await;
                kafka.control("resume", number).await?;
                (begun.elapsed(), None)
            }
            _ => {
                let all: Vec<_> = (1..=kafka.brokers()).collect();
                let hit = if harm == Harm::KillCluster { all.as_slice() } else { &all[broker..=broker] };
                self.take_down(kafka, harm, hit, random).await?;
                let (down, returning) = (begun.elapsed(), Instant::now());
                // Side by side: one alone has no quorum to start with.
                futures_util::future::try_join_all(
                    hit.iter().map(|number| kafka.control("restart", *number)),
                )
                .await?;
                (down, Some(returning.elapsed()))
            }
        };
        sleep(BROKER_REST).await;
        Ok((broker, down, to_ready))
    }

    /// Ends brokers in one way or another, and leaves them so for a while.
    async fn take_down(
        &self,
        kafka: &Kafka,
        harm: Harm,
        brokers: &[usize],
        random: &mut fastrand::Rng,
    ) -> Result<()> {
        for number in brokers {
            match harm {
                Harm::EndBroker => kafka.control("end", *number).await?,
                Harm::FillBroker => {
                    kafka.control("fill", *number).await?;
                    sleep(DISK_FULL).await;
                    // It may have ended by itself.
                    let _ = kafka.control("kill", *number).await;
                }
                _ => kafka.control("kill", *number).await?,
            }
        }
        sleep(pause(random)).await;
        Ok(())
    }
}

fn pause(random: &mut fastrand::Rng) -> Duration {
    PAUSE_MIN + PAUSE_MORE.mul_f64(random.f64())
}
