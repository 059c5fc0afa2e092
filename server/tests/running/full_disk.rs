//! Disks on which nothing more fits, and what becomes of what people write meanwhile.

use super::{
    Node,
    mounts::{self, Disk},
    until,
};
use rusqlite::Connection;
use rustix::process::Signal;
use serde_json::{Value, json};
use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    os::unix::fs::symlink,
    path::Path,
    process::Command,
};
use uuid::Uuid;

/// Hashes that take no time, and nobody who writes too much.
const FLAGS: &[&str] = &["--hash-memory-kib", "8", "--hash-passes", "1", "--no-rate-limits"];
/// About a page of text.
const BODY_CHARS: usize = 3_000;

/// Two people on a node, and what they wrote.
struct Chat {
    token: String,
    conversation: String,
    /// Messages by their ids: those that were acknowledged, and those that were not.
    kept: Vec<(Uuid, String)>,
    refused: Vec<(Uuid, String)>,
}

fn call(node: &Node, method: &str, path: &str, token: &str, body: &Value) -> (u16, Value) {
    let mut stream = TcpStream::connect(&node.address).unwrap();
    let body = body.to_string();
    let length = body.len();
    let head = format!(
        "{method} /api/v1{path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\nauthorization: Bearer {token}"
    );
    // At once: a node that refuses without reading on resets the connection if more comes.
    let request =
        format!("{head}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("a whole answer");
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap_or_default())
}

impl Chat {
    fn begin(node: &Node) -> Self {
        let register = |name: &str| {
            let person = json!({"username": name, "password": "correct horse battery"});
            call(node, "POST", "/users", "", &person).1["token"].as_str().expect("registered").to_owned()
        };
        let token = register("alice");
        register("bob");
        let (_, opened) = call(node, "POST", "/conversations", &token, &json!({"members": ["bob"]}));
        let conversation = opened["id"].as_str().expect("opened").to_owned();
        Self { token, conversation, kept: Vec::new(), refused: Vec::new() }
    }

    fn send(&self, node: &Node, id: Uuid, body: &str) -> u16 {
        let path = format!("/conversations/{}/messages", self.conversation);
        call(node, "POST", &path, &self.token, &json!({"id": id, "body": body})).0
    }

    /// Writes one more message, and whether it was acknowledged.
    fn say(&mut self, node: &Node) -> bool {
        let number = self.kept.len() + self.refused.len();
        let (id, body) = (Uuid::new_v4(), format!("number{number} {}", "x".repeat(BODY_CHARS)));
        match self.send(node, id, &body) {
            201 => self.kept.push((id, body)),
            503 => self.refused.push((id, body)),
            other => panic!("{other}"),
        }
        self.refused.last().is_none_or(|refused| refused.0 != id)
    }

    fn say_some(&mut self, node: &Node, count: usize) {
        for _ in 0..count {
            assert!(self.say(node));
        }
    }

    fn say_until_refused(&mut self, node: &Node) {
        until("the disk is full", || !self.say(node));
    }

    fn say_until_kept(&mut self, node: &Node) {
        until("there is room again", || self.say(node));
    }

    /// All messages, the oldest first.
    fn read(&self, node: &Node) -> Vec<String> {
        let (mut all, mut after) = (Vec::new(), json!(-1));
        while !after.is_null() {
            let path = format!("/conversations/{}/messages?limit=200&after={after}", self.conversation);
            let (status, page) = call(node, "GET", &path, &self.token, &Value::Null);
            assert_eq!(status, 200, "{page}");
            all.extend(
                page["messages"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|one| one["body"].as_str().unwrap().to_owned()),
            );
            after = page["next"].clone();
        }
        all
    }

    /// What was acknowledged is there once, and what was not is so once it is sent again under its id.
    fn all_is_there_once(&mut self, node: &Node) {
        let there = self.read(node);
        assert!(self.kept.iter().all(|(_, body)| there.contains(body)), "an acknowledged message is lost");
        for (id, body) in std::mem::take(&mut self.refused) {
            assert!(matches!(self.send(node, id, &body), 200 | 201));
            self.kept.push((id, body));
        }
        let mut there = self.read(node);
        let mut kept: Vec<_> = self.kept.iter().map(|(_, body)| body.clone()).collect();
        there.sort();
        kept.sort();
        assert_eq!(there, kept);
    }

    /// The same on another node that starts there.
    fn is_whole_after_a_start(&mut self, disk: &Disk) {
        let node = started(disk);
        self.all_is_there_once(&node);
        stop(node);
    }

    /// How many messages a search for that word finds; none where the node cannot search now.
    fn found(&self, node: &Node, word: &str) -> Option<usize> {
        let (status, found) = call(node, "GET", &format!("/search?q={word}"), &self.token, &Value::Null);
        (status == 200).then(|| found["hits"].as_array().unwrap().len())
    }
}

/// The size of a write-ahead log, by the metrics.
fn wal_bytes(node: &Node, of: &str) -> u64 {
    let figures = node.get("/metrics");
    let name = format!("kafkatalk_wal_bytes{{file=\"{of}\"}} ");
    figures.lines().find_map(|line| line.strip_prefix(&name)).unwrap().trim().parse().unwrap()
}

/// A node on a disk, once it is ready.
fn started(disk: &Disk) -> Node {
    let node = Node::start(disk.path(), FLAGS);
    node.until_ready();
    node
}

fn stop(mut node: Node) {
    node.tell(Signal::TERM);
    node.until_says("\"stopped\"");
    assert!(node.ended().0.success());
}

/// What a node says that cannot start.
fn refuses_to_start(folder: &Path) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_kafkatalk"))
        .args(["serve", "--listen", "127.0.0.1:0", "--data", "data"])
        .args(FLAGS)
        .env_clear()
        .current_dir(folder)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_node_on_a_disk_that_was_full_writes_again_though_somebody_reads_its_log() {
    mounts::run("full_disk::child_with_a_reader");
}

/// Not a test of its own.
#[test]
#[ignore = "run by another test, in a process that may mount"]
fn child_with_a_reader() {
    let Some(disk) = Disk::mount("size=24m") else { return };
    let node = started(&disk);
    let mut chat = Chat::begin(&node);
    chat.say_some(&node, 20);
    let reader = Connection::open(disk.path().join("data/log.sqlite3")).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM records").unwrap();
    chat.say_some(&node, 20);
    let before = wal_bytes(&node, "log");
    disk.fill();
    chat.say_until_refused(&node);
    until("it says what is full", || {
        let ready = node.get("/readyz");
        ready.starts_with("HTTP/1.1 503")
            && ready.contains("cannot write to data")
            && ready.contains("No space left")
    });
    disk.free();
    chat.say_until_kept(&node);
    chat.say_some(&node, 200);
    let after = wal_bytes(&node, "log");
    assert!(after > before + 200 * BODY_CHARS as u64, "{before} bytes, then {after}");
    node.until_ready();
    chat.all_is_there_once(&node);
    drop(reader);
    stop(node);
    chat.is_whole_after_a_start(&disk);
}

#[test]
fn a_search_index_on_a_full_disk_holds_up_no_message_and_is_filled_once_there_is_room() {
    mounts::run("full_disk::child_with_its_index_elsewhere");
}

/// Not a test of its own.
#[test]
#[ignore = "run by another test, in a process that may mount"]
fn child_with_its_index_elsewhere() {
    let Some(disk) = Disk::mount("size=64m") else { return };
    let small = disk.mount_in("small", "size=2m");
    std::fs::create_dir(disk.path().join("data")).unwrap();
    symlink(small.path().join("index"), disk.path().join("data/views.sqlite.search")).unwrap();
    let node = started(&disk);
    let mut chat = Chat::begin(&node);
    chat.say_some(&node, 20);
    until("it is found", || chat.found(&node, "number19") == Some(1));
    small.fill();
    chat.say_some(&node, 100);
    small.free();
    until("it is found", || chat.found(&node, "number119") == Some(1));
    chat.all_is_there_once(&node);
    stop(node);
}

#[test]
fn a_disk_without_room_for_another_file_is_named_at_the_start_and_none_is_needed_later() {
    mounts::run("full_disk::child_without_names");
}

/// Not a test of its own.
#[test]
#[ignore = "run by another test, in a process that may mount"]
fn child_without_names() {
    let Some(disk) = Disk::mount("size=64m,nr_inodes=100") else { return };
    let node = started(&disk);
    let mut chat = Chat::begin(&node);
    disk.fill_names();
    chat.say_some(&node, 100);
    stop(node);
    // What the node had removed at its end made room.
    disk.free();
    disk.fill_names();
    let words = refuses_to_start(disk.path());
    assert!(words.contains("data folder data") && words.contains("remove some files"), "{words}");
    disk.free();
    chat.is_whole_after_a_start(&disk);
}

#[test]
fn a_node_does_not_start_on_a_disk_that_is_full_or_may_only_be_read_and_says_so() {
    mounts::run("full_disk::child_that_does_not_start");
}

/// Not a test of its own.
#[test]
#[ignore = "run by another test, in a process that may mount"]
fn child_that_does_not_start() {
    let Some(disk) = Disk::mount("size=16m") else { return };
    let node = started(&disk);
    let mut chat = Chat::begin(&node);
    chat.say_some(&node, 20);
    stop(node);
    disk.fill();
    let words = refuses_to_start(disk.path());
    assert!(words.contains("data folder data") && words.contains("free some space"), "{words}");
    disk.free();
    disk.remount("ro");
    let words = refuses_to_start(disk.path());
    assert!(words.contains("data folder data") && words.contains("read-only"), "{words}");
    disk.remount("rw");
    chat.is_whole_after_a_start(&disk);
}

#[test]
fn a_node_that_cannot_write_down_what_it_says_goes_on() {
    mounts::run("full_disk::child_that_writes_down_what_it_says");
}

/// Not a test of its own.
#[test]
#[ignore = "run by another test, in a process that may mount"]
fn child_that_writes_down_what_it_says() {
    let Some(disk) = Disk::mount("size=24m") else { return };
    let node =
        Node::start_by("exec 3>&2 2>>said; (tail -n +1 -f said >&3 &); exec 3>&-; exec", disk.path(), FLAGS);
    node.until_ready();
    let mut chat = Chat::begin(&node);
    chat.say_some(&node, 20);
    disk.fill();
    chat.say_until_refused(&node);
    until("it says that it is full", || node.get("/readyz").starts_with("HTTP/1.1 503"));
    disk.free();
    chat.say_until_kept(&node);
    chat.all_is_there_once(&node);
    assert!(node.get("/healthz").starts_with("HTTP/1.1 200"));
}
