//! One load on one server: latency, CPU, memory, and whether every promise was kept.

use crate::checks::{Findings, judge};
use crate::evidence::Evidence;
use crate::gather::{self, Gathered};
use crate::latency::Latencies;
use crate::limits::{DRAIN_WAIT_MAX, IDLE_WATCH, SETTLE};
use crate::load::{Clients, Heard, Said, Shared, Wire, times::Times};
use crate::number::{count, float};
use crate::numbered::Numbering;
use crate::process::{
    self, Machine, Pid,
    threads::{Group, Threads},
};
use crate::report::{Verdict, progress};
use crate::server::{Server, Setup};
use crate::stage::{LogKind, Stage, cpu_of};
use crate::world::World;
use anyhow::{Context as _, Result};
use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    task::{JoinHandle, spawn_blocking},
    time::sleep,
};

pub(crate) mod tell;

pub(crate) use crate::load::wanted::{LoadArgs, Part, parts};

/// Fewest sockets for which memory per socket says something; below, noise of the process does.
pub(crate) const SOCKETS_FOR_MEMORY_MIN: usize = 100;

/// What one server showed.
pub(crate) struct Outcome {
    /// Its log.
    pub(crate) log: LogKind,
    /// Sockets that were open.
    pub(crate) sockets: usize,
    /// Conversations that were talked in.
    pub(crate) conversations: usize,
    /// How long it took to register the users and to open the conversations.
    pub(crate) set_up: [Duration; 2],
    /// How long it took to open all the sockets.
    pub(crate) connecting: Duration,
    /// Memory that each idle socket added.
    pub(crate) bytes_per_socket: f64,
    /// CPU that the server uses when nobody says anything, in percent of a core.
    pub(crate) idle_cpu_percent: f64,
    /// What each rate showed.
    pub(crate) rates: Vec<AtRate>,
    /// What the checks found.
    pub(crate) findings: Findings,
    /// Sockets that ended before their time, and messages that were refused: why.
    pub(crate) problems: Vec<String>,
}

/// What a server showed at one rate.
pub(crate) struct AtRate {
    /// Messages a second.
    pub(crate) rate: u32,
    /// From the sender's client to the peer's.
    pub(crate) end_to_end: Latencies,
    /// From the sender's client to its ack.
    pub(crate) to_ack: Latencies,
    /// From when a message was due until the load asked for it: what the load itself held back, which is in no measurement.
    pub(crate) late: Latencies,
    /// CPU of the server for each message, in microseconds.
    pub(crate) cpu_us: f64,
    /// The same by the names of the server's threads, the most first.
    pub(crate) threads: Vec<Group>,
    /// CPU of Kafka for each message, where there is one.
    pub(crate) kafka_cpu_us: Option<f64>,
    /// CPU of the load itself for each message, in microseconds.
    pub(crate) load_cpu_us: f64,
    /// From asking for the first measured message until the last that arrived of them had come.
    pub(crate) span: Duration,
    /// Processor time that the host of this virtual machine gave to others meanwhile, in percent.
    pub(crate) stolen_percent: f64,
    /// Messages that were sent, acknowledged and delivered in time.
    pub(crate) counts: [u64; 3],
}

impl AtRate {
    /// Messages a second that arrived.
    pub(crate) fn achieved(&self) -> f64 {
        if self.span.is_zero() { 0.0 } else { float(self.counts[2]) / self.span.as_secs_f64() }
    }

    /// Whether all that was sent was acknowledged and delivered in time.
    pub(crate) fn complete(&self) -> bool {
        self.counts.iter().all(|count| *count == self.counts[0])
    }
}

impl Outcome {
    /// Broken by any mismatch, problem, or message that did not arrive in time.
    pub(crate) fn verdict(&self) -> Verdict {
        let missing = self.rates.iter().filter(|at| !at.complete());
        Verdict::of(self.findings.total() + count(self.problems.len()) + count(missing.count()))
    }
}

/// Runs a load on a fresh server.
pub(crate) async fn measure(stage: &mut Stage, log: LogKind, load: &LoadArgs) -> Result<Outcome> {
    let mut random = stage.random();
    let parts = parts(load)?;
    let messages = parts.last().context("--rate names at least one rate")?.end;
    let numbering = Numbering::new(random.u64(..), load.bytes);
    let shared = Arc::new(Shared { wire: Wire::KafkaTalk, numbering, times: Times::new(messages, true) });

    let setup = stage.server(log).await?;
    let (mut server, world) = populated(&setup, load, random.u64(..)).await?;
    let kafka = stage.kafka_pids(log)?;
    // Started anew, so that memory which registering left behind does not hide what the sockets take.
    server.ready().await?;
    sleep(SETTLE).await;
    let before = process::resident_bytes(server.pid())?;
    let started = Instant::now();
    let clients = Clients::connect(&[server.address()], &world.accounts, Arc::clone(&shared)).await?;
    let connecting = started.elapsed();
    sleep(SETTLE).await;
    let added = process::resident_bytes(server.pid())?.saturating_sub(before);
    let idle_cpu_percent = idle_cpu_percent(server.pid()).await?;

    let (mut rates, mut said) = (Vec::new(), Vec::new());
    for part in parts {
        progress(&format!("{log} log, {} sockets, {} messages/s", load.sockets, part.rate));
        let (at, of_part) =
            at_rate(&clients, &world, &shared, part, [&[server.pid()], &kafka], &mut random).await?;
        rates.push(at);
        said.extend(of_part);
    }
    let heard = clients.close().await?;
    let mut problems = problems(&heard);
    let mut evidence = gather::histories(&world, &[server.address()], numbering).await?;
    gather::add_said(&mut evidence, &world, &said);
    add_heard(&mut evidence, &world, heard);
    problems.extend(server.stop().await?.problem);
    Ok(Outcome {
        log,
        sockets: load.sockets,
        conversations: world.pairs.len(),
        set_up: [world.registering, world.opening],
        connecting,
        bytes_per_socket: float(added) / float(count(load.sockets)),
        idle_cpu_percent,
        rates,
        findings: judge(evidence.values()),
        problems,
    })
}

/// Starts a server, fills it with users and conversations, and starts it once more.
pub(crate) async fn populated(setup: &Setup, load: &LoadArgs, run: u64) -> Result<(Server, World)> {
    let (mut servers, world) = populated_nodes(std::slice::from_ref(setup), load, run).await?;
    Ok((servers.pop().context("one server was asked for")?, world))
}

/// The same with the nodes of a service.
pub(crate) async fn populated_nodes(
    setups: &[Setup],
    load: &LoadArgs,
    run: u64,
) -> Result<(Vec<Server>, World)> {
    let conversations = load.conversations.unwrap_or(load.sockets / 2);
    let servers = started(setups).await?;
    progress(&format!("registering {} users, opening {conversations} conversations", load.sockets));
    let addresses: Vec<_> = setups.iter().map(|setup| setup.address).collect();
    let world = World::build(&addresses, load.sockets, conversations, run).await?;
    for server in servers {
        server.stop().await?.in_order()?;
    }
    Ok((setups.iter().map(Setup::start).collect::<Result<_>>()?, world))
}

/// Starts nodes, each once the one before is ready.
pub(crate) async fn started(setups: &[Setup]) -> Result<Vec<Server>> {
    let mut servers = Vec::with_capacity(setups.len());
    for setup in setups {
        let mut server = setup.start()?;
        server.ready().await?;
        servers.push(server);
    }
    Ok(servers)
}

async fn idle_cpu_percent(pid: Pid) -> Result<f64> {
    let before = process::cpu(pid)?;
    sleep(IDLE_WATCH).await;
    let used = process::cpu(pid)?.saturating_sub(before);
    Ok(100.0 * used.as_secs_f64() / IDLE_WATCH.as_secs_f64())
}

/// What the server, Kafka and this load, the server's threads, and the machine have used up to now.
struct Used {
    cpu: [Duration; 3],
    threads: Threads,
    machine: Machine,
}

/// Read on a thread of its own: it takes milliseconds.
fn used_now(processes: [&[Pid]; 2]) -> JoinHandle<Result<Used>> {
    let [server, kafka] = processes.map(<[Pid]>::to_vec);
    spawn_blocking(move || {
        let cpu = [cpu_of(&server)?, cpu_of(&kafka)?, process::own_cpu()?];
        Ok(Used { cpu, threads: Threads::now(&server)?, machine: Machine::now()? })
    })
}

/// The load at one rate, and who said what. A client that ends meanwhile is an error.
pub(crate) async fn at_rate(
    clients: &Clients,
    world: &World,
    shared: &Shared,
    part: Part,
    processes: [&[Pid]; 2],
    random: &mut fastrand::Rng,
) -> Result<(AtRate, Vec<Said>)> {
    let mut before = None;
    let at_number = |number| {
        if number == part.measured {
            before = Some(used_now(processes));
        }
    };
    let said = clients.voices.talk(&world.pairs, part.begin..part.end, part.rate, random, at_number).await?;
    clients.voices.drained(DRAIN_WAIT_MAX).await;
    let after = used_now(processes).await??;
    let before = before.context("nothing was measured: --seconds is at least 1")?.await??;
    let range = part.measured..part.end;
    let sent = count(range.len());
    let cpu = |which: usize| after.cpu[which].saturating_sub(before.cpu[which]);
    let cpu_us = |which: usize| cpu(which).as_secs_f64() * 1e6 / float(sent);
    let (acked, received) = shared.times.counts(range.clone());
    let at = AtRate {
        rate: part.rate,
        end_to_end: shared.times.end_to_end(range.clone()),
        to_ack: shared.times.to_ack(range.clone()),
        late: shared.times.late(range.clone()),
        cpu_us: cpu_us(0),
        threads: after.threads.since(&before.threads, cpu(0), sent),
        kafka_cpu_us: (!processes[1].is_empty()).then(|| cpu_us(1)),
        load_cpu_us: cpu_us(2),
        span: shared.times.span(range).unwrap_or_default(),
        stolen_percent: after.machine.stolen_percent_since(before.machine),
        counts: [sent, acked, received],
    };
    Ok((at, said))
}

/// Sockets that ended before their time, and messages that were refused: why.
pub(crate) fn problems(heard: &[Heard]) -> Vec<String> {
    let broken =
        heard.iter().filter_map(|heard| heard.broken.as_ref().map(|why| format!("a socket ended: {why}")));
    broken.chain(refused(heard.iter().flat_map(|heard| &heard.refusals))).collect()
}

/// Messages that were refused: why.
pub(crate) fn refused(why: impl IntoIterator<Item = impl fmt::Display>) -> impl Iterator<Item = String> {
    why.into_iter().map(|why| format!("refused: {why}"))
}

/// Adds what each client heard.
pub(crate) fn add_heard(all: &mut Gathered, world: &World, heard: Vec<Heard>) {
    for (account, heard) in world.accounts.iter().zip(heard) {
        for (conversation, id, offset) in heard.acks {
            all.entry(conversation).and_modify(|evidence| evidence.acks.push((id, offset)));
        }
        for (conversation, line) in heard.lines {
            // A message from a conversation that nobody here opened would be a leak.
            let evidence = all.entry(conversation).or_insert_with(|| Evidence::new(conversation));
            evidence.witness(account.user.id).shown.push(line);
        }
    }
}
