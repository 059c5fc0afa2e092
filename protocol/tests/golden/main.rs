//! Golden files: what each version wrote, kept for ever. `golden/v1/server.ack.json` holds `ack` frames as the first
//! version wrote them; a later version that adds a field keeps that file and adds `golden/v2/server.ack.json`.
//!
//! - Every golden file of every version can still be read, and nothing of it is lost: stored records, waiting clients and
//!   nodes of the version before hold such texts.
//! - What is written now is the newest golden file of its kind.
//! - Every kind has a golden file: events, frames in both directions, bodies of HTTP, error codes.
//!
//! For a new kind, or a new field: add a sample beside this file, then
//! `KAFKATALK_GOLDEN=v2 cargo test -p kafkatalk-protocol --test golden` writes the files that are missing from that
//! version's folder (see [`files::write`]); it changes none that is there.

mod bodies;
mod events;
mod files;
mod frames;
mod kind;
mod people;

use kind::Kind;
use std::collections::BTreeSet;

/// Every kind, with samples of what is written now.
fn kinds() -> Vec<Kind> {
    [events::kinds(), frames::client(), frames::server(), bodies::kinds()].into_iter().flatten().collect()
}

#[test]
fn what_is_written_now_is_the_newest_golden_file_of_its_kind() {
    let mut wrong = Vec::new();
    for kind in kinds() {
        if let Some(version) = files::asked_for() {
            files::write(&version, &kind);
        }
        match files::newest(&kind.name) {
            None => wrong.push(format!("{}: no golden file", kind.name)),
            Some((file, golden)) if golden != kind.samples => {
                let now = serde_json::to_string_pretty(&kind.samples).unwrap();
                wrong.push(format!("{} is not what is written now:\n{now}", file.display()));
            }
            Some(_) => {}
        }
    }
    assert!(wrong.is_empty(), "{}\nSee the top of protocol/tests/golden/main.rs.", wrong.join("\n"));
}

#[test]
fn what_any_version_wrote_is_read_and_nothing_of_it_is_lost() {
    let kinds = kinds();
    let mut read = 0;
    for (file, name, golden) in files::all() {
        let Some(kind) = kinds.iter().find(|kind| kind.name == name) else {
            panic!("{}: a kind is never taken away, and this one has no samples", file.display());
        };
        assert!(!golden.is_empty(), "{} is empty", file.display());
        for text in &golden {
            let again = (kind.again)(text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            if let Some(lost) = kind::lost(text, &again) {
                panic!("{}: {lost} is lost or changed\nread from {text}\nwritten {again}", file.display());
            }
            read += 1;
        }
    }
    assert!(read > kinds.len(), "golden files are found: {read}");
}

#[test]
fn every_kind_has_samples() {
    let sampled: BTreeSet<String> = kinds().into_iter().map(|kind| kind.name).collect();
    let known = [events::names(), frames::names(), bodies::names()].concat();
    let missing: Vec<_> = known.iter().filter(|name| !sampled.contains(*name)).collect();
    assert!(missing.is_empty(), "no samples of {missing:?}: add them in protocol/tests/golden/");
}
