//! `make dev`: builds again what changed, starts the server again, and has the open pages reload.

use crate::{command::say, place, run, site};
use anyhow::Result;
use std::{
    collections::BTreeMap,
    fs,
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command},
    thread,
    time::{Duration, Instant, SystemTime},
};

/// What is looked at. The tests of a crate do not change the product, but lie in its folder; that costs little.
const WATCHED: [&str; 8] =
    ["app", "frontend", "log", "protocol", "server", "style", "Cargo.toml", "Cargo.lock"];
/// How often to look. Some hundred files: about a millisecond.
const LOOK_EVERY: Duration = Duration::from_millis(300);
/// An editor that saves many files is given this long to finish.
const SETTLE: Duration = Duration::from_millis(150);
/// How long the server may take to listen before the pages are told anyway.
const LISTEN_WAIT_MAX: Duration = Duration::from_secs(15);
/// Where the server listens unless told otherwise.
const LISTEN_DEFAULT: &str = "127.0.0.1:8080";

type Seen = BTreeMap<PathBuf, SystemTime>;

/// Runs until it is interrupted.
pub(crate) fn watch(arguments: &[String]) -> Result<()> {
    let listen = listen_address(arguments, std::env::var("KAFKATALK_LISTEN").ok());
    let mut server: Option<Child> = None;
    let mut built: Option<SystemTime> = None;
    loop {
        let seen = look();
        match build() {
            Ok(binary) => {
                if built != Some(binary) || server.as_mut().is_none_or(has_ended) {
                    stop(server.take());
                    built = Some(binary);
                    wait_until_it_listens(server.insert(start(arguments)?), &listen);
                }
                site::announce()?;
                say(if server.as_mut().is_some_and(has_ended) {
                    "the server has ended; the next change starts it again"
                } else {
                    "watching for changes; Ctrl-C ends it"
                });
            }
            Err(error) => say(&format!("{error:#}; waiting for the next change")),
        }
        wait_for_change(&seen);
    }
}

/// Where the server will listen, as far as flags and the environment say; a file of settings is not read.
fn listen_address(arguments: &[String], environment: Option<String>) -> String {
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        if word == "--listen"
            && let Some(address) = words.next()
        {
            return address.clone();
        }
        if let Some(address) = word.strip_prefix("--listen=") {
            return address.to_owned();
        }
    }
    environment.unwrap_or_else(|| LISTEN_DEFAULT.to_owned())
}

/// Builds both halves; the time of the server's binary tells whether it is a new one.
fn build() -> Result<SystemTime> {
    site::build(site::Mode::Dev)?;
    run::build_server()?;
    Ok(fs::metadata(run::built_server())?.modified()?)
}

fn start(arguments: &[String]) -> Result<Child> {
    Ok(Command::new(run::built_server()).arg("serve").args(arguments).current_dir(place::root()).spawn()?)
}

fn stop(server: Option<Child>) {
    if let Some(mut server) = server {
        // As an operator would, so that sockets are told to come back.
        let asked =
            Command::new("kill").arg(server.id().to_string()).status().is_ok_and(|status| status.success());
        if !asked {
            let _ = server.kill();
        }
        let _ = server.wait();
    }
}

fn has_ended(server: &mut Child) -> bool {
    server.try_wait().is_ok_and(|ended| ended.is_some())
}

fn wait_until_it_listens(server: &mut Child, address: &str) {
    let deadline = Instant::now() + LISTEN_WAIT_MAX;
    while !has_ended(server) && TcpStream::connect(address).is_err() && Instant::now() < deadline {
        thread::sleep(SETTLE);
    }
}

fn wait_for_change(seen: &Seen) {
    while look() == *seen {
        thread::sleep(LOOK_EVERY);
    }
    loop {
        let now = look();
        thread::sleep(SETTLE);
        if look() == now {
            return;
        }
    }
}

fn look() -> Seen {
    let mut seen = Seen::new();
    for name in WATCHED {
        add(&place::root().join(name), &mut seen);
    }
    seen
}

fn add(path: &Path, seen: &mut Seen) {
    // What vanishes while we look is seen as gone the next time.
    if let Ok(entries) = fs::read_dir(path) {
        entries.flatten().for_each(|entry| add(&entry.path(), seen));
    } else if let Ok(changed) = fs::metadata(path).and_then(|data| data.modified()) {
        seen.insert(path.to_path_buf(), changed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_read_from_the_servers_flags() {
        let address = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(ToString::to_string).collect();
            listen_address(&words, None)
        };
        assert_eq!(listen_address(&[], Some("0.0.0.0:90".into())), "0.0.0.0:90");
        assert_eq!(address(&["--data", "x", "--listen", "[::1]:90"]), "[::1]:90");
        assert_eq!(address(&["--listen=0.0.0.0:80"]), "0.0.0.0:80");
        assert_eq!(address(&[]), LISTEN_DEFAULT);
    }

    #[test]
    fn a_server_that_has_ended_is_not_waited_for() {
        let mut server = Command::new("true").spawn().unwrap();
        let began = Instant::now();
        // A port that nothing listens on.
        wait_until_it_listens(&mut server, "127.0.0.1:1");
        assert!(began.elapsed() < LISTEN_WAIT_MAX / 2 && has_ended(&mut server));
    }
}
