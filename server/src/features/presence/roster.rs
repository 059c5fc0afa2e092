//! Who is online on which node, as far as this one knows. Plain state: time comes in as an argument.

use super::{
    PresenceTimes,
    note::{Note, notes},
};
use crate::limits::{
    PRESENCE_ANNOUNCED_PEOPLE_MAX, PRESENCE_LAST_SEEN_PEOPLE_MAX, PRESENCE_PEOPLE_MAX,
    PRESENCE_REFRESH_BEACONS,
};
use kafkatalk_protocol::{Timestamp, UserId, presence::Presence};
use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
};
use tokio::time::Instant;
use uuid::Uuid;

/// One moment on both clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    /// For waits.
    pub(super) now: Instant,
    /// For what people see.
    pub(super) wall: Timestamp,
}

#[derive(Debug)]
pub(super) struct Roster {
    node: Uuid,
    times: PresenceTimes,
    /// Who has a socket here; who has none any more, since when.
    here: HashMap<UserId, Option<Moment>>,
    /// The other nodes, and when each was heard last.
    nodes: HashMap<Uuid, Moment>,
    /// On which of them somebody has a socket, and until when that counts.
    elsewhere: HashMap<UserId, Vec<(Uuid, Instant)>>,
    last_seen: HashMap<UserId, Timestamp>,
    /// Who came or went, and was not told of yet.
    changed: HashSet<UserId>,
    /// What the other nodes are to hear.
    notes: Vec<Note>,
    /// A node is new: it is to hear everything.
    announce: bool,
    beacons: u128,
}

impl Roster {
    pub(super) fn new(node: Uuid, times: PresenceTimes) -> Self {
        Self {
            node,
            times,
            here: HashMap::new(),
            nodes: HashMap::new(),
            elsewhere: HashMap::new(),
            last_seen: HashMap::new(),
            changed: HashSet::new(),
            notes: Vec::new(),
            announce: false,
            beacons: 0,
        }
    }

    fn online(&self, user: UserId) -> bool {
        self.here.contains_key(&user) || self.elsewhere.contains_key(&user)
    }

    /// How things stand with somebody.
    pub(super) fn presence(&self, user: UserId) -> Presence {
        let online = self.online(user);
        let last_seen_at = self.last_seen.get(&user).copied().filter(|_| !online);
        Presence { user, online, last_seen_at }
    }

    /// Those of these people of whom there is something to say.
    pub(super) fn known(&self, people: &[UserId]) -> Vec<Presence> {
        let presences = people.iter().map(|user| self.presence(*user));
        presences.filter(|presence| presence.online || presence.last_seen_at.is_some()).collect()
    }

    /// Who came or went since this was last asked.
    pub(super) fn take_changed(&mut self) -> HashSet<UserId> {
        std::mem::take(&mut self.changed)
    }

    /// What the other nodes are to hear.
    pub(super) fn take_notes(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.notes)
    }

    /// Somebody has a socket here, or none any more.
    pub(super) fn attended(&mut self, user: UserId, is_here: bool, at: Moment) {
        match (is_here, self.here.get_mut(&user)) {
            (true, Some(left)) => *left = None,
            (true, None) => {
                if !self.online(user) {
                    self.changed.insert(user);
                }
                self.here.insert(user, None);
                self.notes.extend(notes(self.node, &[user], &[]));
            }
            (false, Some(left)) => *left = left.or(Some(at)),
            (false, None) => {}
        }
    }

    /// Another node said something.
    pub(super) fn heard(&mut self, note: &Note, said_at: Timestamp, at: Moment) {
        let from = note.node;
        if from == self.node {
            return;
        }
        if note.leaves {
            self.nodes.remove(&from);
            // They are about to come back on other nodes.
            let until = at.now + self.times.linger;
            let places = self.elsewhere.values_mut().flatten();
            places.filter(|(place, _)| *place == from).for_each(|(_, counts)| *counts = until);
            return;
        }
        self.announce |= self.nodes.insert(from, at).is_none();
        let until = at.now + self.times.beacon_every * (2 * PRESENCE_REFRESH_BEACONS);
        for user in &note.on {
            self.came(*user, from, until);
        }
        for (user, seen) in &note.off {
            // A clock that is ahead does not see into the future.
            self.saw(*user, (*seen).min(said_at).min(at.wall));
            self.leave(*user, |place, _| place == from);
        }
    }

    fn came(&mut self, user: UserId, node: Uuid, until: Instant) {
        let online = self.online(user);
        if !online && self.elsewhere.len() >= PRESENCE_PEOPLE_MAX {
            return;
        }
        let places = self.elsewhere.entry(user).or_default();
        places.retain(|(place, _)| *place != node);
        places.push((node, until));
        if !online {
            self.changed.insert(user);
        }
    }

    /// Somebody is no longer in those places.
    fn leave(&mut self, user: UserId, gone: impl Fn(Uuid, Instant) -> bool) {
        let Some(places) = self.elsewhere.get_mut(&user) else { return };
        places.retain(|(place, until)| !gone(*place, *until));
        if places.is_empty() {
            self.elsewhere.remove(&user);
            if !self.here.contains_key(&user) {
                self.changed.insert(user);
            }
        }
    }

    fn saw(&mut self, user: UserId, at: Timestamp) {
        let seen = self.last_seen.entry(user).or_insert(at);
        *seen = at.max(*seen);
        if self.last_seen.len() > PRESENCE_LAST_SEEN_PEOPLE_MAX {
            let kept = self.seen_last(PRESENCE_LAST_SEEN_PEOPLE_MAX / 2);
            self.last_seen = kept.into_iter().collect();
        }
    }

    /// Those who were seen last.
    fn seen_last(&self, people: usize) -> Vec<(UserId, Timestamp)> {
        let mut all: Vec<_> = self.last_seen.iter().map(|(user, at)| (*user, *at)).collect();
        all.sort_unstable_by_key(|(user, at)| Reverse((*at, *user)));
        all.truncate(people);
        all
    }

    /// Time has passed.
    pub(super) fn tick(&mut self, at: Moment) {
        let linger = self.times.linger;
        let over = |left: &Moment| at.now >= left.now + linger;
        let left = self.here.extract_if(|_, left| left.as_ref().is_some_and(over));
        let left: Vec<_> = left.filter_map(|(user, left)| Some((user, left?.wall))).collect();
        for (user, seen) in &left {
            self.saw(*user, *seen);
            if !self.online(*user) {
                self.changed.insert(*user);
            }
        }
        self.notes.extend(notes(self.node, &[], &left));
        let silence = self.times.node_silence;
        let silent = self.nodes.extract_if(|_, heard| at.now >= heard.now + silence);
        let silent: HashMap<_, _> = silent.map(|(node, heard)| (node, heard.wall)).collect();
        self.expire(&silent, at);
        if std::mem::take(&mut self.announce) {
            let here: Vec<_> = self.here.keys().copied().take(PRESENCE_ANNOUNCED_PEOPLE_MAX).collect();
            let seen = self.seen_last(PRESENCE_ANNOUNCED_PEOPLE_MAX);
            self.notes.extend(notes(self.node, &here, &seen));
        }
    }

    /// Forgets who was on nodes that are gone, by when these were heard last, and who was not named for long.
    fn expire(&mut self, silent: &HashMap<Uuid, Timestamp>, at: Moment) {
        let over = |place: Uuid, until: Instant| silent.contains_key(&place) || until <= at.now;
        let gone = self.elsewhere.iter().filter_map(|(user, places)| {
            let (place, _) = places.iter().find(|(place, until)| over(*place, *until))?;
            Some((*user, silent.get(place).copied().unwrap_or(at.wall)))
        });
        for (user, seen) in gone.collect::<Vec<_>>() {
            self.saw(user, seen);
            self.leave(user, over);
        }
    }

    /// It is time to say that this node is there, and to repeat a part of who is on it, for those who did not hear it.
    pub(super) fn beacon(&mut self) {
        self.beacons += 1;
        let turns = u128::from(PRESENCE_REFRESH_BEACONS);
        let turn = self.beacons % turns;
        let due: Vec<_> = self.here.keys().copied().filter(|user| user.0.as_u128() % turns == turn).collect();
        let mut notes = notes(self.node, &due, &[]);
        if notes.is_empty() {
            notes.push(Note { node: self.node, ..Note::default() });
        }
        self.notes.extend(notes);
    }

    /// This node stops.
    pub(super) fn farewell(&self) -> Note {
        Note { node: self.node, leaves: true, ..Note::default() }
    }
}

#[cfg(test)]
mod tests;
