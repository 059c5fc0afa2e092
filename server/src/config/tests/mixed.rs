//! Any mix of a file, variables and flags.

use super::*;
use proptest::{prelude::*, sample::Index};

/// What must not be told.
const SECRET: &str = "hunter2";

/// Values as people and machines write them.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[0-9_+-]{1,6}",
        "(true|on|info|json|k:1,l:2|\\[::\\]:80|127\\.0\\.0\\.1:1|https://chat\\.example:443/)",
        "[a-z\\\\\"'\n\t\0\u{301}é./]{1,8}",
    ]
}

/// A folder named by that text; and what comes of it when it is shown and read again.
fn shown_again(
    flags: &[(&'static str, String)],
    property: Option<&(String, String)>,
) -> Option<(Config, Config)> {
    let mut gathered = Gathered::defaults();
    for (name, text) in flags {
        gathered.set(name, text.clone(), Source::Flag(name));
    }
    if let Some((key, text)) = property {
        gathered.add_property(&format!("{key}={text}"), Source::Flag("kafka-config")).ok()?;
    }
    let config = Config::from_gathered(&gathered).ok()?;
    let shown = config.show(&gathered);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kafkatalk.toml");
    // What is not said is shown as empty, for people.
    let said: Vec<&str> = shown.lines().filter(|line| !line.ends_with(" = \"\"")).collect();
    std::fs::write(&file, said.join("\n")).unwrap();
    let mut read = Gathered::default();
    read.add_file(&file).unwrap_or_else(|error| panic!("{error}\n{shown}"));
    Some((config, Config::from_gathered(&read).unwrap_or_else(|error| panic!("{error}\n{shown}"))))
}

#[test]
fn a_folder_with_any_name_is_shown_as_toml() {
    for name in ["cafe\u{301}", "a\0b", "007", "\u{7f}\\\"", "tab\tand\nline", "\u{200d}"] {
        let (config, read) = shown_again(&[("data", name.into())], None).unwrap();
        assert_eq!(config, read, "{name:?}");
    }
}

#[test]
fn a_file_that_is_not_toml_is_refused_without_its_words() {
    for file in [
        "[kafka-config]\n\"sasl.password\" = hunter2",
        "[kafka-config]\n\"sasl.password\" = \"hunter2",
        "[kafka-config]\n\"sasl.password\" = \"x\" hunter2",
        "\"hunter2\" = 1\n\"hunter2\" = 2",
    ] {
        let error = words(&Given { file: Some(file), ..NOTHING });
        assert!(!error.contains(SECRET) && error.contains("line 2"), "{error}");
    }
}

proptest! {
    #[test]
    fn any_values_are_refused_with_their_place_or_shown_as_a_file_that_says_the_same(
        given in prop::collection::vec((any::<Index>(), value()), 0..5),
        property in prop::option::of(("[a-z.]{1,9}", value())),
    ) {
        let names: Vec<_> =
            SETTINGS.iter().filter(|setting| setting.takes != Takes::Properties).map(|it| it.name).collect();
        let mut flags: Vec<_> = vec![("kafka", "k:1".to_owned())];
        flags.extend(given.into_iter().map(|(which, text)| (*which.get(&names), text)));
        let secret = property.as_ref().is_some_and(|(key, _)| key.contains("key") || key.contains("pem"));
        if let Some((config, read)) = shown_again(&flags, property.as_ref().filter(|_| !secret)) {
            prop_assert_eq!(config, read);
        }
        let mut gathered = Gathered::defaults();
        for (name, text) in &flags {
            gathered.set(name, text.clone(), Source::Flag(name));
        }
        if let Err(error) = Config::from_gathered(&gathered) {
            let error = error.to_string();
            prop_assert!(flags.iter().any(|(name, _)| error.contains(&format!("--{name}"))), "{}", error);
        }
    }

    #[test]
    fn any_file_is_read_or_refused_with_its_name_and_without_secrets(
        lines in prop::collection::vec(
            prop_oneof![
                "[a-z-]{1,12} ?= ?.{0,12}",
                Just("[kafka-config]".to_owned()),
                "\"sasl\\.password\" ?= ?[\"'\\[{]?hunter2[\"'\\]}]?.{0,3}",
                Just("kafka-config = \"sasl.password=hunter2\"".into()),
                any::<String>(),
            ],
            0..6,
        ),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kafkatalk.toml");
        std::fs::write(&file, lines.join("\n")).unwrap();
        if let Err(error) = Gathered::defaults().add_file(&file) {
            let error = error.to_string();
            prop_assert!(error.contains("kafkatalk.toml") && !error.contains(SECRET), "{}", error);
        }
    }
}
