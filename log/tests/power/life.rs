//! Lives of a log between two power cuts, and what is checked after each cut.

use super::check::{self, Mismatches};
use super::damage::Damage;
use super::disk::{Disk, Syncs};
use super::facts::{Fact, Facts, History};
use super::load::{self, Load, any_stream};
use kafkatalk_log::EventLog;
use kafkatalk_log::embedded::{EmbeddedLog, EmbeddedOptions};
use kafkatalk_recorder::{Op, Recording};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// Where the log is in the recorded folder: its folders are new, too.
const PLACE: &str = "data/log";

/// One life: the disk as it began, what was done, and what callers know.
pub(crate) struct Life {
    pub(crate) disk: Disk,
    pub(crate) ops: Vec<Op>,
    pub(crate) history: History,
}

/// A cut, and what was found wrong after it.
pub(crate) struct Finding {
    pub(crate) cut: String,
    pub(crate) wrong: Mismatches,
}

/// Copies of the write-ahead log begin often, or seldom.
fn options(rng: &mut fastrand::Rng) -> EmbeddedOptions {
    if rng.u8(0..4) == 0 {
        return EmbeddedOptions::default();
    }
    EmbeddedOptions {
        tail_window_records_max: 20,
        checkpoint_every_bytes: rng.usize(50_000..400_000),
        wal_bytes_max: rng.u64(150_000..1_500_000),
        ..EmbeddedOptions::default()
    }
}

fn folder() -> (TempDir, PathBuf) {
    let dir = TempDir::new().unwrap();
    // The recorder knows paths as SQLite writes them.
    let path = dir.path().canonicalize().unwrap();
    (dir, path)
}

impl Life {
    /// Opens the log on a disk, reads what it has, writes, and closes it.
    pub(crate) async fn live(
        disk: Disk,
        mut history: History,
        rng: &mut fastrand::Rng,
        appends: usize,
    ) -> Self {
        let (_dir, path) = folder();
        disk.write_to(&path);
        let recording = Arc::new(Recording::start(&path, disk.file_names()));
        let log = Arc::new(EmbeddedLog::open(path.join(PLACE), options(rng)).unwrap());
        // What is shown to somebody may not be lost, even if its append was never answered.
        let shown = check::read(&log).await.unwrap();
        let position = recording.position();
        for (records, _) in shown.values() {
            let known = records.iter().filter(|(_, record)| history.sent.contains_key(&record.id));
            let facts = known.map(|(offset, record)| Fact::There { id: record.id, offset: *offset });
            history.known.extend(facts.map(|fact| (position, fact)));
        }
        let history = Load::run(log, Arc::clone(&recording), history, rng, appends).await;
        let ops = Arc::into_inner(recording).unwrap().stop();
        let mut end = disk.clone();
        end.honours = Syncs::All;
        for op in &ops {
            end.apply(op);
        }
        assert_eq!(end.differences(&path), Vec::<String>::new(), "the recorder missed something");
        Self { disk, ops, history }
    }

    /// Moments to cut at, in order: half of them when somebody had just learned something.
    pub(crate) fn moments(&self, count: usize, rng: &mut fastrand::Rng) -> Vec<usize> {
        let known: Vec<usize> =
            self.history.known.iter().map(|(when, _)| *when).filter(|when| *when > 0).collect();
        let mut moments: Vec<usize> = (0..count)
            .map(
                |_| if rng.bool() { known[rng.usize(0..known.len())] } else { rng.usize(0..=self.ops.len()) },
            )
            .collect();
        moments.sort_unstable();
        moments
    }

    /// Cuts the power at each of these moments and checks what is left. Also the disk at a later moment of them, for
    /// another life.
    pub(crate) async fn cut_at(
        &self,
        moments: &[usize],
        honours: Syncs,
        rng: &mut fastrand::Rng,
        damage: fn(fastrand::Rng, u64) -> Damage,
    ) -> (Vec<Finding>, Disk, usize) {
        let mut disk = self.disk.clone();
        disk.honours = honours;
        let (mut findings, mut done) = (Vec::new(), 0);
        let kept = rng.usize(moments.len() / 2..moments.len());
        let mut next = None;
        for (number, &moment) in moments.iter().enumerate() {
            self.ops[done..moment].iter().for_each(|op| disk.apply(op));
            done = moment;
            let mut damage = damage(rng.fork(), disk.next);
            let cut = format!("after operation {moment} of {}, {}", self.ops.len(), damage.describe());
            let left = disk.cut(&mut damage);
            let facts = self.history.at(moment);
            let wrong = examine(&left, &facts, damage.is_clean(), rng).await;
            if !wrong.is_empty() {
                findings.push(Finding { cut, wrong });
            }
            if number == kept {
                next = Some((disk.clone(), left, moment));
            }
        }
        let (mut killed, left, moment) = next.unwrap();
        killed.process_ended();
        // Either the power was cut, or the process was killed and the power is cut some time later.
        (findings, if rng.bool() { killed } else { left }, moment)
    }
}

/// Opens the log on what is left, checks it, writes to it, and opens it again.
async fn examine(disk: &Disk, facts: &Facts, clean: bool, rng: &mut fastrand::Rng) -> Mismatches {
    let (_dir, path) = folder();
    disk.write_to(&path);
    if rng.bool() && path.join(PLACE).is_dir() {
        leave_noise(&path.join(PLACE), rng);
    }
    examine_at(&path.join(PLACE), facts, clean, rng).await
}

/// The shared memory of processes that are gone, as it may lie about.
fn leave_noise(dir: &Path, rng: &mut fastrand::Rng) {
    let mut noise = vec![0; 32_768];
    rng.fill(&mut noise);
    std::fs::write(dir.join("log.sqlite3-shm"), noise).unwrap();
}

pub(crate) async fn examine_at(
    place: &Path,
    facts: &Facts,
    clean: bool,
    rng: &mut fastrand::Rng,
) -> Mismatches {
    let open = || EmbeddedLog::open(place, EmbeddedOptions::default());
    let log = match open() {
        Ok(log) => log,
        Err(error) => {
            return Mismatches { other: vec![format!("cannot be opened: {error}")], ..Default::default() };
        }
    };
    let mut wrong = check::log(&log, facts).await;
    if !wrong.is_empty() {
        log.close().await;
        return wrong;
    }
    let mut expected = check::read(&log).await.unwrap();
    for _ in 0..3 {
        let (stream, record) = (any_stream(rng), load::record(rng));
        let (records, end) = expected.entry(stream).or_default();
        match log.append(stream, record.clone()).await {
            Ok(offset) if offset.0 == *end => {}
            answer => wrong.other.push(format!("{stream}: an append after {end} was answered by {answer:?}")),
        }
        records.insert(*end, record);
        *end += 1;
    }
    log.close().await;
    match open() {
        Ok(log) => {
            let again = check::read(&log).await.unwrap();
            if format!("{again:?}") != format!("{expected:?}") {
                wrong.other.push("another opening shows something else".into());
            }
            log.close().await;
        }
        Err(error) => wrong.other.push(format!("cannot be opened again: {error}")),
    }
    if clean {
        let remains = check::remains(place, facts);
        wrong.other.extend(remains.iter().map(|id| format!("{id} was erased and is still in a file")));
    }
    wrong
}
