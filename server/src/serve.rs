//! A node, from start to stop.
//!
//! Start: open the views, follow the log, listen. A log that is not reachable yet does not keep the node from starting:
//! it answers `/healthz`, says on `/readyz` what is missing, and goes on by itself. Until the views have once come to the
//! log's end, people are told so and nothing else: views that are not whole would make the node lie.
//!
//! Stop: tell sockets to go elsewhere, take no more requests, finish those that run, stop following, close the log; all
//! within a deadline.

use crate::{
    clock::Clock,
    connections,
    disk::WriteAheadLogs,
    features::{self, presence::PresenceTimes},
    http::{
        self,
        assets::Assets,
        state::{Settings, State},
    },
    kernel::{
        Kernel,
        follow::{self, Follower, Following},
        live::{Hub, socket::Node},
        pending_acks::PendingAcks,
        signals::Signals,
        views::{Views, ViewsError, ViewsOptions},
    },
    metrics::Metrics,
    rates::{RateLimits, Rates},
    secrets::{HashCost, Passwords, SecretError},
};
use kafkatalk_log::EventLog;
use std::{
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::{net::TcpListener, time::Instant};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// What a node needs to know.
#[derive(Clone, Debug)]
pub struct NodeOptions {
    /// File of the views; made where there is none.
    pub views_file: PathBuf,
    /// How the views are kept, and which log they follow.
    pub views: ViewsOptions,
    /// Frames that may wait for one socket.
    pub socket_queue_frames: usize,
    /// Sockets of one person on this node.
    pub sockets_per_user: usize,
    /// None: no limits at all.
    pub rate_limits: Option<RateLimits>,
    /// What a password's hash costs.
    pub hash_cost: HashCost,
    /// How this node faces the world.
    pub settings: Settings,
    /// How long the head of a request may take, and how long a connection may be idle.
    pub request_head_time: Duration,
    /// How long a new socket may take to say hello.
    pub hello_grace: Duration,
    /// When somebody counts as offline.
    pub presence: PresenceTimes,
    /// How long stopping may take.
    pub shutdown_deadline: Duration,
    /// Time and ids.
    pub clock: Clock,
}

/// Why a node could not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The views' file cannot be used.
    #[error("the views cannot be opened: {0}")]
    Views(#[from] ViewsError),
    /// Passwords cannot be hashed with this cost.
    #[error("passwords cannot be hashed as configured: {0}")]
    Secrets(#[from] SecretError),
    /// Nothing takes the log's records into the views any more, so that every write would end in "unknown".
    #[error("what follows the log has died; its panic stands above in the log")]
    FollowerDied,
    /// The machine refused.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// How long the start waits for the log to say which one it is.
const LOG_IDENTITY_WAIT: Duration = Duration::from_secs(2);
/// The part of the shutdown deadline after which connections are cut off.
const CONNECTIONS_SHARE: f32 = 0.6;
/// The part of it after which the follower's thread is not waited for.
const FOLLOWING_SHARE: f32 = 0.75;
/// The part of it after which nothing is waited for. What is left is for the process to end.
const CLOSING_SHARE: f32 = 0.95;
/// How often counts of quiet callers are forgotten.
const FORGET_QUIET_EVERY: Duration = Duration::from_mins(1);

/// Serves until `shutdown` is cancelled, then stops in order.
pub async fn serve(
    listener: TcpListener,
    log: Arc<dyn EventLog>,
    options: NodeOptions,
    shutdown: CancellationToken,
) -> Result<(), ServeError> {
    let metrics = Arc::new(Metrics::new());
    // A log that is away names itself later, and the follower looks then.
    let identity = tokio::time::timeout(LOG_IDENTITY_WAIT, log.identity()).await.ok().and_then(Result::ok);
    let views = ViewsOptions { log: identity.map(|identity| identity.to_string()), ..options.views };
    let (views, applier) = Views::open(&options.views_file, &views, features::registry())?;
    let hub = Hub::new(options.socket_queue_frames, options.sockets_per_user, metrics.clone());
    let (pending_acks, stop_following) = (PendingAcks::default(), CancellationToken::new());
    let follower = Follower {
        log: log.clone(),
        views: views.clone(),
        applier,
        pending_acks: pending_acks.clone(),
        hub: hub.clone(),
        metrics: metrics.clone(),
    };
    let following = follow::start(follower, stop_following.clone())?;
    let passwords = Passwords::new(options.hash_cost)?;
    let rates = Arc::new(Rates::new(options.rate_limits));
    let clock = options.clock.clone();
    let kernel = Kernel::new(log.clone(), views, pending_acks, passwords, clock, rates, metrics.clone());
    let signals = Signals::new(kernel.clone(), hub.clone(), features::signals(options.presence));
    let state = State {
        node: Arc::new(Node { kernel, signals, hello_grace: options.hello_grace, obey: features::obey }),
        hub: hub.clone(),
        metrics,
        follower: following.watch.clone(),
        log_health: log.health(),
        sockets: TaskTracker::new(),
        wals: WriteAheadLogs::of(&options.views_file),
        assets: Arc::new(Assets::load()),
        settings: options.settings,
    };
    let tasks = TaskTracker::new();
    tasks.spawn(forget_quiet(state.node.clone(), shutdown.clone()));
    tasks.spawn(state.wals.clone().watch(shutdown.clone()));
    features::start(&state.node.kernel, &state.follower, &tasks, &shutdown);
    state.node.signals.start(&tasks, &shutdown);
    let (sockets, stopping) = (state.sockets.clone(), Stopping::within(options.shutdown_deadline));
    let served = answer(listener, state, options.request_head_time, shutdown.clone());
    let ended = tokio::select! {
        () = tasks.track_future(served) => Ok(()),
        () = following.watch.clone().ended() => {
            shutdown.cancel();
            stopping.begun();
            hub.close_all();
            Err(ServeError::FollowerDied)
        }
        () = overdue(&hub, &sockets, &shutdown, &stopping) => {
            tracing::warn!("some connections did not end within the shutdown deadline; they are cut off");
            Ok(())
        }
    };
    shutdown.cancel();
    stop(log, following, &stop_following, &tasks, &stopping).await;
    ended
}

/// What stopping may take, from the word to stop on.
struct Stopping {
    deadline: Duration,
    begun: OnceLock<Instant>,
}

impl Stopping {
    fn within(deadline: Duration) -> Self {
        Self { deadline, begun: OnceLock::new() }
    }

    fn begun(&self) -> Instant {
        *self.begun.get_or_init(Instant::now)
    }

    /// When connections are cut off: the rest of the time is for writing out what the log was given.
    fn connections_end(&self) -> Instant {
        self.begun() + self.deadline.mul_f32(CONNECTIONS_SHARE)
    }

    /// When the follower is not waited for any more.
    fn following_ends(&self) -> Instant {
        self.begun() + self.deadline.mul_f32(FOLLOWING_SHARE)
    }

    /// When the rest is not waited for any more.
    fn ends(&self) -> Instant {
        self.begun() + self.deadline.mul_f32(CLOSING_SHARE)
    }
}

async fn answer(listener: TcpListener, state: State, head_time: Duration, shutdown: CancellationToken) {
    let sockets = state.sockets.clone();
    connections::answer(listener, http::router(state), head_time, &shutdown).await;
    // Upgraded connections are no longer the server's, so they are waited for here.
    sockets.close();
    sockets.wait().await;
}

/// From the word to stop: sends sockets away, and returns when the time for connections has passed.
async fn overdue(hub: &Hub, sockets: &TaskTracker, shutdown: &CancellationToken, stopping: &Stopping) {
    shutdown.cancelled().await;
    let end = stopping.connections_end();
    tracing::info!(sockets = sockets.len(), "stopping; clients are told to reconnect elsewhere");
    hub.close_all();
    tokio::time::sleep_until(end).await;
}

async fn stop(
    log: Arc<dyn EventLog>,
    following: Following,
    stop_following: &CancellationToken,
    tasks: &TaskTracker,
    stopping: &Stopping,
) {
    stop_following.cancel();
    // A thread may be in the middle of a commit; waiting for it must not hold up the runtime.
    let followed = tokio::task::spawn_blocking(move || following.join());
    if tokio::time::timeout_at(stopping.following_ends(), followed).await.is_err() {
        tracing::warn!("what follows the log did not end within the shutdown deadline");
    }
    tasks.close();
    let closed = async {
        log.close().await;
        tasks.wait().await;
    };
    if tokio::time::timeout_at(stopping.ends(), closed).await.is_ok() {
        tracing::info!("stopped");
    } else {
        tracing::warn!("not all ended within the shutdown deadline; what is left is cut off");
    }
}

async fn forget_quiet(node: Arc<Node>, shutdown: CancellationToken) {
    while tokio::time::timeout(FORGET_QUIET_EVERY, shutdown.cancelled()).await.is_err() {
        node.kernel.rates.forget_quiet();
    }
}
