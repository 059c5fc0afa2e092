//! Nodes of two versions on one Kafka, as people see them: what an old node does not know is refused until it has left.

#[allow(dead_code, reason = "other tests stop and start brokers")]
#[path = "../../log/tests/kafka/broker.rs"]
mod broker;

use kafkatalk_log::{
    EventLog as _, FEATURE_LEVEL, Level,
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
use serde_json::{Value, json};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tempfile::TempDir;
use tokio::{
    net::TcpListener,
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const PATIENCE: Duration = Duration::from_mins(1);
const PASSWORD: &str = "correct horse battery";

struct Node {
    address: SocketAddr,
    client: Client,
    log: Arc<KafkaLog>,
    shutdown: CancellationToken,
    served: JoinHandle<()>,
    _folder: TempDir,
}

impl Node {
    /// A node of a version that knows levels up to this one.
    async fn start(bootstrap: &str, prefix: &str, level: Level) -> Self {
        let folder = tempfile::tempdir().unwrap();
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
        let node = Self { address, client: Client::new(), log, shutdown, served, _folder: folder };
        let ready = async {
            while node.ask(Method::GET, "/readyz", "", &Value::Null).await.0 != StatusCode::OK {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(PATIENCE, ready).await.expect("it is ready");
        node
    }

    async fn ask(&self, method: Method, path: &str, token: &str, body: &Value) -> (StatusCode, Value) {
        let request = self.client.request(method, format!("http://{}{path}", self.address));
        let answer = request.bearer_auth(token).json(body).send().await.unwrap();
        (answer.status(), answer.json().await.unwrap_or_default())
    }

    async fn post(&self, path: &str, token: &str, body: &Value) -> Value {
        let (status, answer) = self.ask(Method::POST, &format!("/api/v1{path}"), token, body).await;
        assert!(status.is_success(), "{path}: {answer}");
        answer
    }

    async fn stop(self) {
        self.shutdown.cancel();
        self.served.await.unwrap();
    }
}

#[tokio::test]
async fn a_change_is_refused_while_an_old_node_is_there_and_done_once_it_has_left() {
    let bootstrap = tokio::task::spawn_blocking(|| broker::shared().bootstrap.clone()).await.unwrap();
    let prefix = format!("level-{}", Uuid::new_v4().simple());
    let old = Node::start(&bootstrap, &prefix, Level(0)).await;
    let new = Node::start(&bootstrap, &prefix, FEATURE_LEVEL).await;
    let person = |name: &str| json!({"username": name, "password": PASSWORD});
    let alice = new.post("/users", "", &person("alice")).await["token"].as_str().unwrap().to_owned();
    new.post("/users", "", &person("bob")).await;
    let opened = new.post("/conversations", &alice, &json!({"members": ["bob"]})).await;
    let history = format!("/conversations/{}/messages", opened["id"].as_str().unwrap());
    let said = new.post(&history, &alice, &json!({"id": Uuid::new_v4(), "body": "hullo"})).await;
    let message = format!("/api/v1{history}/{}", said["offset"]);
    let edit = json!({"id": Uuid::new_v4(), "body": "hello"});
    for (method, path, body) in [
        (Method::PATCH, message.clone(), &edit),
        (Method::DELETE, message.clone(), &Value::Null),
        (Method::PUT, format!("{message}/reactions/\u{1f44d}"), &Value::Null),
    ] {
        let (status, answer) = new.ask(method.clone(), &path, &alice, body).await;
        assert_eq!(
            (status, &answer["code"]),
            (StatusCode::CONFLICT, &json!("conflict")),
            "{method} {answer}"
        );
        let detail = answer["detail"].as_str().unwrap();
        assert!(detail.contains("once all servers run the same version"), "{detail}");
    }
    // What both versions know goes on beside it.
    new.post(&history, &alice, &json!({"id": Uuid::new_v4(), "body": "good morning"})).await;

    old.stop().await;
    let mut level = new.log.level();
    timeout(PATIENCE, level.wait_for(|level| *level == FEATURE_LEVEL)).await.expect("it rises").unwrap();
    let (status, edited) = new.ask(Method::PATCH, &message, &alice, &edit).await;
    assert_eq!((status, &edited["body"]), (StatusCode::OK, &json!("hello")), "{edited}");
    new.stop().await;
}
