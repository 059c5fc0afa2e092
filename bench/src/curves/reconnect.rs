//! A node dies, and everybody who was connected to it is at another one within a second.

use super::sizes::{Room, Sizes};
use crate::checks::{Findings, judge};
use crate::client::{api::Account, socket::Socket};
use crate::gather;
use crate::latency::Latencies;
use crate::limits::{CONNECTING_MAX, RECONNECT_WAIT_MAX};
use crate::load::{Clients, Shared, Wire, source, times::Times};
use crate::number::{count, nanos, short, thousands};
use crate::numbered::Numbering;
use crate::report::{Report, Table, Verdict, progress};
use crate::run::{self, AtRate, LoadArgs};
use crate::stage::{LogKind, Stage};
use crate::world::World;
use anyhow::{Context as _, Result};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use kafkatalk_protocol::{ClientFrame, ConversationId, Offset};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};

/// Messages a second between people of the node that lives.
const RATE: u32 = 100;
/// Their conversations.
const TALKING: usize = 50;
/// Within what time after the death everybody tries to be back, each at a moment drawn by lot.
const SPREAD: Duration = Duration::from_secs(1);
/// Rest of a device that was not let in.
const AGAIN: Duration = Duration::from_millis(200);
/// When the node dies, after so long a talk.
const CALM: Duration = Duration::from_secs(2);

/// What came of so many sockets.
pub(super) struct Outcome {
    sockets: usize,
    calm: AtRate,
    reconnecting: AtRate,
    /// From the death to being back, and from trying to being back.
    back: Latencies,
    trying: Latencies,
    /// Times that a device was not let in.
    refused: u64,
    findings: Findings,
    problems: Vec<String>,
}

impl Outcome {
    fn verdict(&self) -> Verdict {
        let incomplete = [&self.calm, &self.reconnecting].into_iter().filter(|at| !at.complete()).count();
        Verdict::of(self.findings.total() + count(self.problems.len() + incomplete))
    }
}

/// Measures each number of sockets on a service of its own.
pub(super) async fn measure(
    stage: &mut Stage,
    sizes: &Sizes,
    room: Room,
    report: &mut Report,
) -> Result<Vec<Outcome>> {
    let mut rows = Vec::new();
    for sockets in room.sockets().within("Sockets of the dead node", &sizes.reconnecting_sockets, report) {
        rows.push(one(stage, sockets, sizes.reconnecting_seconds).await?);
    }
    Ok(rows)
}

async fn one(stage: &mut Stage, sockets: usize, seconds: u32) -> Result<Outcome> {
    let mut random = stage.random();
    let talking =
        LoadArgs { rate: vec![RATE, RATE], warm_up_seconds: 2, ..LoadArgs::pairs(TALKING, RATE, seconds) };
    let parts = run::parts(&talking)?;
    let messages = parts.last().map_or(0, |part| part.end);
    let numbering = Numbering::new(random.u64(..), talking.bytes);
    let shared = Arc::new(Shared { wire: Wire::KafkaTalk, numbering, times: Times::new(messages, true) });

    let setups = stage.nodes(LogKind::Kafka, 2).await?;
    let [lives, doomed] = [setups[0].address, setups[1].address];
    // The first of the accounts talk at the node that lives; the others listen at the one that dies.
    let everybody = LoadArgs::pairs(TALKING + sockets / 2, RATE, seconds);
    let (mut servers, world) = run::populated_nodes(&setups, &everybody, random.u64(..)).await?;
    for server in &mut servers {
        server.ready().await?;
    }
    let talkers = World {
        accounts: world.accounts[..2 * TALKING].to_vec(),
        pairs: world.pairs[..TALKING].to_vec(),
        ..world.clone()
    };
    let clients = Clients::connect(&[lives], &talkers.accounts, Arc::clone(&shared)).await?;
    let mut crowd = Crowd::gather(&world, 2 * TALKING, [doomed, lives], &mut random).await?;

    let kafka = stage.kafka_pids(LogKind::Kafka)?;
    let alive = [servers[0].pid()];
    let pids: [&[_]; 2] = [&alive, &kafka];
    let [calm, reconnecting] = parts[..] else { anyhow::bail!("two rates make two parts") };
    progress(&format!("{} sockets, before", thousands(count(sockets))));
    let (calm, mut said) = run::at_rate(&clients, &talkers, &shared, calm, pids, &mut random).await?;
    progress(&format!("{} sockets lose their node", thousands(count(sockets))));
    let server = &mut servers[1];
    let ((reconnecting, more), ()) = tokio::try_join!(
        run::at_rate(&clients, &talkers, &shared, reconnecting, pids, &mut random),
        async {
            sleep(CALM).await;
            server.kill().await?;
            crowd.node_died();
            Ok(())
        }
    )?;
    said.extend(more);
    let returned = crowd.returned().await;
    let heard = clients.close().await?;
    let mut problems = run::problems(&heard);
    problems.extend(returned.lost.iter().map(|why| format!("a device did not come back: {why}")));
    let mut evidence = gather::histories(&talkers, &[lives], numbering).await?;
    gather::add_said(&mut evidence, &talkers, &said);
    run::add_heard(&mut evidence, &talkers, heard);
    problems.extend(servers.swap_remove(0).end().await);
    Ok(Outcome {
        sockets,
        calm,
        reconnecting,
        back: returned.back,
        trying: returned.trying,
        refused: returned.refused,
        findings: judge(evidence.values()),
        problems,
    })
}

/// Devices of which each has a socket.
struct Crowd {
    devices: JoinSet<Result<Back>>,
    died: watch::Sender<Option<Instant>>,
}

/// How one came back, to stay.
struct Back {
    after: Duration,
    trying: Duration,
    refused: u64,
    _socket: Socket,
}

struct Returned {
    back: Latencies,
    trying: Latencies,
    refused: u64,
    lost: Vec<String>,
    _there: Vec<Back>,
}

impl Crowd {
    /// Connects everybody from that account on to the node that will die.
    async fn gather(
        world: &World,
        from: usize,
        [doomed, lives]: [SocketAddr; 2],
        random: &mut fastrand::Rng,
    ) -> Result<Self> {
        let (died, watched) = watch::channel(None);
        let place = |user: usize| world.of_user(user).next().map(|pair| pair.conversation);
        let devices = world.accounts.iter().enumerate().skip(from).map(|(number, account)| Device {
            number,
            account: account.clone(),
            conversation: place(number),
        });
        let devices: Vec<Device> = devices.collect();
        let connected: Vec<(Device, Socket)> = stream::iter(devices)
            .map(async |device| device.connect(doomed).await.map(|socket| (device, socket)))
            .buffer_unordered(CONNECTING_MAX)
            .try_collect()
            .await?;
        let mut devices = JoinSet::new();
        for (device, socket) in connected {
            let (watched, pause) = (watched.clone(), SPREAD.mul_f64(random.f64()));
            devices.spawn(device.come_back(socket, lives, watched, pause));
        }
        Ok(Self { devices, died })
    }

    fn node_died(&mut self) {
        self.died.send_replace(Some(Instant::now()));
    }

    async fn returned(mut self) -> Returned {
        let (mut back, mut trying) = (Latencies::new(), Latencies::new());
        let (mut lost, mut there) = (Vec::new(), Vec::new());
        while let Some(device) = self.devices.join_next().await {
            match device.context("a device failed").flatten() {
                Ok(one) => {
                    back.record(nanos(one.after));
                    trying.record(nanos(one.trying));
                    there.push(one);
                }
                Err(error) => lost.push(format!("{error:#}")),
            }
        }
        let refused = there.iter().map(|one| one.refused).sum();
        Returned { back, trying, refused, lost, _there: there }
    }
}

struct Device {
    number: usize,
    account: Account,
    conversation: Option<ConversationId>,
}

impl Device {
    /// Opens a socket, and says how far it is, as a client does that was there before.
    async fn connect(&self, node: SocketAddr) -> Result<Socket> {
        let mut socket = Socket::connect_from(source(self.number), node, &self.account.token).await?;
        socket.greeted().await?;
        let positions: BTreeMap<_, _> = self.conversation.map(|id| (id, Offset(0))).into_iter().collect();
        socket.send(&ClientFrame::Hello { positions, records: [].into(), signals: false }).await?;
        Ok(socket)
    }

    async fn come_back(
        self,
        mut socket: Socket,
        lives: SocketAddr,
        mut died: watch::Receiver<Option<Instant>>,
        pause: Duration,
    ) -> Result<Back> {
        while socket.next_text().await.is_ok() {}
        // A socket that ends with its node may be told of sooner than the death; any other end is much sooner.
        let told = timeout(CALM, died.wait_for(Option::is_some)).await;
        let death = told.context("its socket ended while its node lived")??.context("it has died")?;
        sleep(pause).await;
        let (begun, mut refused) = (Instant::now(), 0);
        let again = async {
            loop {
                match self.connect(lives).await {
                    Ok(socket) => return socket,
                    Err(_) => refused += 1,
                }
                sleep(AGAIN).await;
            }
        };
        let socket = timeout(RECONNECT_WAIT_MAX, again).await.context("not let in")?;
        Ok(Back { after: death.elapsed(), trying: begun.elapsed(), refused, _socket: socket })
    }
}

/// The table, and what was broken.
pub(super) fn tell(report: &mut Report, rows: &[Outcome]) -> Verdict {
    let mut table = Table::new([
        "sockets of the node that died",
        "all back after its death, s",
        "from trying to `ready` p50 / p90 / p99 / max, ms",
        "not let in at first",
        "talk beside, messages/s",
        "end to end before p50 / p90 / p99 / max, ms",
        "end to end meanwhile p50 / p90 / p99 / max, ms",
        "load late meanwhile p99 / max, ms",
        "stolen before / meanwhile, %",
        "verdict",
    ]);
    for row in rows {
        table.row([
            thousands(count(row.sockets)),
            row.back.quantile_ms(1.0).map_or_else(|| "nobody".into(), |ms| short(ms / 1e3)),
            row.trying.quartet(),
            thousands(row.refused),
            RATE.to_string(),
            row.calm.end_to_end.quartet(),
            row.reconnecting.end_to_end.quartet(),
            row.reconnecting.late.lateness(),
            format!("{} / {}", short(row.calm.stolen_percent), short(row.reconnecting.stolen_percent)),
            run::tell::verdict(row.verdict()).into(),
        ]);
    }
    report.table(&table);
    report.paragraph(&format!(
        "Two nodes on Kafka, of which one is killed with SIGKILL. Those who were connected to it try the other one within {} s, each at a \
         moment drawn by lot, from one process with one thread that also measures.",
        SPREAD.as_secs()
    ));
    for row in rows {
        run::tell::mismatches(report, &row.findings, &row.problems);
    }
    rows.iter().fold(Verdict::Kept, |verdict, row| verdict.and(row.verdict()))
}
