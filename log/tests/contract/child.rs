//! What outlives the death of a process. A test runs its own binary again as a child, and kills that.

use super::Harness;
use super::support::{conversation, read_all, say, texts};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

/// Tells a child process where its log is.
const LOCATION: &str = "KAFKATALK_CONTRACT_LOCATION";
/// What begins a line of the child that names an acknowledged append.
const ACKNOWLEDGED: &str = "acknowledged ";

/// A child process that dies with the test.
struct Doomed(Child);

impl Drop for Doomed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The child: appends for ever, and says on its standard error what was acknowledged.
pub fn main<H: Harness>() {
    let Ok(location) = std::env::var(LOCATION) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let log = H::open_at(&location).await;
        let mut said = std::io::stderr();
        for number in 0_u64.. {
            let offset = say(&*log, conversation(1), &number.to_string()).await;
            if writeln!(said, "{ACKNOWLEDGED}{offset}").is_err() {
                return;
            }
        }
    });
}

fn spawn(location: &str) -> Doomed {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["child_process", "--exact", "--ignored", "--nocapture"]);
    command.env(LOCATION, location).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    Doomed(command.spawn().unwrap())
}

/// Lets a child append so many records and kills it; the last offset that it had acknowledged.
fn append_and_kill(location: &str, count: u64) -> u64 {
    let mut child = spawn(location);
    let mut lines = BufReader::new(child.0.stderr.take().unwrap()).lines();
    let mut next = || {
        let line = lines.next()?.unwrap();
        line.strip_prefix(ACKNOWLEDGED).and_then(|offset| offset.parse().ok()).or(Some(u64::MAX))
    };
    let mut last = 0;
    let mut seen = 0;
    while seen < count {
        let offset = next().expect("the child died by itself");
        if offset != u64::MAX {
            (last, seen) = (offset, seen + 1);
        }
    }
    child.0.kill().unwrap();
    child.0.wait().unwrap();
    while let Some(offset) = next() {
        if offset != u64::MAX {
            last = offset;
        }
    }
    last
}

pub async fn what_was_acknowledged_outlives_a_killed_process<H: Harness>(harness: H) {
    let mut expected = Vec::new();
    for _ in 0..3 {
        let location = harness.location();
        let last = tokio::task::spawn_blocking(move || append_and_kill(&location, 20)).await.unwrap();
        let log = harness.open().await;
        let kept = texts(&read_all(&*log, conversation(1)).await);
        assert!(kept.len() as u64 > last, "{} kept, {last} acknowledged", kept.len());
        assert_eq!(kept[..expected.len()], expected[..]);
        let own: Vec<_> = (0..kept.len() - expected.len()).map(|number| number.to_string()).collect();
        assert_eq!(kept[expected.len()..], own);
        expected = kept;
        log.close().await;
    }
}
