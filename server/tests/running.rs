//! A node as a process: signals, limits, folders.
#![cfg(unix)]

#[cfg(target_os = "linux")]
#[path = "running/full_disk.rs"]
mod full_disk;
#[cfg(target_os = "linux")]
#[path = "running/mounts.rs"]
mod mounts;

use rustix::process::{Pid, Signal, kill_process};
use std::{
    io::{BufRead, BufReader, Lines, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, ChildStderr, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

/// Longest that anything here may take; far more than it does.
const PATIENCE: Duration = Duration::from_mins(1);
/// How often a test looks at a process.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// More of the kernel's ticks than an idle node uses: it hashes.
#[cfg(target_os = "linux")]
const TICKS_OF_WORK: u64 = 20;

struct Node {
    child: Child,
    lines: Option<Lines<BufReader<ChildStderr>>>,
    address: String,
    /// What it logged before it listened.
    began: String,
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts what follows so that it hears when its terminal is closed, even if these tests are to outlive theirs.
const IN_A_TERMINAL: &str =
    if cfg!(target_os = "linux") { "exec /usr/bin/env --default-signal=HUP" } else { "exec" };

impl Node {
    /// Starts one with these flags, by a line of shell that ends where the program follows.
    fn start_by(shell: &str, folder: &Path, flags: &[&str]) -> Self {
        let program = env!("CARGO_BIN_EXE_kafkatalk");
        let mut child = Command::new("sh")
            .args(["-c", &format!("{shell} \"$0\" \"$@\""), program])
            .args(["serve", "--listen", "127.0.0.1:0", "--data", "data", "--log-format", "json"])
            .args(flags)
            .env_clear()
            .env("HOME", folder)
            .current_dir(folder)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut began = String::new();
        let address = loop {
            let line = lines.next().expect("it listens").unwrap();
            began += &line;
            if let Some((_, address)) = line.split_once("listens on http://") {
                break address.split('"').next().unwrap().to_owned();
            }
        };
        Self { child, lines: Some(lines), address, began }
    }

    fn start(folder: &Path, flags: &[&str]) -> Self {
        Self::start_by(IN_A_TERMINAL, folder, flags)
    }

    /// The answer to a request without a body.
    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn until_ready(&self) {
        until("it is ready", || self.get("/readyz").starts_with("HTTP/1.1 200"));
    }

    /// A request whose body does not end.
    fn ask_for_ever(&self) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let head = "POST /api/v1/users HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 9\r\n";
        write!(stream, "{head}expect: 100-continue\r\n\r\n").unwrap();
        // It has read the head, and waits for the body.
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 100");
        stream
    }

    fn tell(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// The processor time that it has used, in ticks of the kernel.
    #[cfg(target_os = "linux")]
    fn ticks(&self) -> u64 {
        self.stat()[11].parse().unwrap()
    }

    /// What the kernel tells of it, from its state on.
    #[cfg(target_os = "linux")]
    fn stat(&self) -> Vec<String> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        stat.rsplit(')').next().unwrap().split_whitespace().map(str::to_owned).collect()
    }

    /// Waits until it has ended; the processor time that it had used by then. Before anybody asks how it ended.
    #[cfg(target_os = "linux")]
    fn ticks_at_its_end(&self) -> u64 {
        until("it ends", || self.stat()[0] == "Z");
        self.ticks()
    }

    /// Waits for a line that holds these words.
    fn until_says(&mut self, words: &str) {
        let lines = self.lines.as_mut().unwrap();
        assert!(lines.any(|line| line.unwrap().contains(words)), "it never says {words:?}");
    }

    fn ended(&mut self) -> (ExitStatus, Duration) {
        let begun = Instant::now();
        let mut status = None;
        until("it ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        (status.unwrap(), begun.elapsed())
    }
}

/// Waits until something is so of a process, which nobody is told.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "not in time: {what}");
        std::thread::sleep(LOOK_EVERY);
    }
}

#[test]
fn each_signal_stops_in_order_even_if_nobody_reads_what_the_node_says() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let folder = tempfile::tempdir().unwrap();
        let mut node = Node::start(folder.path(), &[]);
        node.until_ready();
        node.tell(signal);
        node.until_says("\"stopped\"");
        assert!(node.ended().0.success(), "{signal:?}");
    }
    let folder = tempfile::tempdir().unwrap();
    let mut node = Node::start(folder.path(), &[]);
    node.until_ready();
    // As when a terminal is closed.
    node.lines = None;
    node.tell(Signal::HUP);
    let (status, _) = node.ended();
    assert!(status.success(), "{status:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_node_that_is_to_outlive_its_terminal_does_not_listen_when_it_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    // As `nohup` does.
    let mut node = Node::start_by("trap '' HUP; exec", folder.path(), &[]);
    node.until_ready();
    let status = std::fs::read_to_string(format!("/proc/{}/status", node.child.id())).unwrap();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
    assert_eq!(u64::from_str_radix(ignored.trim(), 16).unwrap() & 1, 1, "{ignored}");
    node.tell(Signal::HUP);
    assert!(node.get("/readyz").starts_with("HTTP/1.1 200"));
    node.tell(Signal::TERM);
    node.until_says("\"stopped\"");
    assert!(node.ended().0.success());
}

#[test]
fn a_second_signal_ends_the_node_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Node::start(folder.path(), &["--shutdown-seconds", "600"]);
    node.until_ready();
    let _request = node.ask_for_ever();
    node.tell(Signal::TERM);
    node.until_says("stopping; clients are told");
    node.tell(Signal::TERM);
    assert_eq!(node.ended().0.code(), Some(130));
}

#[test]
fn requests_that_do_not_end_are_cut_off_within_the_time_for_shutdown() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Node::start(folder.path(), &["--shutdown-seconds", "2"]);
    node.until_ready();
    let _request = node.ask_for_ever();
    node.tell(Signal::TERM);
    let (status, took) = node.ended();
    assert!(status.success() && took < Duration::from_secs(10), "{status:?} after {took:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn work_that_blocks_a_thread_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    // One hash is made at the start, and takes as much as each other.
    let costly = ["--hash-memory-kib", "65536", "--hash-passes", "50", "--shutdown-seconds", "1"];
    let node = Node::start(folder.path(), &costly);
    node.until_ready();
    let body = r#"{"username": "alice", "password": "correct horse"}"#;
    let mut stream = TcpStream::connect(&node.address).unwrap();
    let length = body.len();
    write!(stream, "POST /api/v1/users HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}")
        .unwrap();
    let idle = node.ticks();
    until("it works", || node.ticks() >= idle + TICKS_OF_WORK);
    node.tell(Signal::TERM);
    let used = node.ticks_at_its_end() - idle;
    // In the processor's time, so that it does not matter what else the machine does: what it used before is a hash and the
    // little that a start takes.
    assert!(
        used < idle * 3 / 4,
        "a hash takes up to {idle} ticks, and the node has used {used} for one and its end"
    );
}

#[test]
fn the_limit_of_open_files_is_raised_and_many_can_connect() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Node::start_by("ulimit -Hn 2000; ulimit -Sn 64; exec", folder.path(), &[]);
    assert!(node.began.contains("\"now\":2000"), "{}", node.began);
    node.until_ready();
    let connections: Vec<_> = (0..200).map(|_| TcpStream::connect(&node.address).unwrap()).collect();
    assert!(node.get("/readyz").starts_with("HTTP/1.1 200"));
    drop(connections);
    node.tell(Signal::TERM);
    assert!(node.ended().0.success());
}

#[test]
fn a_proxy_that_does_not_pass_the_upgrade_is_named_once_a_minute() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Node::start(folder.path(), &[]);
    node.until_ready();
    for _ in 0..5 {
        let mut stream = TcpStream::connect(&node.address).unwrap();
        // As nginx sends it that was not told to pass the upgrade.
        let head = "GET /api/v1/ws HTTP/1.0\r\nhost: a\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
        write!(stream, "{head}\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.0 426"), "{answer}");
    }
    node.tell(Signal::TERM);
    let lines = node.lines.take().unwrap().map(Result::unwrap);
    assert_eq!(lines.filter(|line| line.contains("does not pass the WebSocket's upgrade")).count(), 1);
}

#[test]
fn an_idle_connection_is_kept_for_as_long_as_the_setting_says() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path(), &["--keep-alive-seconds", "1"]);
    let mut stream = TcpStream::connect(&node.address).unwrap();
    let begun = Instant::now();
    write!(stream, "GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let kept = begun.elapsed();
    assert!(answer.contains("alive") && (1..60).contains(&kept.as_secs()), "{kept:?}: {answer}");
}

#[test]
fn a_data_folder_that_cannot_be_written_to_is_named_with_who_tries() {
    // Nobody may make files there, not even root.
    let Some(folder) = ["/proc/sys/kernel", "/sys/kernel"].into_iter().find(|path| Path::new(path).is_dir())
    else {
        return;
    };
    for kafka in [&["--kafka", "127.0.0.1:9"][..], &[]] {
        let output = Command::new(env!("CARGO_BIN_EXE_kafkatalk"))
            .args(["serve", "--listen", "127.0.0.1:0", "--data", folder])
            .args(kafka)
            .env_clear()
            .output()
            .unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{words}");
        assert!(words.contains(folder) && words.contains("user id") && words.contains("--data"), "{words}");
    }
}
