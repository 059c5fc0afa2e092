//! The broker that the tests of this binary share.

use std::{path::PathBuf, process::Command, sync::OnceLock};

/// Where a broker may be found that the tests shall use instead of their own.
const GIVEN: &str = "KAFKATALK_TEST_KAFKA";

/// Brokers that end with this process and take their folder with them.
pub(crate) struct Brokers {
    pub(crate) bootstrap: String,
    /// None where they are not ours.
    pub(crate) folder: Option<PathBuf>,
}

pub(crate) fn script() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/kafka.sh"))
}

/// The shared broker. The first caller waits for it to start, some ten seconds.
pub(crate) fn shared() -> &'static Brokers {
    static SHARED: OnceLock<Brokers> = OnceLock::new();
    SHARED.get_or_init(|| match std::env::var(GIVEN) {
        Ok(bootstrap) => Brokers { bootstrap, folder: None },
        Err(_) => start(1),
    })
}

/// Starts brokers.
pub(crate) fn start(brokers: usize) -> Brokers {
    start_with(brokers, &[])
}

/// The same, with what the script takes from the environment.
pub(crate) fn start_with(brokers: usize, environment: &[(&str, &str)]) -> Brokers {
    let folder = tempfile::Builder::new().prefix("kafkatalk-test-kafka-").tempdir().unwrap().keep();
    let mut command = Command::new(script());
    command.args(["start", &brokers.to_string()]).arg(&folder);
    command.envs(environment.iter().copied());
    let output = command.env("KAFKA_WATCH_PID", std::process::id().to_string()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "scripts/kafka.sh could not start a broker: {said}");
    let bootstrap = String::from_utf8(output.stdout).unwrap().trim().to_owned();
    Brokers { bootstrap, folder: Some(folder) }
}

impl Brokers {
    /// Runs the script on one broker, or on all where it takes no number.
    pub(crate) async fn run(&self, what: &'static str, number: Option<usize>) {
        let mut command = Command::new(script());
        command.arg(what).arg(self.folder.as_ref().unwrap()).args(number.map(|number| number.to_string()));
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// The folders of the partitions whose topics begin with a prefix.
pub(crate) fn partitions(prefix: &str) -> Vec<PathBuf> {
    let data = shared().folder.iter().filter_map(|folder| std::fs::read_dir(folder.join("data1")).ok());
    let paths = data.flatten().flatten().map(|entry| entry.path());
    let ours =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix));
    paths.filter(ours).collect()
}
