//! What is done to the nodes and to Kafka's brokers while people talk: one harm after the other, drawn from a seed.

use crate::kafka::Kafka;
use crate::report::progress;
use crate::server::{Server, Setup};
use anyhow::{Context as _, Result};
use clap::ValueEnum;
use std::{
    fmt, fs,
    time::{Duration, Instant},
};
use tokio::time::sleep;

/// Longest rest between a kill and the next start.
const DOWN_MAX: Duration = Duration::from_millis(500);
/// Shortest time for which a node or a broker is stopped in its tracks.
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// What chance may add to that.
const PAUSE_MORE: Duration = Duration::from_secs(5);
/// Rest between a broker's return and the next harm, so that its copies of the topics can catch up: with two of three
/// brokers away at once Kafka takes nothing, which is not what is to be seen here.
const BROKER_REST: Duration = Duration::from_secs(5);

/// A kind of harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Harm {
    /// A node is killed with SIGKILL, and started again on the same data and port.
    Kill,
    /// The same, and all that it kept is deleted in between: it starts empty beside the others.
    Wipe,
    /// A node is stopped in its tracks (SIGSTOP) for some seconds.
    Pause,
    /// A broker is killed with SIGKILL, and started again.
    KillBroker,
    /// A broker is stopped in its tracks for some seconds.
    PauseBroker,
}

impl Harm {
    /// Whether it takes Kafka: it is done to a broker, or to what only Kafka would still have.
    pub(crate) fn needs_kafka(self) -> bool {
        matches!(self, Self::Wipe | Self::KillBroker | Self::PauseBroker)
    }
}

impl fmt::Display for Harm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kill => "node killed",
            Self::Wipe => "node killed and emptied",
            Self::Pause => "node stopped",
            Self::KillBroker => "broker killed",
            Self::PauseBroker => "broker stopped",
        })
    }
}

/// One harm that was done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Done {
    /// What.
    pub(crate) harm: Harm,
    /// To which node or broker, from 1.
    pub(crate) which: usize,
    /// Whether it began while people talked: earlier harm may have taken long.
    pub(crate) in_time: bool,
    /// When it was over: started again, or let go on.
    pub(crate) over: Instant,
    /// How long that took.
    pub(crate) down: Duration,
    /// How long it took from there until the node or the broker was ready; a broker that goes on does not tell.
    pub(crate) to_ready: Option<Duration>,
}

/// What harm is done to.
pub(crate) struct Victims<'a> {
    /// How to start the nodes.
    pub(crate) setups: &'a [Setup],
    /// The nodes.
    pub(crate) servers: Vec<Server>,
    /// The brokers, where there are any.
    pub(crate) kafka: Option<&'a Kafka>,
}

/// Does so many harms of these kinds, in turns, each to a victim drawn at random, spread over a time.
pub(crate) async fn again_and_again(
    victims: &mut Victims<'_>,
    kinds: &[Harm],
    times: u32,
    over: Duration,
    mut random: fastrand::Rng,
) -> Result<Vec<Done>> {
    let mut all = Vec::new();
    let every = over / times.max(1);
    let begun = Instant::now();
    for (time, harm) in (0..times).zip(kinds.iter().cycle()) {
        // Somewhere in the middle of its part of the time, unless the one before took longer than that.
        let at = every * time + every.mul_f64(0.3 + 0.4 * random.f64());
        sleep(at.saturating_sub(begun.elapsed())).await;
        let in_time = begun.elapsed() < over;
        let done = Done { in_time, ..victims.harm(*harm, &mut random).await? };
        let ready = done
            .to_ready
            .map_or_else(String::new, |took| format!(", ready {} ms after that", took.as_millis()));
        let (number, which) = (time + 1, done.which);
        progress(&format!("{number} of {times}: {harm} ({which}) for {} ms{ready}", done.down.as_millis()));
        all.push(done);
    }
    Ok(all)
}

impl Victims<'_> {
    async fn harm(&mut self, harm: Harm, random: &mut fastrand::Rng) -> Result<Done> {
        let node = random.usize(..self.servers.len());
        let begun = Instant::now();
        let (which, down, to_ready) = match harm {
            Harm::Kill | Harm::Wipe => {
                self.servers[node].kill().await?;
                sleep(DOWN_MAX.mul_f64(random.f64())).await;
                let setup = &self.setups[node];
                if harm == Harm::Wipe {
                    fs::remove_dir_all(&setup.data).context("cannot empty a node")?;
                }
                let down = begun.elapsed();
                self.servers[node] = setup.start()?;
                (node, down, Some(self.servers[node].ready().await?))
            }
            Harm::Pause => {
                self.servers[node].pause()?;
                sleep(pause(random)).await;
                let (down, returning) = (begun.elapsed(), Instant::now());
                self.servers[node].go_on()?;
                self.servers[node].ready().await?;
                (node, down, Some(returning.elapsed()))
            }
            Harm::KillBroker | Harm::PauseBroker => {
                let kafka = self.kafka.context("there are no brokers: use --log kafka")?;
                let broker = random.usize(..kafka.brokers());
                let (away, back) =
                    if harm == Harm::KillBroker { ("kill", "restart") } else { ("pause", "resume") };
                kafka.control(away, broker + 1).await?;
                sleep(pause(random)).await;
                let down = begun.elapsed();
                let returning = Instant::now();
                kafka.control(back, broker + 1).await?;
                let to_ready = (harm == Harm::KillBroker).then(|| returning.elapsed());
                sleep(BROKER_REST).await;
                (broker, down, to_ready)
            }
        };
        Ok(Done { harm, which: which + 1, in_time: true, over: begun + down, down, to_ready })
    }
}

fn pause(random: &mut fastrand::Rng) -> Duration {
    PAUSE_MIN + PAUSE_MORE.mul_f64(random.f64())
}
