//! `serve`: a node on this machine, until it is told to stop.

mod limits;
mod signals;

use super::{open_log, runtime};
use crate::{
    clock::Clock,
    config::Config,
    features::presence::PresenceTimes,
    http::state::Settings,
    limits::HELLO_GRACE,
    serve::{self, NodeOptions},
    telemetry,
};
use anyhow::{Context as _, Result};
use kafkatalk_log::Health;
use std::{
    io::{ErrorKind, Write as _},
    path::Path,
    time::Duration,
};
use tokio::{net::TcpListener, sync::watch};
use tokio_util::sync::CancellationToken;

/// As much as the least that a database writes at once.
const PROBE_BYTES: usize = 4_096;
/// How often a log that is not reachable is named again.
const WAITING_EVERY: Duration = Duration::from_secs(5);

pub(super) fn serve(config: &Config, unknown: &[String]) -> Result<()> {
    telemetry::start(config.log_format, &config.log_level);
    warn(config, unknown);
    limits::raise_open_files();
    let shutdown = CancellationToken::new();
    signals::stop_on_signals(shutdown.clone(), config.shutdown_deadline)?;
    let runtime = runtime()?;
    let ended = runtime.block_on(run(config, shutdown));
    // What still runs has had its time. Waiting for it would have no end.
    runtime.shutdown_background();
    ended
}

async fn run(config: &Config, shutdown: CancellationToken) -> Result<()> {
    let unusable = |what: &str, error: std::io::Error| {
        let (folder, remedy) = (config.data.display(), remedy(error.kind()));
        let message = format!(
            "cannot {what} the data folder {folder} as {}: {remedy}, or choose another with --data",
            who()
        );
        anyhow::Error::new(error).context(message)
    };
    std::fs::create_dir_all(&config.data).map_err(|error| unusable("make", error))?;
    // Whatever needs the folder first would say no more than that permission is denied.
    try_writing(&config.data).map_err(|error| unusable("write to", error))?;
    let listener = TcpListener::bind(config.listen).await.with_context(|| {
        format!("cannot listen on {}: choose another address with --listen", config.listen)
    })?;
    let log = open_log(config)?;
    tokio::spawn(shutdown.clone().run_until_cancelled_owned(name_while_away(log.health())));
    tracing::info!(
        data = %config.data.display(),
        log = %config.kafka.as_ref().map_or("embedded", |kafka| kafka.bootstrap.as_str()),
        "KafkaTalk {} listens on http://{}",
        env!("CARGO_PKG_VERSION"),
        listener.local_addr()?,
    );
    Ok(serve::serve(listener, log, node_options(config), shutdown).await?)
}

/// Writes something to a folder that is gone at once.
fn try_writing(folder: &Path) -> std::io::Result<()> {
    tempfile::tempfile_in(folder)?.write_all(&[0; PROBE_BYTES])
}

/// What to do about a folder that cannot be written to.
fn remedy(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::StorageFull => "free some space, or remove some files, on its disk",
        ErrorKind::QuotaExceeded => "free some space, or give that user more",
        ErrorKind::ReadOnlyFilesystem => "the file system is read-only, so mount it for writing",
        _ => "give that user the right",
    }
}

/// Who runs this process, for an operator.
fn who() -> String {
    let id = rustix::process::geteuid().as_raw();
    match std::env::var("USER") {
        Ok(name) => format!("user {name} (id {id})"),
        Err(_) => format!("user id {id}"),
    }
}

fn node_options(config: &Config) -> NodeOptions {
    NodeOptions {
        views_file: config.views_file(),
        views: config.views.clone(),
        socket_queue_frames: config.socket_queue_frames.get(),
        sockets_per_user: config.sockets_per_user.get(),
        rate_limits: config.rate_limits,
        hash_cost: config.hash_cost,
        settings: Settings {
            secure_cookies: config.secure_cookies(),
            trust_proxy: config.trust_proxy,
            public_url: config.public_url.clone(),
        },
        request_head_time: config.keep_alive,
        hello_grace: HELLO_GRACE,
        presence: PresenceTimes::default(),
        shutdown_deadline: config.shutdown_deadline,
        clock: Clock::system(),
    }
}

fn warn(config: &Config, unknown: &[String]) {
    for name in unknown {
        tracing::warn!(
            "the environment variable {name} is no setting and does nothing; see `kafkatalk serve --help`"
        );
    }
    if cfg!(feature = "failpoints") {
        tracing::warn!("this build can go wrong on purpose, for tests: it is not for people");
    }
    if config.rate_limits.is_none() {
        tracing::warn!(
            "rate limits are off: anybody may register, guess passwords and send as fast as they can"
        );
    }
    if config.kafka.as_ref().is_some_and(|kafka| kafka.replication_factor.get() == 1) {
        tracing::warn!(
            "Kafka keeps one copy of each record: a lost disk loses messages. On three brokers or more, \
             start with --replication-factor 3"
        );
    }
    if !config.listen.ip().is_loopback() && !config.secure_cookies() && !config.trust_proxy {
        tracing::warn!(
            "other machines can reach this node and nothing says that they come over https: put a TLS proxy in \
             front and name its address with --public-url https://…, or passwords cross the network in the clear"
        );
    }
}

/// Says what is waited for while the log takes no appends, and when that is over.
async fn name_while_away(mut health: watch::Receiver<Health>) {
    let mut was_away = false;
    loop {
        let now = health.borrow_and_update().clone();
        match now {
            Health::Unavailable(reason) => tracing::warn!("waiting for the log: {reason}"),
            Health::Ready if was_away => tracing::info!("the log is back"),
            Health::Ready => {}
        }
        was_away = matches!(*health.borrow(), Health::Unavailable(_));
        let changed = health.changed();
        let closed = if was_away {
            tokio::time::timeout(WAITING_EVERY, changed).await.is_ok_and(|changed| changed.is_err())
        } else {
            changed.await.is_err()
        };
        if closed {
            return;
        }
    }
}
