use super::*;
use std::time::Duration;

fn user(number: u128) -> UserId {
    UserId(Uuid::from_u128(number))
}

fn times() -> PresenceTimes {
    PresenceTimes {
        linger: Duration::from_secs(5),
        beacon_every: Duration::from_secs(2),
        node_silence: Duration::from_secs(10),
    }
}

/// Nodes that hear each other, and a clock.
struct Cluster {
    start: Instant,
    seconds: u64,
    nodes: Vec<Roster>,
}

impl Cluster {
    fn of(nodes: u128) -> Self {
        let nodes = (0..nodes).map(|number| Roster::new(Uuid::from_u128(100 + number), times())).collect();
        let mut cluster = Self { start: Instant::now(), seconds: 0, nodes };
        cluster.beacons();
        cluster.pass(1);
        cluster
    }

    fn at(&self) -> Moment {
        let now = self.start + Duration::from_secs(self.seconds);
        let wall = Timestamp::from_millis(i64::try_from(self.seconds * 1_000).unwrap());
        Moment { now, wall }
    }

    fn deliver(&mut self) {
        let at = self.at();
        for from in 0..self.nodes.len() {
            for note in self.nodes[from].take_notes() {
                self.nodes.iter_mut().for_each(|node| node.heard(&note, at.wall, at));
            }
        }
    }

    fn attended(&mut self, node: usize, number: u128, is_here: bool) {
        let at = self.at();
        self.nodes[node].attended(user(number), is_here, at);
        self.deliver();
    }

    fn beacons(&mut self) {
        self.nodes.iter_mut().for_each(Roster::beacon);
        self.deliver();
    }

    /// Seconds pass, with a look at each node and a beacon in every one.
    fn pass(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.seconds += 1;
            let at = self.at();
            self.nodes.iter_mut().for_each(|node| node.tick(at));
            self.deliver();
            self.beacons();
        }
    }

    fn online(&self, number: u128) -> Vec<bool> {
        self.nodes.iter().map(|node| node.presence(user(number)).online).collect()
    }

    fn seen(&self, number: u128) -> Vec<Option<i64>> {
        let seen = |node: &Roster| node.presence(user(number)).last_seen_at.map(|at| at.as_millis() / 1_000);
        self.nodes.iter().map(seen).collect()
    }

    fn changed(&mut self) -> Vec<HashSet<UserId>> {
        self.nodes.iter_mut().map(Roster::take_changed).collect()
    }
}

#[test]
fn somebody_with_a_socket_on_any_node_is_online_on_all() {
    let mut cluster = Cluster::of(2);
    cluster.attended(0, 1, true);
    assert_eq!(cluster.online(1), [true, true]);
    assert_eq!(cluster.changed(), [HashSet::from([user(1)]), HashSet::from([user(1)])]);
    cluster.attended(1, 1, true);
    cluster.attended(0, 1, false);
    cluster.pass(6);
    assert_eq!(cluster.online(1), [true, true], "still on the other one");
    assert_eq!(cluster.changed(), [HashSet::new(), HashSet::new()], "which is no news");
    cluster.attended(1, 1, false);
    cluster.pass(6);
    assert_eq!(cluster.online(1), [false, false]);
    assert_eq!(cluster.changed(), [HashSet::from([user(1)]), HashSet::from([user(1)])]);
}

#[test]
fn whoever_only_loads_a_page_was_never_gone() {
    let mut cluster = Cluster::of(2);
    cluster.attended(0, 1, true);
    cluster.changed();
    cluster.attended(0, 1, false);
    cluster.pass(4);
    cluster.attended(0, 1, true);
    cluster.pass(60);
    assert_eq!((cluster.online(1), cluster.changed()), (vec![true; 2], vec![HashSet::new(); 2]));
}

#[test]
fn all_nodes_know_when_somebody_was_seen_last_and_so_does_a_new_one() {
    let mut cluster = Cluster::of(2);
    cluster.attended(0, 1, true);
    cluster.pass(20);
    let left = i64::try_from(cluster.seconds).unwrap();
    cluster.attended(0, 1, false);
    cluster.pass(6);
    assert_eq!(cluster.seen(1), [Some(left); 2], "when the socket closed, not when that was noticed");
    cluster.attended(1, 2, true);
    cluster.nodes.push(Roster::new(Uuid::from_u128(200), times()));
    cluster.beacons();
    cluster.pass(1);
    assert_eq!((cluster.seen(1), cluster.online(2)), (vec![Some(left); 3], vec![true; 3]));
    cluster.attended(0, 1, true);
    assert_eq!(cluster.seen(1), [None; 3], "who is online is seen now");
}

#[test]
fn a_node_that_dies_takes_its_people_along() {
    let mut cluster = Cluster::of(3);
    cluster.attended(2, 1, true);
    cluster.attended(2, 2, true);
    cluster.attended(0, 2, true);
    cluster.pass(3);
    cluster.changed();
    cluster.nodes.pop();
    cluster.pass(9);
    assert_eq!(cluster.online(1), [true; 2]);
    cluster.pass(1);
    assert_eq!((cluster.online(1), cluster.online(2)), (vec![false; 2], vec![true; 2]));
    assert_eq!(cluster.changed(), vec![HashSet::from([user(1)]); 2]);
    assert_eq!(cluster.seen(1), [Some(4); 2], "when the node was heard last");
}

#[test]
fn whoever_was_on_a_node_that_stops_has_time_to_come_to_another() {
    let mut cluster = Cluster::of(2);
    cluster.attended(1, 1, true);
    cluster.attended(1, 2, true);
    cluster.changed();
    let at = cluster.at();
    let farewell = cluster.nodes.pop().unwrap().farewell();
    cluster.nodes[0].heard(&farewell, at.wall, at);
    cluster.pass(4);
    cluster.attended(0, 1, true);
    assert_eq!((cluster.online(1), cluster.online(2)), (vec![true], vec![true]));
    cluster.pass(1);
    assert_eq!((cluster.online(1), cluster.online(2)), (vec![true], vec![false]));
    assert_eq!(cluster.changed(), [HashSet::from([user(2)])]);
}

#[test]
fn what_a_node_did_not_hear_it_hears_by_beacons() {
    let mut cluster = Cluster::of(2);
    cluster.attended(0, 1, true);
    cluster.attended(0, 2, true);
    let at = cluster.at();
    // The other node hears none of this.
    cluster.nodes[0].attended(user(3), true, at);
    cluster.nodes[0].attended(user(2), false, at);
    cluster.nodes[0].take_notes();
    cluster.seconds += 5;
    let at = cluster.at();
    cluster.nodes[0].tick(at);
    cluster.nodes[0].take_notes();
    assert_eq!(
        (cluster.nodes[1].presence(user(3)).online, cluster.nodes[1].presence(user(2)).online),
        (false, true)
    );
    let beacons = u64::from(PRESENCE_REFRESH_BEACONS);
    cluster.pass(beacons);
    assert_eq!(cluster.online(3), [true; 2]);
    // Who is not named any more goes later: a beacon may be lost.
    cluster.pass(2 * 2 * beacons);
    assert_eq!((cluster.online(1), cluster.online(2)), (vec![true; 2], vec![false; 2]));
}

#[test]
fn a_beacon_names_a_part_of_the_people_and_all_of_them_in_turn() {
    let mut cluster = Cluster::of(1);
    let people = 3_000;
    (0..people).for_each(|number| cluster.attended(0, number, true));
    let mut named = HashSet::new();
    for _ in 0..PRESENCE_REFRESH_BEACONS {
        cluster.nodes[0].beacon();
        let notes = cluster.nodes[0].take_notes();
        let on: Vec<_> = notes.into_iter().flat_map(|note| note.on).collect();
        assert_eq!(on.len(), 200);
        named.extend(on);
    }
    assert_eq!(named.len(), usize::try_from(people).unwrap());
}
