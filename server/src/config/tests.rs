//! Precedence, bounds, and words that help.

mod mixed;

use super::*;
use std::path::Path;

struct Given {
    file: Option<&'static str>,
    variables: Vec<(&'static str, &'static str)>,
    flags: Vec<(&'static str, &'static str)>,
}

const NOTHING: Given = Given { file: None, variables: Vec::new(), flags: Vec::new() };

fn gather(given: &Given) -> Result<Gathered, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let mut gathered = Gathered::defaults();
    if let Some(text) = given.file {
        let file = folder.path().join("kafkatalk.toml");
        std::fs::write(&file, text).unwrap();
        gathered.add_file(&file)?;
    }
    let variables = given.variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    gathered.add_environment(&Environment::of(variables))?;
    for (name, value) in &given.flags {
        gathered.set(name, (*value).to_owned(), Source::Flag(name));
    }
    Ok(gathered)
}

fn config(given: &Given) -> Result<Config, ConfigError> {
    Config::from_gathered(&gather(given)?)
}

fn words(given: &Given) -> String {
    config(given).unwrap_err().to_string()
}

#[test]
fn the_defaults_are_within_their_bounds() {
    let config = Config::in_folder("somewhere").unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.views_file(), Path::new("somewhere/views.sqlite"));
    assert!(config.kafka.is_none() && config.rate_limits.is_some() && !config.secure_cookies());
}

#[test]
fn a_flag_goes_over_the_environment_and_that_over_the_file() {
    let file = Some("listen = \"127.0.0.1:1\"\nsockets-per-user = 1\nmessages-burst = 1");
    let variables = vec![("KAFKATALK_LISTEN", "127.0.0.1:2"), ("KAFKATALK_SOCKETS_PER_USER", "2")];
    let config = config(&Given { file, variables, flags: vec![("listen", "127.0.0.1:3")] }).unwrap();
    assert_eq!(config.listen.port(), 3);
    assert_eq!(config.sockets_per_user.get(), 2);
    assert_eq!(config.rate_limits.unwrap().messages_burst.get(), 1);
}

#[test]
fn properties_of_kafka_are_gathered_from_everywhere() {
    let file = Some(
        "kafka = \"k:9092\"\n[kafka-config]\n\"security.protocol\" = \"SSL\"\n\"socket.timeout.ms\" = 7",
    );
    let variables = vec![("KAFKATALK_KAFKA_CONFIG", "sasl.password=a=b; security.protocol=SASL_SSL")];
    let kafka = config(&Given { file, variables, ..NOTHING }).unwrap().kafka.unwrap();
    let expected = [("sasl.password", "a=b"), ("security.protocol", "SASL_SSL"), ("socket.timeout.ms", "7")];
    assert_eq!(kafka.properties, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
}

#[test]
fn a_bad_value_is_named_with_its_source_and_what_would_be_right() {
    let file = words(&Given { file: Some("messages-burst = 0"), ..NOTHING });
    assert!(file.contains("the key `messages-burst` in ") && file.contains("from 1 to"), "{file}");
    let variable = words(&Given { variables: vec![("KAFKATALK_LISTEN", "8080")], ..NOTHING });
    assert!(variable.contains("KAFKATALK_LISTEN") && variable.contains("127.0.0.1:8080"), "{variable}");
    let flag = words(&Given { flags: vec![("kafka", "broker")], ..NOTHING });
    assert!(flag.contains("--kafka") && flag.contains("HOST:PORT"), "{flag}");
}

#[test]
fn every_setting_refuses_nonsense() {
    // What looks like nonsense and is not: folders and parts of the program may be called anything.
    let sensible = |name, text: &str| match name {
        "data" | "log-level" => !text.is_empty(),
        "node-name" | "topic-prefix" => ["-1", "99999999999999999999"].contains(&text),
        _ => false,
    };
    for setting in SETTINGS.iter().filter(|setting| setting.takes != Takes::Properties) {
        for nonsense in ["", "\u{0}", "-1", "99999999999999999999", "[", "a b", "=", "é"] {
            let flags = vec![("kafka", "k:1"), (setting.name, nonsense)];
            let taken = config(&Given { flags, ..NOTHING }).is_ok();
            assert_eq!(taken, sensible(setting.name, nonsense), "--{} {nonsense:?}", setting.name);
        }
    }
}

#[test]
fn a_key_that_is_no_setting_is_refused_with_the_nearest_one() {
    let error = words(&Given { file: Some("message_burst = 3"), ..NOTHING });
    assert!(error.contains("`message_burst`") && error.contains("`messages-burst`"), "{error}");
    let error = words(&Given { file: Some("zzz = 3"), ..NOTHING });
    assert!(error.contains("--help"), "{error}");
}

#[test]
fn a_file_that_is_missing_or_not_toml_is_named() {
    let error = Gathered::defaults().add_file(Path::new("not/there.toml")).unwrap_err().to_string();
    assert!(error.contains("not/there.toml"), "{error}");
    let error = words(&Given { file: Some("listen = "), ..NOTHING });
    assert!(error.contains("not valid TOML") && error.contains("line 1"), "{error}");
}

#[test]
fn an_empty_variable_counts_as_not_set_and_an_unknown_one_is_told() {
    assert!(config(&Given { variables: vec![("KAFKATALK_KAFKA", "")], ..NOTHING }).unwrap().kafka.is_none());
    let variables = [("KAFKATALK_LISTN", "x"), ("KAFKATALK_LISTEN", "y"), ("PATH", "z")];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(Environment::of(variables).unknown(), ["KAFKATALK_LISTN"]);
}

#[test]
fn cookies_are_secure_behind_https() {
    let secure =
        |url| config(&Given { flags: vec![("public-url", url)], ..NOTHING }).map(|c| c.secure_cookies());
    assert!(secure("https://Chat.example/").unwrap());
    assert!(!secure("http://localhost:8080").unwrap());
    for bad in ["chat.example", "ftp://chat.example", "https://", "https://a/b", "https://a b"] {
        assert!(secure(bad).is_err(), "{bad}");
    }
}

#[test]
fn what_is_shown_can_be_read_as_a_file_and_holds_no_secret() {
    let given = Given {
        variables: vec![(
            "KAFKATALK_KAFKA_CONFIG",
            "sasl.password=hunter2;ssl.key.pem=hunter2;ssl.ca.location=/ca",
        )],
        flags: vec![("kafka", "k:9092"), ("data", "d")],
        ..NOTHING
    };
    let gathered = gather(&given).unwrap();
    let shown = Config::from_gathered(&gathered).unwrap().show(&gathered);
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(shown.contains("/ca") && shown.contains("# the flag --kafka"), "{shown}");
    assert!(shown.parse::<toml::Table>().is_ok(), "{shown}");
}
