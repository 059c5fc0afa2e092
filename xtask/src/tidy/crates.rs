//! Conventions about crates and their manifests.

use super::repository::Repository;
use toml::{Table, Value};

/// Which of our crates each may build upon. The arrows of docs/architecture.md.
const ARROWS: &[(&str, &[&str])] = &[
    ("protocol", &[]),
    // The recorder for its tests alone.
    ("log", &["protocol", "recorder"]),
    ("app", &["protocol"]),
    ("frontend", &["app", "protocol"]),
    ("server", &["app", "log", "protocol"]),
    ("bench", &["log", "protocol"]),
    ("recorder", &[]),
    ("xtask", &[]),
];

/// What a crate must not build upon, however indirectly it would be welcome.
const FOREIGN: &[(&str, &[&str])] = &[
    ("protocol", &["axum", "hyper", "leptos", "rdkafka", "rusqlite", "tokio", "tower-http"]),
    ("log", &["axum", "hyper", "leptos", "leptos_axum", "tower-http"]),
    ("app", &["axum", "hyper", "rdkafka", "rusqlite", "tokio", "tower-http"]),
    ("frontend", &["axum", "hyper", "rdkafka", "rusqlite", "tokio", "tower-http"]),
    ("server", &["rdkafka"]),
];

/// Only this takes the place of functions of the C library, in tests, which cannot be done without `unsafe`; the workspace
/// forbids that, and a crate cannot allow what is forbidden.
const LINTS_OF_ITS_OWN: &str = "recorder";

const OURS: &str = "kafkatalk-";

/// Where the version of Apache Kafka is named, and after which words.
const KAFKA: [(&str, &str); 3] = [
    ("scripts/kafka.sh", "KAFKA_VERSION="),
    ("docker-compose.yml", "image: apache/kafka:"),
    ("docker-compose.cluster.yml", "image: apache/kafka:"),
];

/// Versions that were tried together, by `make test ARGS="site browser-embedded"`: whoever takes another of one must try
/// all of them again. `wasm_split_cli_support` below 0.2.3 cannot read what this wasm-bindgen writes.
const TRIED_TOGETHER: [(&str, &str); 5] = [
    ("wasm-bindgen", "0.2.129"),
    ("wasm-bindgen-cli-support", "0.2.129"),
    ("wasm_split_cli_support", "0.2.4"),
    ("wasm_split_helpers", "0.2.3"),
    ("wasm_split_macros", "0.2.2"),
];

fn manifest(repository: &Repository, folder: &str) -> Option<Table> {
    repository.get(&format!("{folder}/Cargo.toml"))?.parse().ok()
}

/// Names in a manifest's tables of dependencies, but for those of tests.
fn dependencies(manifest: &Table) -> Vec<String> {
    let mut names = Vec::new();
    let mut tables = vec![manifest];
    tables.extend(
        manifest
            .get("target")
            .and_then(Value::as_table)
            .into_iter()
            .flatten()
            .filter_map(|(_, t)| t.as_table()),
    );
    for table in tables {
        for kind in ["dependencies", "build-dependencies"] {
            let entries = table.get(kind).and_then(Value::as_table).into_iter().flatten();
            names.extend(entries.map(|(name, _)| name.clone()));
        }
    }
    names
}

/// Dependencies against the arrows, and crates that have none.
pub(super) fn arrows(repository: &Repository) -> Vec<String> {
    let mut wrong = Vec::new();
    for (path, _) in repository.ending(&["/Cargo.toml"]) {
        let folder = path.trim_end_matches("/Cargo.toml");
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == folder) else {
            wrong.push(format!("{path}: say in xtask/src/tidy/crates.rs what it may build upon"));
            continue;
        };
        let Some(manifest) = manifest(repository, folder) else {
            wrong.push(format!("{path}: cannot be read"));
            continue;
        };
        for name in dependencies(&manifest) {
            if name.strip_prefix(OURS).is_some_and(|ours| !allowed.contains(&ours)) {
                wrong.push(format!("{path}: {name}"));
            }
        }
    }
    wrong
}

/// Dependencies on what belongs to another crate.
pub(super) fn foreign(repository: &Repository) -> Vec<String> {
    FOREIGN
        .iter()
        .filter_map(|(folder, foreign)| Some((folder, foreign, manifest(repository, folder)?)))
        .flat_map(|(folder, foreign, manifest)| {
            dependencies(&manifest)
                .into_iter()
                .filter(|name| foreign.contains(&name.as_str()))
                .map(move |name| format!("{folder}/Cargo.toml: {name}"))
        })
        .collect()
}

/// Crates that do not take what the workspace says for all.
pub(super) fn inherited(repository: &Repository) -> Vec<String> {
    let workspace =
        |table: Option<&Value>| table.and_then(|t| t.get("workspace")).and_then(Value::as_bool) == Some(true);
    let mut wrong = Vec::new();
    for (folder, _) in ARROWS {
        let Some(manifest) = manifest(repository, folder) else { continue };
        if *folder != LINTS_OF_ITS_OWN && !workspace(manifest.get("lints")) {
            wrong.push(format!("{folder}/Cargo.toml: [lints] workspace = true"));
        }
        for field in ["version", "edition", "rust-version", "license", "publish"] {
            if !workspace(manifest.get("package").and_then(|package| package.get(field))) {
                wrong.push(format!("{folder}/Cargo.toml: {field}.workspace = true"));
            }
        }
    }
    wrong
}

/// The compiler's version where it is named, that of wasm-bindgen, and that of Apache Kafka.
pub(super) fn versions(repository: &Repository) -> Vec<String> {
    let mut wrong = Vec::new();
    let text = |path: &str, keys: &[&str]| -> Option<String> {
        let table: Table = repository.get(path)?.parse().ok()?;
        let (first, rest) = keys.split_first()?;
        rest.iter().try_fold(table.get(*first)?, |value, key| value.get(key))?.as_str().map(str::to_owned)
    };
    let rust = text("rust-toolchain.toml", &["toolchain", "channel"]).unwrap_or_default();
    let minimum = text("Cargo.toml", &["workspace", "package", "rust-version"]).unwrap_or_default();
    if minimum.is_empty() || !rust.starts_with(&minimum) {
        wrong.push(format!("Cargo.toml: rust-version is {minimum}, rust-toolchain.toml says {rust}"));
    }
    for line in repository.get("Dockerfile").into_iter().flat_map(str::lines) {
        if line.contains("rust:") && !line.contains(&format!("rust:{rust}")) {
            wrong.push(format!("Dockerfile: `{line}`, rust-toolchain.toml says {rust}"));
        }
    }
    let bindgen = text("Cargo.toml", &["workspace", "dependencies", "wasm-bindgen"]);
    let library = text("xtask/Cargo.toml", &["dependencies", "wasm-bindgen-cli-support"]);
    if bindgen != library {
        wrong.push(format!("wasm-bindgen is {bindgen:?}, xtask's library for it {library:?}"));
    }
    let word = |path: &str, before: &str| {
        let found = repository.get(path).and_then(|text| text.split_once(before));
        found.and_then(|(_, after)| after.split_whitespace().next()).unwrap_or_default()
    };
    let tests = word(KAFKA[0].0, KAFKA[0].1);
    for (path, before) in &KAFKA[1..] {
        let other = word(path, before);
        if tests != other {
            wrong.push(format!("{} has Kafka {tests}, {path} has {other}", KAFKA[0].0));
        }
    }
    wrong
}

/// What binds and splits the wasm, in other versions than those that fit.
pub(super) fn splitting(repository: &Repository) -> Vec<String> {
    let lock: Table = repository.get("Cargo.lock").and_then(|text| text.parse().ok()).unwrap_or_default();
    let packages = lock.get("package").and_then(Value::as_array).into_iter().flatten();
    let of = |package: &Value, key| package.get(key).and_then(Value::as_str).map(str::to_owned);
    let locked: Vec<_> =
        packages.filter_map(|package| Some((of(package, "name")?, of(package, "version")?))).collect();
    let mut wrong = Vec::new();
    for (name, tried) in TRIED_TOGETHER {
        let versions: Vec<_> = locked.iter().filter(|(other, _)| other == name).map(|(_, it)| it).collect();
        if versions != [tried] {
            wrong.push(format!("Cargo.lock: {name} {versions:?}, tried with the others is {tried}"));
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arrow_that_points_upward_is_found() {
        let files =
            Repository::of([("log/Cargo.toml", "[dependencies]\nkafkatalk-server = \"1\"\nserde = \"1\"\n")]);
        assert_eq!(arrows(&files), ["log/Cargo.toml: kafkatalk-server"]);
    }

    #[test]
    fn a_crate_without_arrows_is_found() {
        assert_eq!(arrows(&Repository::of([("extra/Cargo.toml", "")])).len(), 1);
    }

    #[test]
    fn a_foreign_dependency_is_found_and_one_of_the_tests_is_not() {
        let manifest = "[dependencies]\ntokio = \"1\"\n[dev-dependencies]\naxum = \"1\"\n";
        assert_eq!(foreign(&Repository::of([("app/Cargo.toml", manifest)])), ["app/Cargo.toml: tokio"]);
    }

    #[test]
    fn a_part_of_the_splitting_in_a_version_that_was_not_tried_is_found() {
        let lock = |split: &str| {
            let packages = TRIED_TOGETHER.map(|(name, version)| {
                let version = if name == "wasm_split_cli_support" { split } else { version };
                format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n")
            });
            splitting(&Repository::of([("Cargo.lock", packages.concat().as_str())]))
        };
        assert!(lock("0.2.4").is_empty());
        assert!(lock("0.2.2").join("").contains("wasm_split_cli_support"));
    }

    #[test]
    fn another_kafka_for_the_tests_than_for_people_is_found() {
        let of = |named: [&str; 3]| {
            let lines = std::array::from_fn::<_, 3, _>(|at| format!("  {}{}\n", KAFKA[at].1, named[at]));
            let files = std::array::from_fn::<_, 3, _>(|at| (KAFKA[at].0, lines[at].as_str()));
            versions(&Repository::of(files)).join("\n")
        };
        assert!(of(["4.1.1", "4.1.0", "4.1.1"]).contains("docker-compose.yml has 4.1.0"));
        assert!(of(["4.1.1", "4.1.1", "4.2.0"]).contains("docker-compose.cluster.yml has 4.2.0"));
        assert!(!of(["4.1.1", "4.1.1", "4.1.1"]).contains("Kafka"));
    }

    #[test]
    fn a_crate_of_its_own_mind_is_found() {
        let manifest = "[package]\nedition = \"2021\"\n[lints]\nworkspace = true\n";
        let wrong = inherited(&Repository::of([("app/Cargo.toml", manifest)]));
        assert!(wrong.contains(&"app/Cargo.toml: edition.workspace = true".to_owned()), "{wrong:?}");
    }
}
