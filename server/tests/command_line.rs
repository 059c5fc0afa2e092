//! The binary as an operator meets it.

use std::{
    path::Path,
    process::{Command, Output},
};

fn kafkatalk(words: &[&str], folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kafkatalk"))
        .args(words)
        .env_clear()
        .env("HOME", folder)
        .current_dir(folder)
        .output()
        .unwrap()
}

fn said(output: &Output) -> (String, String) {
    (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

#[test]
fn help_names_every_setting_with_its_default_and_its_variable() {
    let folder = tempfile::tempdir().unwrap();
    let output = kafkatalk(&["serve", "--help"], folder.path());
    let (help, _) = said(&output);
    assert!(output.status.success());
    for setting in kafkatalk_server::config::SETTINGS {
        assert!(help.contains(&format!("--{}", setting.name)), "{}\n{help}", setting.name);
        let variable = kafkatalk_server::config::variable(setting.name);
        assert!(help.contains(&variable), "{variable}\n{help}");
    }
    assert!(help.contains("[default: 127.0.0.1:8080]"), "{help}");
}

#[test]
fn check_prints_what_would_be_used_and_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let file = "messages-burst = 7\n[kafka-config]\n\"ssl.key.password\" = \"hunter2\"\n";
    std::fs::write(folder.path().join("k.toml"), file).unwrap();
    let words = ["config", "check", "--config", "k.toml", "--listen", "127.0.0.1:7"];
    let output = kafkatalk(&words, folder.path());
    let (shown, errors) = said(&output);
    assert!(output.status.success(), "{errors}");
    assert!(shown.contains("messages-burst = 7  # the key `messages-burst` in k.toml"), "{shown}");
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(!folder.path().join(".local").exists(), "looking must not make anything");
}

#[test]
fn check_refuses_what_kafka_would_not_take() {
    let folder = tempfile::tempdir().unwrap();
    let words = ["config", "check", "--kafka", "127.0.0.1:9", "--kafka-config", "no.such.property=1"];
    let output = kafkatalk(&words, folder.path());
    let (_, errors) = said(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(errors.contains("no.such.property"), "{errors}");
}

#[test]
fn settings_that_cannot_be_used_end_with_code_two_and_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let cases =
        [["serve", "--listen", "nowhere"], ["serve", "--config", "missing.toml"], ["serve", "--lisen", "x"]];
    for words in cases {
        let output = kafkatalk(&words, folder.path());
        let (_, errors) = said(&output);
        assert_eq!(output.status.code(), Some(2), "{words:?}: {errors}");
        assert!(errors.contains(words[2]) || errors.contains("--listen"), "{errors}");
    }
}

#[test]
fn rebuilding_an_empty_node_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let output = kafkatalk(&["rebuild", "--data", "data"], folder.path());
    let (told, errors) = said(&output);
    assert!(output.status.success(), "{errors}");
    assert!(told.contains("0 records (0 messages, 0 skipped)"), "{told}");
    assert!(folder.path().join("data/views.sqlite").exists());
}

#[test]
fn a_log_is_moved_from_a_folder_to_kafka_and_in_no_other_direction() {
    let folder = tempfile::tempdir().unwrap();
    let migrate = |words: &[&str]| {
        let output = kafkatalk(&[&["migrate", "--data", "data"], words].concat(), folder.path());
        (output.status.code(), said(&output).1)
    };
    for (words, code, told) in [
        (&["--from", "kafka", "--to", "embedded"][..], 1, "--from embedded --to kafka"),
        (&["--from", "embedded", "--to", "embedded"], 1, "--from embedded --to kafka"),
        (&["--from", "embedded", "--to", "kafka"], 1, "--kafka HOST:PORT"),
        (&["--from", "embedded", "--to", "kafka", "--kafka", "127.0.0.1:9"], 1, "no embedded log in data"),
        (&["--from", "embedded", "--to", "nowhere"], 2, "nowhere"),
        (&["--from", "embedded"], 2, "--to"),
    ] {
        let (found, errors) = migrate(words);
        assert_eq!(found, Some(code), "{words:?}: {errors}");
        assert!(errors.contains(told), "{words:?}: {errors}");
    }
    assert!(!folder.path().join("data").exists(), "looking must not make anything");
}

#[test]
fn an_embedded_log_has_no_topics_and_says_what_there_is() {
    let folder = tempfile::tempdir().unwrap();
    let output = kafkatalk(&["topics", "--data", "data"], folder.path());
    assert_eq!(output.status.code(), Some(1));
    let (_, errors) = said(&output);
    assert!(errors.contains("has no topics") && errors.contains("--kafka HOST:PORT"), "{errors}");
}

#[test]
fn the_level_of_an_embedded_log_is_its_nodes_business() {
    let folder = tempfile::tempdir().unwrap();
    let output = kafkatalk(&["level", "--data", "data"], folder.path());
    assert_eq!(output.status.code(), Some(1));
    let (_, errors) = said(&output);
    assert!(errors.contains("raises the level when it starts"), "{errors}");
    assert_eq!(kafkatalk(&["level", "--unheard"], folder.path()).status.code(), Some(2), "without --raise");
}

#[test]
fn version_is_the_packages() {
    let folder = tempfile::tempdir().unwrap();
    let output = kafkatalk(&["version"], folder.path());
    assert_eq!(said(&output).0, concat!("kafkatalk ", env!("CARGO_PKG_VERSION"), "\n"));
}
