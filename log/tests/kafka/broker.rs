//! The broker that the tests of this binary share.

use std::{path::PathBuf, process::Command, sync::OnceLock};

/// Where a broker may be found that the tests shall use instead of their own.
const GIVEN: &str = "KAFKATALK_TEST_KAFKA";

pub(crate) fn script() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/kafka.sh"))
}

/// The bootstrap servers. The first caller waits for the broker to start, some ten seconds.
pub(crate) fn bootstrap() -> String {
    static BOOTSTRAP: OnceLock<String> = OnceLock::new();
    BOOTSTRAP.get_or_init(|| std::env::var(GIVEN).unwrap_or_else(|_| start(1).0)).clone()
}

/// Starts brokers that end with this process and take their folder with them.
pub(crate) fn start(brokers: usize) -> (String, PathBuf) {
    let folder = tempfile::Builder::new().prefix("kafkatalk-test-kafka-").tempdir().unwrap().keep();
    let mut command = Command::new(script());
    command.args(["start", &brokers.to_string()]).arg(&folder);
    let output = command.env("KAFKA_WATCH_PID", std::process::id().to_string()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "scripts/kafka.sh could not start a broker: {said}");
    (String::from_utf8(output.stdout).unwrap().trim().to_owned(), folder)
}
