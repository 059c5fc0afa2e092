//! A node on a real Kafka, in the process of the test.

#[path = "ready.rs"]
mod ready;

use kafkatalk_log::{
    EventLog as _, Health, Level,
    kafka::{KafkaLog, KafkaOptions},
};
use kafkatalk_server::{
    clock::Clock,
    features::presence::PresenceTimes,
    http::state::Settings,
    limits::HELLO_GRACE,
    secrets::HashCost,
    serve::{NodeOptions, serve},
    views::ViewsOptions,
};
use reqwest::{Client, Method, StatusCode};
use serde_json::Value;
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
pub(crate) const PASSWORD: &str = "correct horse battery";

/// A node in this process, on a real Kafka.
pub(crate) struct Node {
    address: SocketAddr,
    client: Client,
    pub(crate) log: Arc<KafkaLog>,
    shutdown: CancellationToken,
    served: JoinHandle<()>,
    pub(crate) folder: Arc<TempDir>,
}

impl Node {
    /// A node of a version that knows levels up to this one.
    pub(crate) async fn start(bootstrap: &str, prefix: &str, level: Level) -> Self {
        Self::start_on(Arc::new(tempfile::tempdir().unwrap()), bootstrap, prefix, level).await
    }

    /// The same in a folder that may hold views.
    pub(crate) async fn start_on(folder: Arc<TempDir>, bootstrap: &str, prefix: &str, level: Level) -> Self {
        let options = KafkaOptions { topic_prefix: prefix.into(), level, ..KafkaOptions::new(bootstrap) };
        let log = Arc::new(KafkaLog::connect(options).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let options = NodeOptions {
            views_file: folder.path().join("views.sqlite"),
            views: ViewsOptions::default(),
            socket_queue_frames: 256,
            sockets_per_user: 16,
            rate_limits: None,
            hash_cost: HashCost { memory_kib: 8, passes: 1, parallel_hashes: 4 },
            settings: Settings::default(),
            request_head_time: PATIENCE,
            hello_grace: HELLO_GRACE,
            shutdown_deadline: Duration::from_secs(5),
            presence: PresenceTimes::default(),
            clock: Clock::system(),
        };
        let (shutdown, served_log) = (CancellationToken::new(), Arc::clone(&log));
        let stop = shutdown.clone();
        let served = tokio::spawn(async move { serve(listener, served_log, options, stop).await.unwrap() });
        let node = Self { address, client: Client::new(), log, shutdown, served, folder };
        let mut health = node.log.health();
        timeout(PATIENCE, health.wait_for(|health| *health == Health::Ready)).await.unwrap().unwrap();
        // What is left are the views, which come to the log's end.
        ready::until_ready_is(&node.client, &format!("http://{address}"), 200, PATIENCE).await;
        node
    }

    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        token: &str,
        body: &Value,
    ) -> (StatusCode, Value) {
        let request = self.client.request(method, format!("http://{}{path}", self.address));
        let answer = request.bearer_auth(token).json(body).send().await.unwrap();
        (answer.status(), answer.json().await.unwrap_or_default())
    }

    pub(crate) async fn post(&self, path: &str, token: &str, body: &Value) -> Value {
        let (status, answer) = self.ask(Method::POST, &format!("/api/v1{path}"), token, body).await;
        assert!(status.is_success(), "{path}: {answer}");
        answer
    }

    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        self.served.await.unwrap();
    }
}
