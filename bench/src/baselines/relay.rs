//! A bare relay: axum, one task for each socket, small buffers; what comes from a socket goes to its peer.

use super::{Baseline, RELAY, name};
use crate::limits::{DRAIN_WAIT_MAX, RELAY_QUEUE_MAX, RELAY_READ_BUFFER_BYTES, SETTLE};
use crate::load::wanted::{LoadArgs, parts};
use crate::load::{Clients, Shared, Wire, times::Times};
use crate::number::{count, float};
use crate::numbered::Numbering;
use crate::process;
use crate::run::SOCKETS_FOR_MEMORY_MIN;
use crate::world::Pair;
use anyhow::{Context as _, Result};
use axum::{
    Router,
    extract::{
        Path, State,
        ws::{Message, WebSocket, WebSocketUpgrade},
    },
    response::Response,
    routing::get,
};
use kafkatalk_protocol::{ConversationId, UserId};
use std::{
    collections::HashMap,
    io::Write as _,
    net::{Ipv4Addr, SocketAddr},
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    net::TcpListener,
    process::{Child, Command},
    sync::mpsc,
    time::sleep,
};
use uuid::Uuid;

/// Runs the relay until its process is ended. Says where it listens on standard output.
pub(crate) async fn serve() -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{address}")?;
    drop(stdout);
    let router = Router::new().route("/{number}", get(upgrade)).with_state(Arc::new(Rooms::default()));
    Ok(axum::serve(axum::serve::ListenerExt::tap_io(listener, |tcp| drop(tcp.set_nodelay(true))), router)
        .await?)
}

/// Where each socket's texts go in.
#[derive(Default)]
struct Rooms {
    sockets: Mutex<HashMap<usize, mpsc::Sender<Message>>>,
}

impl Rooms {
    fn enter(&self, number: usize) -> mpsc::Receiver<Message> {
        let (sender, receiver) = mpsc::channel(RELAY_QUEUE_MAX);
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner).insert(number, sender);
        receiver
    }

    fn peer(&self, number: usize) -> Option<mpsc::Sender<Message>> {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner).get(&(number ^ 1)).cloned()
    }
}

async fn upgrade(
    State(rooms): State<Arc<Rooms>>,
    Path(number): Path<usize>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let upgrade = upgrade.read_buffer_size(RELAY_READ_BUFFER_BYTES).write_buffer_size(0);
    upgrade.on_upgrade(async move |socket| relay(socket, number, &rooms).await)
}

async fn relay(mut socket: WebSocket, number: usize, rooms: &Rooms) {
    let mut incoming = rooms.enter(number);
    loop {
        tokio::select! {
            text = incoming.recv() => match text {
                Some(text) => {
                    if socket.send(text).await.is_err() {
                        return;
                    }
                }
                None => return,
            },
            text = socket.recv() => match text {
                Some(Ok(text @ Message::Text(_))) => {
                    if let Some(peer) = rooms.peer(number) {
                        let _ = peer.send(text).await;
                    }
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return,
            },
        }
    }
}

/// A relay in a process of its own.
struct Relay {
    _child: Child,
    pid: u32,
    address: SocketAddr,
}

impl Relay {
    async fn start() -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("relay")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let pid = child.id().context("the relay ended at once")?;
        let stdout = child.stdout.take().context("the relay has a standard output")?;
        let line = BufReader::new(stdout).lines().next_line().await?.context("the relay says nothing")?;
        Ok(Self { _child: child, pid, address: line.parse()? })
    }
}

/// The relay under each rate of a load.
pub(crate) async fn measure(load: &LoadArgs, random: &mut fastrand::Rng) -> Result<Vec<Baseline>> {
    let relay = Relay::start().await?;
    let parts = parts(load)?;
    let messages = parts.last().map_or(0, |part| part.end);
    let numbering = Numbering::new(random.u64(..), load.bytes);
    let shared = Arc::new(Shared { wire: Wire::Relay, numbering, times: Times::new(messages, false) });
    // As a server is given rest before its memory is read.
    sleep(SETTLE).await;
    let before = process::resident_bytes(relay.pid)?;
    let clients = Clients::connect_relay(relay.address, load.sockets, Arc::clone(&shared)).await?;
    sleep(SETTLE).await;
    let added = process::resident_bytes(relay.pid)?.saturating_sub(before);
    let pairs = pairs(load.sockets);
    let mut baselines = Vec::new();
    for part in parts {
        let range = part.measured..part.end;
        clients.voices.talk(&pairs, part.begin..part.measured, part.rate, random, |_| {}).await?;
        clients.voices.drained(DRAIN_WAIT_MAX).await;
        let cpu = process::cpu(relay.pid)?;
        clients.voices.talk(&pairs, range.clone(), part.rate, random, |_| {}).await?;
        clients.voices.drained(DRAIN_WAIT_MAX).await;
        let cpu = process::cpu(relay.pid)?.saturating_sub(cpu);
        let end_to_end = shared.times.end_to_end(range.clone());
        baselines.push(Baseline {
            name: name(RELAY, load.sockets, part.rate),
            counts: [count(range.len()), end_to_end.len()],
            end_to_end,
            to_ack: None,
            late: Some(shared.times.late(range.clone())),
            cpu_us: Some(cpu.as_secs_f64() * 1e6 / float(count(range.len()))),
            bytes_per_socket: (load.sockets >= SOCKETS_FOR_MEMORY_MIN)
                .then(|| float(added) / float(count(load.sockets))),
        });
    }
    clients.close().await?;
    Ok(baselines)
}

/// Neighbours; the relay knows no conversations.
fn pairs(sockets: usize) -> Vec<Pair> {
    let nobody = UserId(Uuid::nil());
    let conversation = ConversationId::of_pair(nobody, nobody);
    (0..sockets / 2).map(|pair| Pair { conversation, members: [2 * pair, 2 * pair + 1] }).collect()
}
