//! How each fault is injected.

use super::fault::{Done, Fault};
use crate::client::api::Api;
use crate::kafka::{Caller, Kafka};
use crate::limits::TALK_AFTER;
use crate::proxy::{Mode, Proxy};
use crate::report::progress;
use crate::server::{Server, Setup};
use anyhow::{Context as _, Result, ensure};
use futures_util::future::try_join_all;
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
/// For how long a broker's peers are cut off from it. Their copies count as lagging after `replica.lag.time.max.ms`, 30
/// seconds, and Kafka looks for those every half of that.
const CUT_PEERS: Duration = Duration::from_secs(50);
/// For how long a broker finds its disk full before it is started again with room.
const DISK_FULL: Duration = Duration::from_secs(5);
/// Rest between a broker's return and the next fault, so that its copies of the topics can catch up: with two of three
/// brokers away at once Kafka takes nothing, which is not what is to be seen here.
const BROKER_REST: Duration = Duration::from_secs(5);
/// At a point on the way of every message, one in so many percent dies.
const DIES_PERCENT: u32 = 20;
/// How often people of the other nodes are made to connect anew, until the one that is to die has been sent enough.
const COME_OVER_EVERY: Duration = Duration::from_secs(2);
/// For how long their connections are cut for that.
const COME_OVER_CUT: Duration = Duration::from_millis(200);

/// What faults are injected into.
pub(crate) struct Targets<'a> {
    /// How to start the nodes.
    pub(crate) setups: &'a [Setup],
    /// The nodes.
    pub(crate) servers: Vec<Server>,
    /// What stands between people and the nodes, where something does.
    pub(crate) proxies: &'a [Proxy],
    /// The brokers, where there are any.
    pub(crate) kafka: Option<&'a Kafka>,
}

/// What came of one fault.
struct Hurt {
    /// To which, from 0; none where it was done to all.
    which: Option<usize>,
    down: Duration,
    over: Instant,
    to_ready: Option<Duration>,
}

impl Hurt {
    /// It goes on from now, after it was away from `begun` on.
    fn goes_on(which: usize, begun: Instant) -> Self {
        Self { which: Some(which), down: begun.elapsed(), over: Instant::now(), to_ready: None }
    }
}

impl Targets<'_> {
    /// Injects so many faults of these kinds, in turns, each into a target drawn at random, spread over a time.
    pub(super) async fn again_and_again(
        &mut self,
        kinds: &[Fault],
        times: u32,
        over: Duration,
        mut random: fastrand::Rng,
    ) -> Result<Vec<Done>> {
        let mut all = Vec::new();
        let every = over / times.max(1);
        let begun = Instant::now();
        for (time, fault) in (0..times).zip(kinds.iter().cycle()) {
            // Early in its part of the time, unless the one before took longer than that.
            let at = every * time + every.mul_f64(0.05 + 0.15 * random.f64());
            sleep(at.saturating_sub(begun.elapsed())).await;
            let done = self.inject(*fault, &mut random).await.with_context(|| fault.to_string())?;
            let ready = done
                .to_ready
                .map_or_else(String::new, |took| format!(", ready {} ms after that", took.as_millis()));
            let (number, to) = (time + 1, done.to());
            progress(&format!("{number} of {times}: {fault} ({to}) for {} ms{ready}", done.down.as_millis()));
            all.push(done);
        }
        // What comes back to people who say nothing is not seen to come back.
        sleep(TALK_AFTER).await;
        Ok(all)
    }

    async fn inject(&mut self, fault: Fault, random: &mut fastrand::Rng) -> Result<Done> {
        let node = random.usize(..self.servers.len());
        let hurt = match fault {
            Fault::Kill | Fault::Wipe => self.kill(node, fault == Fault::Wipe, random).await,
            Fault::Pause => self.pause(node, pause(random)).await,
            Fault::PauseLong => self.pause(node, PAUSE_LONG).await,
            Fault::DieBeforeFeed => self.dies(node, die::BEFORE_FEED, random).await,
            Fault::DieBeforeAck => self.dies(node, die::BEFORE_ACK, random).await,
            Fault::DieInViewsCommit => self.dies(node, die::IN_VIEWS_COMMIT, random).await,
            Fault::DieWhileCreating => self.dies_while_creating(node, random).await,
            Fault::CutClients => self.part(node, Mode::Cut, random).await,
            Fault::StallClients => self.part(node, Mode::Stall, random).await,
            Fault::CutBroker => self.part_broker(Caller::Clients, Mode::Cut, pause(random), random).await,
            Fault::StallBroker => self.part_broker(Caller::Clients, Mode::Stall, pause(random), random).await,
            Fault::CutPeers => self.part_broker(Caller::Peers, Mode::Cut, CUT_PEERS, random).await,
            Fault::PauseBroker => self.pause_broker(random).await,
            Fault::KillBroker | Fault::EndBroker | Fault::FillBroker | Fault::KillCluster => {
                self.take_down(fault, random).await
            }
        };
        if fault.is_to_a_broker() {
            sleep(BROKER_REST).await;
        }
        let Hurt { which, down, over, to_ready } = hurt?;
        Ok(Done { fault, which: which.map(|which| which + 1), down, over, to_ready })
    }

    async fn kill(&mut self, node: usize, empty: bool, random: &mut fastrand::Rng) -> Result<Hurt> {
        self.servers[node].kill().await?;
        let begun = Instant::now();
        sleep(DOWN_MAX.mul_f64(random.f64())).await;
        if empty {
            fs::remove_dir_all(&self.setups[node].data).context("cannot empty a node")?;
        }
        self.again(node, begun).await
    }

    async fn pause(&mut self, node: usize, long: Duration) -> Result<Hurt> {
        let begun = Instant::now();
        self.servers[node].pause()?;
        sleep(long).await;
        self.servers[node].go_on()?;
        let hurt = Hurt::goes_on(node, begun);
        self.servers[node].ready().await?;
        Ok(Hurt { to_ready: Some(hurt.over.elapsed()), ..hurt })
    }

    /// Starts a node that is down.
    async fn again(&mut self, node: usize, begun: Instant) -> Result<Hurt> {
        self.servers[node] = self.setups[node].start()?;
        let hurt = Hurt::goes_on(node, begun);
        Ok(Hurt { to_ready: Some(self.servers[node].ready().await?), ..hurt })
    }

    /// Kills a node and starts it so that it dies at a point, by chance: how often, in percent of the times it comes by.
    async fn at_the_point_of_death(&mut self, node: usize, point: &str, percent: u32) -> Result<()> {
        self.servers[node].kill().await?;
        let mut deadly = self.setups[node].clone();
        deadly.failpoints.push(format!("{point}={percent}%return"));
        self.servers[node] = deadly.start()?;
        Ok(())
    }

    async fn dies(&mut self, node: usize, point: &str, random: &mut fastrand::Rng) -> Result<Hurt> {
        self.at_the_point_of_death(node, point, DIES_PERCENT).await?;
        self.comes_by(node, point).await?;
        let begun = Instant::now();
        sleep(DOWN_MAX.mul_f64(random.f64())).await;
        self.again(node, begun).await
    }

    /// Sees to it that people send to the node until it dies.
    async fn comes_by(&mut self, node: usize, point: &str) -> Result<()> {
        let death = self.servers[node].dies(point);
        tokio::pin!(death);
        loop {
            tokio::select! {
                died = &mut death => return died,
                () = sleep(COME_OVER_EVERY) => come_over(self.proxies, node).await,
            }
        }
    }

    /// Two people of their own; one opens the conversation at a node that dies over it. Later it is there once for both.
    async fn dies_while_creating(&mut self, node: usize, random: &mut fastrand::Rng) -> Result<Hurt> {
        self.at_the_point_of_death(node, die::WHILE_CREATING, 100).await?;
        self.servers[node].ready().await?;
        let run = random.u64(..);
        let mut api = Api::connect(self.setups[node].address).await?;
        let [one, other] = ["one", "other"].map(|name| Username::parse(&format!("{name}-{run:016x}")));
        let (one, other) = (api.register(&one?).await?, api.register(&other?).await?);
        ensure!(api.open(&one, &other.user.username).await.is_err(), "the node did not die");
        self.servers[node].dies(die::WHILE_CREATING).await?;
        let hurt = self.again(node, Instant::now()).await?;
        let mut found = Vec::new();
        for setup in self.setups {
            let mut api = Api::connect(setup.address).await?;
            found.push(api.open_perhaps_first(&one, &other.user.username).await?);
            found.push(api.open_perhaps_first(&other, &one.user.username).await?);
        }
        let firsts = found.iter().filter(|(_, first)| *first).count();
        let same = found.iter().all(|(opened, _)| opened.created_at == found[0].0.created_at);
        ensure!(firsts == 1 && same, "it was opened {firsts} times: {found:?}");
        Ok(hurt)
    }

    async fn part(&self, node: usize, mode: Mode, random: &mut fastrand::Rng) -> Result<Hurt> {
        let proxy = self.proxies.get(node).context("there is no proxy before the node")?;
        let begun = Instant::now();
        proxy.set(mode);
        sleep(pause(random)).await;
        proxy.set(Mode::Pass);
        Ok(Hurt::goes_on(node, begun))
    }

    fn kafka(&self) -> Result<&Kafka> {
        self.kafka.context("there are no brokers: use --log kafka")
    }

    async fn part_broker(
        &self,
        caller: Caller,
        mode: Mode,
        long: Duration,
        random: &mut fastrand::Rng,
    ) -> Result<Hurt> {
        let kafka = self.kafka()?;
        let broker = random.usize(..kafka.brokers());
        let begun = Instant::now();
        kafka.set(broker + 1, caller, mode)?;
        sleep(long).await;
        kafka.set(broker + 1, caller, Mode::Pass)?;
        Ok(Hurt::goes_on(broker, begun))
    }

    async fn pause_broker(&self, random: &mut fastrand::Rng) -> Result<Hurt> {
        let kafka = self.kafka()?;
        let broker = random.usize(..kafka.brokers());
        let begun = Instant::now();
        kafka.control("pause", broker + 1).await?;
        sleep(pause(random)).await;
        kafka.control("resume", broker + 1).await?;
        Ok(Hurt::goes_on(broker, begun))
    }

    /// Ends one broker or all, leaves them so for a while, and starts them again.
    async fn take_down(&self, fault: Fault, random: &mut fastrand::Rng) -> Result<Hurt> {
        let kafka = self.kafka()?;
        let broker = random.usize(..kafka.brokers());
        let all: Vec<_> = (1..=kafka.brokers()).collect();
        let hit = if fault == Fault::KillCluster { all.as_slice() } else { &all[broker..=broker] };
        let begun = Instant::now();
        for number in hit {
            match fault {
                Fault::EndBroker => kafka.control("end", *number).await?,
                Fault::FillBroker => {
                    kafka.control("fill", *number).await?;
                    sleep(DISK_FULL).await;
                    // A broker that can write nowhere ends by itself: then there is none to kill.
                    ensure!(
                        kafka.control("kill", *number).await.is_err(),
                        "the broker did not notice its full disk"
                    );
                }
                _ => kafka.control("kill", *number).await?,
            }
        }
        sleep(pause(random)).await;
        let (down, over) = (begun.elapsed(), Instant::now());
        // Side by side: one alone has no quorum to start with.
        try_join_all(hit.iter().map(|number| kafka.control("restart", *number))).await?;
        let which = (fault != Fault::KillCluster).then_some(broker);
        Ok(Hurt { which, down, over, to_ready: Some(over.elapsed()) })
    }
}

/// Has people of the other nodes connect anew, to any node: after a kill they are all elsewhere, and a node that nobody
/// sends anything to does not come by its point of death.
async fn come_over(proxies: &[Proxy], node: usize) {
    let others = || proxies.iter().enumerate().filter(|(other, _)| *other != node);
    others().for_each(|(_, proxy)| proxy.set(Mode::Cut));
    sleep(COME_OVER_CUT).await;
    others().for_each(|(_, proxy)| proxy.set(Mode::Pass));
}

fn pause(random: &mut fastrand::Rng) -> Duration {
    PAUSE_MIN + PAUSE_MORE.mul_f64(random.f64())
}
