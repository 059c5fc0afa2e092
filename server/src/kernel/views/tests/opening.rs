//! Which files are gone on with, which are begun anew, which are refused.

use super::*;

fn options(source: &str) -> ViewsOptions {
    ViewsOptions { source: source.into(), ..ViewsOptions::default() }
}

/// A file with one person in it, closed.
fn file_with_rows() -> (TempDir, std::path::PathBuf) {
    let mut bench = Bench::new();
    let claim = bench.streams.claim(1);
    let batch = Batch { entries: vec![claim], progress: vec![("all".into(), 1)], ..Batch::default() };
    bench.applier.apply(&batch).unwrap();
    let file = bench.file();
    (bench.folder, file)
}

#[test]
fn a_file_is_gone_on_with_where_it_stopped() {
    let (_folder, file) = file_with_rows();
    let (views, applier) = Views::open(&file, &ViewsOptions::default(), registry()).unwrap();
    assert_eq!(applier.checkpoint(), [("all".to_owned(), 1)].into());
    assert!(views.read_blocking(|views| views.user(user(1))).unwrap().is_some());
}

#[test]
fn a_file_of_another_version_is_begun_anew() {
    let (_folder, file) = file_with_rows();
    let raw = rusqlite::Connection::open(&file).unwrap();
    raw.pragma_update(None, "user_version", 4_711).unwrap();
    drop(raw);
    let (views, applier) = Views::open(&file, &ViewsOptions::default(), registry()).unwrap();
    assert!(applier.checkpoint().is_empty());
    assert!(views.read_blocking(|views| views.user(user(1))).unwrap().is_none());
}

#[test]
fn a_file_that_was_made_from_another_log_is_begun_anew() {
    let (_folder, file) = file_with_rows();
    let (_, applier) = Views::open(&file, &options("kafka"), registry()).unwrap();
    assert!(applier.checkpoint().is_empty());
}

#[test]
fn a_file_is_gone_on_with_while_one_broker_is_the_same_and_the_prefix_is() {
    let (_folder, file) = file_with_rows();
    let held = |source| !Views::open(&file, &options(source), registry()).unwrap().1.checkpoint().is_empty();
    let follow = || {
        let (_, mut applier) = Views::open(&file, &options("kafka a:1 p"), registry()).unwrap();
        applier.apply(&Batch { progress: vec![("all".into(), 1)], ..Batch::default() }).unwrap();
    };
    follow();
    for same in ["kafka a:1,b:1 p", "kafka b:1,c:1 p", "kafka c:1 p"] {
        assert!(held(same), "{same}");
    }
    for other in ["kafka d:1 p", "kafka a:1,b:1 q", "embedded", "kafka a:1"] {
        assert!(!held(other), "{other}");
        follow();
    }
}

#[test]
fn a_deleted_file_is_begun_anew() {
    let (_folder, file) = file_with_rows();
    std::fs::remove_file(&file).unwrap();
    let (_, applier) = Views::open(&file, &ViewsOptions::default(), registry()).unwrap();
    assert!(applier.checkpoint().is_empty());
}

#[test]
fn a_file_has_one_writer() {
    let (_folder, file) = file_with_rows();
    let first = Views::open(&file, &ViewsOptions::default(), registry()).unwrap();
    for second in [Views::open, Views::open_anew] {
        assert!(matches!(second(&file, &ViewsOptions::default(), registry()), Err(ViewsError::InUse)));
    }
    drop(first);
    assert!(Views::open(&file, &ViewsOptions::default(), registry()).is_ok());
}

#[test]
fn a_file_of_somebody_else_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("views.sqlite");
    let foreign = rusqlite::Connection::open(&file).unwrap();
    foreign.execute_batch("CREATE TABLE precious (thing); INSERT INTO precious VALUES (1)").unwrap();
    assert!(matches!(Views::open(&file, &ViewsOptions::default(), registry()), Err(ViewsError::Foreign)));
    assert_eq!(foreign.query_row("SELECT thing FROM precious", [], |row| row.get::<_, i64>(0)).unwrap(), 1);

    let text = folder.path().join("letter.txt");
    std::fs::write(&text, "Dear John, ".repeat(1_000)).unwrap();
    assert!(matches!(Views::open(&text, &ViewsOptions::default(), registry()), Err(ViewsError::Foreign)));
}

#[test]
fn a_damaged_file_is_named_as_such_and_rebuilding_mends_it() {
    let mut bench = Bench::new();
    let there = bench.conversation(&[1, 2]);
    let entries: Vec<_> = (0..2_000).map(|id| bench.streams.message(1, 1, id, "hello, hello")).collect();
    bench.apply(entries);
    let file = bench.file();
    let Bench { folder, views, applier, .. } = bench;
    drop((views, applier));
    // Everything but the first pages, so that it opens and then does not hold.
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[48 * 4096..].fill(0xa5);
    std::fs::write(&file, bytes).unwrap();

    let (views, applier) = Views::open(&file, &ViewsOptions::default(), registry()).unwrap();
    let answer = views.read_blocking(|views| views.messages(there, HistoryPage::After(None), 2_000));
    assert!(matches!(answer, Err(ViewsError::Damaged(_))), "{answer:?}");
    drop((views, applier));
    let (views, _) = Views::open_anew(&file, &ViewsOptions::default(), registry()).unwrap();
    assert_eq!(views.read_blocking(|views| views.members(there)).unwrap(), None);
    drop(folder);
}

#[test]
fn views_of_a_log_with_another_identity_are_begun_anew_and_of_the_same_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("views.sqlite");
    let of = |log: &str| ViewsOptions { log: Some(log.into()), ..ViewsOptions::default() };
    let entries = vec![Streams::default().claim(1)];
    let (_, mut applier) = Views::open(&file, &ViewsOptions::default(), registry()).unwrap();
    applier.apply(&Batch { entries, ..Batch::default() }).unwrap();
    assert!(applier.belongs_to("one").unwrap());
    drop(applier);
    let known = |options: &ViewsOptions| {
        let (views, applier) = Views::open(&file, options, registry()).unwrap();
        (views.read_blocking(|views| views.user(user(1))).unwrap().is_some(), applier)
    };
    assert!(known(&of("one")).0);
    let (there, mut applier) = known(&ViewsOptions::default());
    assert!(there && !applier.belongs_to("another").unwrap());
    drop(applier);
    assert!(!known(&of("another")).0, "begun anew after the node learned it late");
    let (_, mut applier) = known(&of("another"));
    assert!(applier.belongs_to("another").unwrap());
    drop(applier);
    assert!(!known(&of("one")).0, "begun anew at once");
}
