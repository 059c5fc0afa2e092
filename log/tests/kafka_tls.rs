//! Brokers that are reached by TLS, and whom a node trusts then. With the feature `kafka-tls`, which compiles OpenSSL.

#[path = "kafka/broker.rs"]
#[allow(dead_code, reason = "the other tests on brokers need more of it")]
mod broker;

use broker::Brokers;
use kafkatalk_log::{
    EventLog, Health,
    kafka::{KafkaLog, KafkaOptions},
};
use std::{
    io::Write as _,
    path::PathBuf,
    process::{Command, Output},
    sync::OnceLock,
    time::Duration,
};
use tokio::time::timeout;

/// Longest that a log may take to become ready, or to say why it is not.
const WAIT_MAX: Duration = Duration::from_mins(1);
/// Names the brokers to a process that is to connect to them.
const BROKERS: &str = "KAFKATALK_TEST_TLS_BROKERS";
/// The test that such a process runs.
const CHILD: &str = "child_that_trusts_the_system";

/// A broker that takes clients by TLS.
fn broker() -> &'static Brokers {
    static BROKER: OnceLock<Brokers> = OnceLock::new();
    BROKER.get_or_init(|| broker::start_with(1, &[("KAFKA_TLS", "1")]))
}

fn folder() -> PathBuf {
    broker().folder.clone().expect("brokers of this test's own")
}

fn addresses() -> String {
    std::fs::read_to_string(folder().join("tls")).unwrap().trim().to_owned()
}

fn connect(addresses: &str, prefix: &str, properties: &[(&str, &str)]) -> KafkaLog {
    let properties = properties.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let options = KafkaOptions {
        topic_prefix: prefix.into(),
        properties: properties.collect(),
        ..KafkaOptions::new(addresses)
    };
    KafkaLog::connect(options).unwrap()
}

async fn until(log: &KafkaLog, is_so: impl FnMut(&Health) -> bool) {
    let reached = timeout(WAIT_MAX, log.health().wait_for(is_so)).await.is_ok();
    assert!(reached, "{:?}", log.health().borrow());
}

async fn is_ready(log: &KafkaLog) {
    until(log, |health| *health == Health::Ready).await;
}

/// Waits until a log says why it is not ready, in words that have these in them.
async fn says(log: &KafkaLog, words: &[&str]) {
    let told = |health: &Health| match health {
        Health::Ready => panic!("it is ready"),
        Health::Unavailable(why) => words.iter().all(|word| why.contains(word)),
    };
    until(log, told).await;
}

/// Not a test of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run by others, in a process whose system trusts an authority of theirs"]
async fn child_that_trusts_the_system() {
    let Ok(addresses) = std::env::var(BROKERS) else { return };
    is_ready(&connect(&addresses, "trusting", &[("security.protocol", "ssl")])).await;
}

/// Runs the child by a command to which it is appended.
fn run_child(command: &mut Command) -> Output {
    let child =
        command.arg(std::env::current_exe().unwrap()).args([CHILD, "--exact", "--ignored", "--nocapture"]);
    let output = child.env(BROKERS, addresses()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("1 passed"), "{said}");
    output
}

#[test]
fn authorities_that_the_environment_names_are_trusted() {
    run_child(Command::new("env").arg(format!("SSL_CERT_FILE={}", folder().join("ca.pem").display())));
}

#[test]
fn the_systems_authorities_are_trusted_where_nobody_says_whom_to_trust() {
    let authorities = "/etc/ssl/certs";
    let shell =
        format!("mount -t tmpfs none {authorities} && cp \"$0\" {authorities}/ca-bundle.crt && exec \"$@\"");
    let mut unshare = Command::new("unshare");
    unshare
        .env_remove("SSL_CERT_FILE")
        .env_remove("SSL_CERT_DIR")
        .args(["-Urm", "sh", "-c", &shell])
        .arg(folder().join("ca.pem"));
    let mut try_it = Command::new("unshare");
    try_it.args(["-Urm", "mount", "-t", "tmpfs", "none", authorities]);
    if !try_it.output().is_ok_and(|tried| tried.status.success()) {
        let why = "does not work here";
        let _ =
            writeln!(std::io::stderr(), "left out: `unshare -Urm mount -t tmpfs none {authorities}` {why}");
        return;
    }
    run_child(&mut unshare);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_not_trusted_is_told_with_the_property_that_says_whom_to_trust() {
    let addresses = tokio::task::spawn_blocking(addresses).await.unwrap();
    // Nobody of the system's authorities knows that broker.
    let log = connect(&addresses, "stranger", &[("security.protocol", "ssl")]);
    says(&log, &[&addresses, "certificate verify failed", "ssl.ca.location"]).await;
    let authority = folder().join("ca.pem");
    let trusting = [("security.protocol", "ssl"), ("ssl.ca.location", authority.to_str().unwrap())];
    is_ready(&connect(&addresses, "trusted", &trusting)).await;
}
