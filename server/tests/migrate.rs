//! A node that has outgrown its machine, as its operator and its people see it: the binary and a real Kafka.

#[allow(dead_code, reason = "other tests stop and start brokers")]
#[path = "../../log/tests/kafka/broker.rs"]
mod broker;

#[path = "support/ready.rs"]
mod ready;

use reqwest::Client;
use serde_json::{Value, json};
use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::Duration,
};
use uuid::Uuid;

const PATIENCE: Duration = Duration::from_mins(1);
const PASSWORD: &str = "correct horse battery";

fn kafkatalk(words: &[&str], folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kafkatalk"));
    command.args(words).args(["--data", "data"]).env_clear().env("HOME", folder).current_dir(folder);
    command
}

fn run(words: &[&str], folder: &Path) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = kafkatalk(words, folder).output().unwrap();
    (status.code(), String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr))
}

/// A node, killed with the test.
struct Node {
    child: Child,
    address: String,
    client: Client,
}

impl Drop for Node {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Node {
    async fn start(words: &[&str], folder: &Path) -> Self {
        let quick = ["--listen", "127.0.0.1:0", "--hash-memory-kib", "8", "--hash-passes", "1"];
        let words: Vec<_> = ["serve"].iter().chain(&quick).chain(words).copied().collect();
        let mut child = kafkatalk(&words, folder).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let (_, address) = line.split_once("listens on ")?;
            Some(address.split('"').next()?.to_owned())
        });
        // What it says later must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        let node = Self { child, address: address.expect("it listens"), client: Client::new() };
        ready::until_ready_is(&node.client, &node.address, 200, PATIENCE).await;
        node
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }

    async fn post(&self, path: &str, token: &str, body: &Value) -> Value {
        let request = self.client.post(self.at(&format!("/api/v1{path}"))).bearer_auth(token).json(body);
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.text().await.unwrap());
        answer.json().await.unwrap()
    }

    async fn get(&self, path: &str, token: &str) -> Value {
        let request = self.client.get(self.at(&format!("/api/v1{path}"))).bearer_auth(token);
        request.send().await.unwrap().json().await.unwrap()
    }

    async fn sign(&self, path: &str, username: &str) -> String {
        let person = json!({"username": username, "password": PASSWORD});
        self.post(path, "", &person).await["token"].as_str().unwrap().to_owned()
    }

    async fn say(&self, conversation: &str, token: &str, body: &str) -> Value {
        let path = format!("/conversations/{conversation}/messages");
        self.post(&path, token, &json!({"id": Uuid::new_v4(), "body": body})).await
    }
}

#[tokio::test]
async fn people_find_everything_on_kafka_where_it_was_in_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let bootstrap = tokio::task::spawn_blocking(|| broker::shared().bootstrap.clone()).await.unwrap();
    let prefix = format!("migrate-{}", Uuid::new_v4().simple());
    let node = Node::start(&[], folder.path()).await;
    let (alice, _) = (node.sign("/users", "alice").await, node.sign("/users", "bob").await);
    let opened = node.post("/conversations", &alice, &json!({"members": ["bob"]})).await;
    let conversation = opened["id"].as_str().unwrap().to_owned();
    for number in 0..30 {
        node.say(&conversation, &alice, &format!("number {number}")).await;
    }
    let history = format!("/conversations/{conversation}/messages");
    let before = node.get(&history, &alice).await;

    let migrate = ["migrate", "--from", "embedded", "--to", "kafka"];
    let kafka = ["--kafka", &bootstrap, "--topic-prefix", &prefix];
    let words = [&migrate[..], &kafka].concat();
    let (code, said) = run(&words, folder.path());
    assert_eq!(code, Some(1), "a node runs on it: {said}");
    assert!(said.contains("another kafkatalk"), "{said}");
    drop(node);
    let (code, said) = run(&words, folder.path());
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains(" 0 were there before;"), "{said}");
    let (code, said) = run(&words, folder.path());
    assert_eq!(code, Some(0), "a second time there is nothing to do: {said}");
    assert!(said.contains("0 records and 0 erased places"), "{said}");

    // On the same folder, whose views are of the log before.
    let node = Node::start(&kafka, folder.path()).await;
    assert_eq!(node.get(&history, &alice).await, before, "the session and the history are as they were");
    let bob = node.sign("/sessions", "bob").await;
    let next = node.say(&conversation, &bob, "and on").await;
    assert_eq!(next["offset"], 30);
    let (code, said) = run(&words, folder.path());
    assert_eq!(code, Some(1));
    assert!(said.contains("nodes have been at work"), "{said}");
    looks_whole(&kafka, folder.path()).await;
}

/// As the tools see it, on the views of the node that runs.
async fn looks_whole(kafka: &[&str], folder: &Path) {
    let topics = [&["topics", "--json"], kafka].concat();
    let nothing_left = async {
        loop {
            let Output { status, stdout, .. } = kafkatalk(&topics, folder).output().unwrap();
            assert!(status.success());
            let told: Value = serde_json::from_slice(&stdout).unwrap();
            assert_eq!(told["conversations"]["records"], 31, "{told}");
            let ledgers = told["topics"].as_array().unwrap().iter().filter(|line| !line["lag"].is_null());
            let lags: Vec<_> = ledgers.chain([&told["conversations"]]).map(|line| &line["lag"]).collect();
            assert_eq!(lags.len(), 5, "{told}");
            if lags.iter().all(|lag| **lag == 0) {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, nothing_left).await.expect("the views take all");
    let (code, said) = run(&[&["verify"], kafka].concat(), folder);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("1 conversations, 31 records, 31 messages seen") && said.contains("whole"),
        "{said}"
    );
}
