//! What outlives the death of a process. A test runs its own binary again as a child, and kills that.

use super::Harness;
use super::support::{WAIT_MAX, conversation, follow, next, read_all, say, text_of};
use kafkatalk_log::{Checkpoint, EventLog};
use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

/// Tells a child process where its log is.
const LOCATION: &str = "KAFKATALK_CONTRACT_LOCATION";
/// Tells a child process which one it is of those that a test runs.
const RUN: &str = "KAFKATALK_CONTRACT_RUN";
/// What begins a line of the child that names an acknowledged append: stream, offset, text.
const ACKNOWLEDGED: &str = "acknowledged ";
/// Writers in the child.
const WRITERS: u128 = 8;
/// Streams that they write to.
const STREAMS: u128 = 3;

/// A child process that dies with the test.
pub struct Doomed(pub Child);

/// Runs one ignored test of this binary in a process of its own, whose standard input and error are the test's.
pub fn spawn(test: &str, environment: &[(&str, String)]) -> Doomed {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([test, "--exact", "--ignored", "--nocapture"]);
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    Doomed(command.spawn().unwrap())
}

impl Drop for Doomed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The child: appends for ever, and says on its standard error what was acknowledged.
pub fn main<H: Harness>() {
    let (Ok(location), Ok(run)) = (std::env::var(LOCATION), std::env::var(RUN)) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let log = H::open_at(&location).await;
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| tokio::spawn(append_for_ever(Arc::clone(&log), run.clone(), writer)))
            .collect();
        for writer in writers {
            writer.await.unwrap();
        }
    });
}

async fn append_for_ever(log: Arc<dyn EventLog>, run: String, writer: u128) {
    for number in 0_u64.. {
        let (stream, text) = (writer % STREAMS, format!("{run}-{writer}-{number}"));
        let offset = say(&*log, conversation(stream), &text).await;
        if writeln!(std::io::stderr(), "{ACKNOWLEDGED}{stream} {offset} {text}").is_err() {
            return;
        }
    }
}

/// An append that the child had acknowledged.
struct Acknowledged {
    stream: u128,
    offset: u64,
    text: String,
}

fn parse(line: &str) -> Option<Acknowledged> {
    let mut words = line.strip_prefix(ACKNOWLEDGED)?.split(' ');
    let (stream, offset) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    Some(Acknowledged { stream, offset, text: words.next()?.to_owned() })
}

/// The child's lines. The last one may be cut off, and then it is none.
fn lines_of(stderr: ChildStderr) -> Receiver<Acknowledged> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut reader = BufReader::new(stderr);
        let mut line = String::new();
        while reader.read_line(&mut line).is_ok_and(|read| read > 0) {
            if line.ends_with('\n')
                && let Some(acknowledged) = parse(line.trim_end())
                && sender.send(acknowledged).is_err()
            {
                return;
            }
            line.clear();
        }
    });
    receiver
}

/// Lets a child append until so many are acknowledged and kills it; what it had acknowledged.
fn append_and_kill<H: Harness>(location: &str, run: usize, count: usize) -> Vec<Acknowledged> {
    let mut child = spawn(H::CHILD, &[(LOCATION, location.to_owned()), (RUN, run.to_string())]);
    let lines = lines_of(child.0.stderr.take().unwrap());
    let mut acknowledged = Vec::new();
    while acknowledged.len() < count {
        acknowledged.push(lines.recv_timeout(WAIT_MAX).expect("the child fell silent or died by itself"));
    }
    // SIGKILL: the process gets no chance to tidy up.
    child.0.kill().unwrap();
    child.0.wait().unwrap();
    acknowledged.extend(lines);
    acknowledged
}

pub async fn what_was_acknowledged_outlives_a_killed_process<H: Harness>(harness: H) {
    let mut acknowledged: HashMap<(u128, u64), String> = HashMap::new();
    for run in 0..H::SIZES.kills {
        let location = harness.location();
        let count = 10 + 37 * run;
        let news =
            tokio::task::spawn_blocking(move || append_and_kill::<H>(&location, run, count)).await.unwrap();
        for Acknowledged { stream, offset, text } in news {
            let before = acknowledged.insert((stream, offset), text);
            assert!(before.is_none(), "offset {offset} was acknowledged twice");
        }
        let log = harness.open().await;
        let mut seen = HashSet::new();
        for stream in 0..STREAMS {
            for (offset, entry) in (0_u64..).zip(read_all(&*log, conversation(stream)).await) {
                assert_eq!(entry.offset.0, offset, "a hole after a kill");
                let text = text_of(&entry.record);
                if let Some(expected) = acknowledged.get(&(stream, offset)) {
                    assert_eq!(&text, expected);
                }
                assert!(seen.insert(text.clone()), "{text} is there twice");
            }
        }
        let lost = acknowledged.values().find(|text| !seen.contains(*text));
        assert_eq!(lost, None, "acknowledged, but lost");
        log.close().await;
    }
}

pub async fn a_tail_continues_where_it_was_when_the_process_was_killed<H: Harness>(harness: H) {
    let log = harness.open().await;
    say(&*log, conversation(0), "before").await;
    let mut checkpoint = Checkpoint::new();
    follow(&mut *log.tail(Checkpoint::new()).await.unwrap(), &mut checkpoint, 1).await;
    log.close().await;

    let location = harness.location();
    let news = tokio::task::spawn_blocking(move || append_and_kill::<H>(&location, 0, 50)).await.unwrap();

    let log = harness.open().await;
    let mut tail = log.tail(checkpoint).await.unwrap();
    let mut expected: HashMap<_, _> = news
        .into_iter()
        .map(|Acknowledged { stream, offset, text }| ((conversation(stream), offset), text))
        .collect();
    let mut after = HashMap::from([(conversation(0), 1)]);
    while !expected.is_empty() {
        for entry in next(&mut *tail).await.entries {
            let due = after.entry(entry.stream).or_insert(0);
            assert_eq!(entry.offset.0, *due, "a gap or a repeat in {}", entry.stream);
            *due += 1;
            if let Some(text) = expected.remove(&(entry.stream, entry.offset.0)) {
                assert_eq!(text_of(&entry.record), text);
            }
        }
    }
}
