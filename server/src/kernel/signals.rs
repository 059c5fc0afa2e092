//! Signals: what may be lost, such as that somebody is typing. They are in no record and no view.
//!
//! A feature publishes signals of its kind on any node. Every node hears them, and the feature's part decides what becomes
//! of them there: mostly frames for the lossy lanes of sockets ([`super::live::lane`]), which get them only if their
//! device asked for signals. Nothing here waits for the log or is waited for by a message. The kernel knows no kind by
//! name.

use super::{
    Kernel,
    live::{Hub, lane::OutgoingSignal},
};
use futures_util::future::BoxFuture;
use kafkatalk_log::Signal;
use kafkatalk_protocol::{ConversationId, UserId};
use serde::Serialize;
use std::{future::ready, sync::Arc};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

/// What a feature does with signals.
pub trait Part: Send + Sync + 'static {
    /// The kind of its signals.
    fn kind(&self) -> &'static str;

    /// Such a signal was heard, of this node or of another. Signals wait for it, nothing else does.
    fn heard<'a>(&'a self, signals: &'a Signals, signal: &'a Signal) -> BoxFuture<'a, ()>;

    /// Devices of this person are to be told how things stand: one has connected, or has missed signals.
    fn greet<'a>(&'a self, _signals: &'a Signals, _user: UserId) -> BoxFuture<'a, ()> {
        Box::pin(ready(()))
    }

    /// What it does by itself until the shutdown.
    fn run(self: Arc<Self>, _signals: Signals, _shutdown: CancellationToken) -> BoxFuture<'static, ()> {
        Box::pin(ready(()))
    }
}

/// The lane from publishers to sockets. Clones share it.
#[derive(Clone)]
pub struct Signals {
    /// The use cases.
    pub(crate) kernel: Kernel,
    /// Who is connected.
    pub(crate) hub: Hub,
    parts: Arc<[Arc<dyn Part>]>,
}

impl std::fmt::Debug for Signals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.parts.iter().map(|part| part.kind())).finish()
    }
}

impl Signals {
    /// With the parts of these features. Each kind belongs to one of them.
    pub fn new(kernel: Kernel, hub: Hub, parts: Vec<Arc<dyn Part>>) -> Self {
        Self { kernel, hub, parts: parts.into() }
    }

    /// Publishes a signal to all nodes, this one included. Never waits; what does not fit is dropped.
    pub fn publish(
        &self,
        kind: &'static str,
        conversation: Option<ConversationId>,
        user: UserId,
        payload: &impl Serialize,
    ) {
        // Payloads are structs of ids, times and flags, which are all writable as JSON.
        let Ok(payload) = serde_json::value::to_raw_value(payload) else { return };
        let at = self.kernel.clock().now();
        self.kernel.metrics.signal_published();
        let node = Uuid::nil();
        self.kernel.log.publish(Signal { kind: kind.into(), conversation, user, at, payload, node });
    }

    /// Puts a signal into the lanes of these people's sockets on this node.
    pub fn send(&self, people: impl IntoIterator<Item = UserId>, signal: &OutgoingSignal) {
        self.hub.signal(people, signal);
    }

    /// Starts handing signals on, until the shutdown.
    pub fn start(&self, tasks: &TaskTracker, shutdown: &CancellationToken) {
        tasks.spawn(shutdown.clone().run_until_cancelled_owned(self.clone().listen()));
        tasks.spawn(shutdown.clone().run_until_cancelled_owned(self.clone().greet()));
        for part in self.parts.iter() {
            tasks.spawn(Arc::clone(part).run(self.clone(), shutdown.clone()));
        }
    }

    async fn listen(self) {
        let mut subscription = self.kernel.log.subscribe();
        let mut lost = 0;
        while let Some(signal) = subscription.next().await {
            self.kernel.metrics.signal_heard(subscription.lost() - lost);
            lost = subscription.lost();
            // A kind that this version does not know is skipped.
            if let Some(part) = self.parts.iter().find(|part| *part.kind() == *signal.kind) {
                part.heard(&self, &signal).await;
            }
        }
    }

    async fn greet(self) {
        loop {
            for user in self.hub.greetings.next().await {
                if !self.hub.takes_signals(user) {
                    continue;
                }
                for part in self.parts.iter() {
                    part.greet(&self, user).await;
                }
            }
        }
    }
}
