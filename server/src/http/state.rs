//! What every handler shares.

use super::{assets::Assets, forwarded};
use crate::{
    config::PublicUrl,
    disk::WriteAheadLogs,
    kernel::{
        Kernel,
        follow::Watch,
        live::{Hub, socket::Node},
    },
    metrics::Metrics,
    rates::Rates,
};
use axum::{extract::FromRef, http::HeaderMap};
use kafkatalk_log::Health;
use leptos::config::LeptosOptions;
use std::sync::Arc;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

/// How this node faces the world.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Cookies are for https alone.
    pub secure_cookies: bool,
    /// A proxy in front sets `X-Forwarded-*`, and clients cannot.
    pub trust_proxy: bool,
    /// Where people reach the node, if that was told: then only pages from there are its own.
    pub public_url: Option<PublicUrl>,
}

/// Shared by all handlers; cheap to clone.
#[derive(Clone, Debug)]
pub struct State {
    /// Use cases and rates, as sockets need them.
    pub node: Arc<Node>,
    /// Who is connected.
    pub hub: Hub,
    /// Figures.
    pub metrics: Arc<Metrics>,
    /// How far the follower is.
    pub follower: Watch,
    /// Whether the log takes appends.
    pub log_health: watch::Receiver<Health>,
    /// Open sockets, to be waited for at shutdown.
    pub sockets: TaskTracker,
    /// What it keeps on the disk.
    pub wals: WriteAheadLogs,
    /// The front end.
    pub assets: Arc<Assets>,
    /// How this node faces the world.
    pub settings: Settings,
}

impl State {
    /// The use cases.
    pub fn kernel(&self) -> &Kernel {
        &self.node.kernel
    }

    /// Who may do how much.
    pub fn rates(&self) -> &Rates {
        &self.node.kernel.rates
    }

    /// Whether the browser speaks https to us, as far as we can tell.
    pub fn is_secure(&self, headers: &HeaderMap) -> bool {
        self.settings.secure_cookies || (self.settings.trust_proxy && forwarded::is_https(headers))
    }
}

/// What answers for the front end's files.
impl FromRef<State> for Arc<Assets> {
    fn from_ref(state: &State) -> Self {
        Self::clone(&state.assets)
    }
}

/// What leptos asks of a server's state. Nothing is read of it: the shell writes its own links to the front end.
impl FromRef<State> for LeptosOptions {
    fn from_ref(_: &State) -> Self {
        Self::builder().output_name("kafkatalk").build()
    }
}
