//! What a power cut leaves of that which was not durable.

use super::disk::{Change, File};
use std::collections::HashMap;

/// Bytes that a disk writes whole or not at all.
const SECTOR: usize = 512;
/// Bytes that the system hands to the disk at once.
const PAGE: usize = 4_096;

/// Which changes survive. Numbers are those of the changes of the whole disk.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Nothing,
    Everything,
    /// For each file by itself, all or nothing.
    WholeFiles,
    /// Each sector or page has got any of its versions since the last sync; this share of them the last.
    Scattered {
        unit: usize,
        last: f64,
    },
    /// What was written before a moment, and a torn part of what was written then.
    Before(u64),
    /// What was written since a moment, and nothing that was written before.
    Since(u64),
}

/// One cut's damage.
pub(crate) struct Damage {
    rng: fastrand::Rng,
    kind: Kind,
    /// Sectors that a file has got room for and that were not written hold zeros, or anything.
    noise: bool,
}

impl Damage {
    /// Any kind. `next` is the number of the disk's next change.
    pub(crate) fn any(mut rng: fastrand::Rng, next: u64) -> Self {
        let recent = next.saturating_sub(rng.u64(0..60));
        let last = [0.1, 0.5, 0.9][rng.usize(0..3)];
        let kind = match rng.u8(0..9) {
            0 => Kind::Nothing,
            1 => Kind::Everything,
            2 => Kind::WholeFiles,
            3 | 4 => Kind::Scattered { unit: SECTOR, last },
            5 | 6 => Kind::Scattered { unit: PAGE, last },
            7 => Kind::Before(recent),
            _ => Kind::Since(recent),
        };
        Self { noise: rng.u8(0..4) == 0, rng, kind }
    }

    /// All is lost that was not durable.
    pub(crate) fn nothing_survives() -> Self {
        Self { rng: fastrand::Rng::with_seed(0), kind: Kind::Nothing, noise: false }
    }

    pub(crate) fn describe(&self) -> String {
        format!("{:?}{}", self.kind, if self.noise { ", noise" } else { "" })
    }

    /// Whether what was never written reads as zeros.
    pub(crate) fn is_clean(&self) -> bool {
        !self.noise
    }

    pub(crate) fn keeps_name(&mut self, number: u64) -> bool {
        match self.kind {
            Kind::Nothing => false,
            Kind::Everything => true,
            Kind::WholeFiles | Kind::Scattered { .. } => self.rng.bool(),
            Kind::Before(moment) => number < moment,
            Kind::Since(moment) => number >= moment,
        }
    }
}

/// What survives of one file.
pub(crate) struct Keep {
    unit: usize,
    /// For each unit that was written: changes below this number are in it.
    below: HashMap<usize, u64>,
    /// Changes of the size below this number were carried out.
    sizes: u64,
}

impl Keep {
    pub(crate) fn choose(damage: &mut Damage, file: &File, next: u64) -> Self {
        let unit = if let Kind::Scattered { unit, .. } = damage.kind { unit } else { SECTOR };
        let mut versions: HashMap<usize, Vec<u64>> = HashMap::new();
        let mut sizes = Vec::new();
        for change in &file.pending {
            match change {
                Change::Write { number, offset, data } => {
                    for unit in units(*offset, data.len(), unit) {
                        versions.entry(unit).or_default().push(*number);
                    }
                }
                Change::Resize { number, .. } => sizes.push(*number),
            }
        }
        let all = damage.rng.bool();
        let mut units: Vec<_> = versions.into_iter().collect();
        units.sort_unstable_by_key(|(unit, _)| *unit);
        let rng = &mut damage.rng;
        let mut pick = |kind: Kind, versions: &[u64]| match kind {
            Kind::Nothing => 0,
            Kind::Everything => next,
            Kind::WholeFiles => {
                if all {
                    next
                } else {
                    0
                }
            }
            Kind::Scattered { last, .. } if rng.f64() < last => next,
            Kind::Scattered { .. } => versions[rng.usize(0..versions.len())],
            Kind::Before(moment) => moment + u64::from(rng.bool()),
            Kind::Since(moment) => {
                if versions.last() >= Some(&moment) {
                    next
                } else {
                    0
                }
            }
        };
        let below = units.iter().map(|(unit, versions)| (*unit, pick(damage.kind, versions))).collect();
        let sizes = if sizes.is_empty() { next } else { pick(damage.kind, &sizes) };
        Self { unit, below, sizes }
    }

    pub(crate) fn content(&self, file: &File, damage: &mut Damage) -> Vec<u8> {
        let mut content = file.durable.clone();
        // The size that a process saw, and the largest of them since the last that surely was carried out.
        let (mut seen, mut largest) = (content.len(), content.len());
        // What a process cut off, and the disk did not, was not written to again there.
        let mut barrier = usize::MAX;
        for change in &file.pending {
            match change {
                Change::Resize { number, len } => {
                    if *number < self.sizes {
                        content.resize(*len, 0);
                        largest = *len;
                    } else if *len < seen {
                        barrier = barrier.min(*len);
                    } else {
                        largest = largest.max(*len);
                    }
                    seen = *len;
                }
                Change::Write { number, offset, data } => {
                    seen = seen.max(offset + data.len());
                    largest = largest.max(seen.min(barrier));
                    for unit in units(*offset, data.len(), self.unit) {
                        if *number < self.below[&unit] {
                            let from = (unit * self.unit).max(*offset);
                            let to = ((unit + 1) * self.unit).min(offset + data.len()).min(barrier);
                            if from < to {
                                self.write(&mut content, from, &data[from - offset..to - offset], damage);
                            }
                        }
                    }
                }
            }
        }
        if barrier == usize::MAX
            && largest > content.len()
            && !matches!(damage.kind, Kind::Nothing)
            && damage.rng.u8(0..3) == 0
        {
            self.extend(&mut content, largest, damage);
        }
        content
    }

    fn write(&self, content: &mut Vec<u8>, offset: usize, data: &[u8], damage: &mut Damage) {
        let end = offset + data.len();
        if content.len() < end {
            self.extend(content, end, damage);
        }
        content[offset..end].copy_from_slice(data);
    }

    /// Makes room. What was to be written there, and is not there, may hold anything.
    fn extend(&self, content: &mut Vec<u8>, len: usize, damage: &mut Damage) {
        let before = content.len();
        content.resize(len, 0);
        if damage.noise {
            for unit in before.div_ceil(self.unit)..len / self.unit {
                if self.below.contains_key(&unit) {
                    damage.rng.fill(&mut content[unit * self.unit..(unit + 1) * self.unit]);
                }
            }
        }
    }
}

fn units(offset: usize, len: usize, unit: usize) -> std::ops::Range<usize> {
    offset / unit..(offset + len).div_ceil(unit)
}
