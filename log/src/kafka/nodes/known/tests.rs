use super::*;

/// The node that listens.
const OWN: u128 = 1;
/// Another node.
const OTHER: u128 = 2;
/// The levels that the listener and the other node know.
const OURS: Level = Level(2);
const THEIRS: Level = Level(1);
/// A turn of the thread that follows.
const TURN: Duration = limits::POLL_WAIT;

struct Listener {
    known: KnownNodes,
    now: Instant,
    /// When it says next that it is here.
    beats: Instant,
}

impl Listener {
    fn new() -> Self {
        let now = Instant::now();
        Self { known: KnownNodes::new(Uuid::from_u128(OWN), now), now, beats: now }
    }

    fn hears(&mut self, instance: u128, state: NodeState) -> Option<News> {
        let (node, instance) = (instance.to_string(), Uuid::from_u128(instance));
        self.known.heard(Heartbeat { node, instance, state, level: THEIRS.0 })
    }

    /// Listens for so long, in turns, and hears itself alone.
    fn listens(&mut self, time: Duration) -> Vec<News> {
        let end = self.now + time;
        let mut news = Vec::new();
        while self.now < end {
            if self.now >= self.beats {
                self.beats = self.now + limits::HEARTBEAT_EVERY;
                assert_eq!(self.hears(OWN, NodeState::Here), None);
            }
            news.extend(self.turns(TURN, true));
        }
        news
    }

    /// One turn that takes so long.
    fn turns(&mut self, time: Duration, heard_all: bool) -> Vec<News> {
        self.now += time;
        self.known.turn(self.now, heard_all)
    }
}

fn came(node: u128) -> News {
    News::Came(node.to_string(), THEIRS)
}

fn fell_silent(node: u128) -> Vec<News> {
    vec![News::FellSilent(node.to_string())]
}

#[test]
fn a_node_comes_once_however_often_it_is_heard() {
    let mut listener = Listener::new();
    assert_eq!(listener.hears(OTHER, NodeState::Here), Some(came(OTHER)));
    for _ in 0..100 {
        assert!(listener.listens(limits::HEARTBEAT_EVERY).is_empty());
        assert_eq!(listener.hears(OTHER, NodeState::Here), None);
    }
    assert_eq!(listener.known.count(), 1);
}

#[test]
fn nothing_is_known_by_all_before_everybody_could_be_heard() {
    let mut listener = Listener::new();
    listener.listens(limits::HEARTBEAT_SILENCE_MAX);
    assert_eq!(listener.known.known_by_all(OURS), None);
    listener.listens(limits::HEARTBEAT_EVERY * 2);
    assert_eq!(listener.known.known_by_all(OURS), Some(OURS));
}

#[test]
fn time_in_which_nobody_is_heard_does_not_count() {
    let mut listener = Listener::new();
    for _ in 0..100 {
        listener.turns(TURN, true);
    }
    assert_eq!(listener.known.known_by_all(OURS), None);
}

#[test]
fn all_know_what_the_one_knows_who_knows_least_until_it_is_gone() {
    let mut listener = Listener::new();
    for _ in 0..20 {
        listener.hears(OTHER, NodeState::Here);
        listener.listens(limits::HEARTBEAT_EVERY);
    }
    assert_eq!(listener.known.known_by_all(OURS), Some(THEIRS));
    listener.hears(OTHER, NodeState::Leaving);
    assert_eq!(listener.known.known_by_all(OURS), Some(OURS));
    listener.hears(OTHER, NodeState::Here);
    assert_eq!(listener.known.known_by_all(OURS), Some(THEIRS));
    listener.listens(limits::HEARTBEAT_SILENCE_MAX * 2);
    assert_eq!(listener.known.known_by_all(OURS), Some(OURS));
}

#[test]
fn a_node_that_falls_silent_is_told_once() {
    let mut listener = Listener::new();
    listener.hears(OTHER, NodeState::Here);
    assert!(listener.listens(limits::HEARTBEAT_SILENCE_MAX).is_empty());
    assert_eq!(listener.listens(limits::HEARTBEAT_EVERY * 2), fell_silent(OTHER));
    assert!(listener.listens(limits::HEARTBEAT_SILENCE_MAX * 3).is_empty());
    assert_eq!(listener.known.count(), 0);
}

#[test]
fn a_node_that_leaves_is_told_at_once_and_never_again() {
    let mut listener = Listener::new();
    listener.hears(OTHER, NodeState::Here);
    assert_eq!(listener.hears(OTHER, NodeState::Leaving), Some(News::Left(OTHER.to_string())));
    assert_eq!(listener.hears(OTHER, NodeState::Leaving), None);
    assert!(listener.listens(limits::HEARTBEAT_SILENCE_MAX * 3).is_empty());
}

#[test]
fn a_node_that_was_silent_and_comes_back_is_known_again() {
    let mut listener = Listener::new();
    listener.hears(OTHER, NodeState::Here);
    assert_eq!(listener.listens(limits::HEARTBEAT_SILENCE_MAX * 2), fell_silent(OTHER));
    assert_eq!(listener.hears(OTHER, NodeState::Here), Some(came(OTHER)));
    assert_eq!(listener.listens(limits::HEARTBEAT_SILENCE_MAX * 2), fell_silent(OTHER));
}

#[test]
fn one_silent_node_is_told_and_the_others_are_not() {
    let mut listener = Listener::new();
    listener.hears(OTHER, NodeState::Here);
    listener.hears(3, NodeState::Here);
    assert!(listener.listens(limits::HEARTBEAT_SILENCE_MAX / 2).is_empty());
    listener.hears(3, NodeState::Here);
    assert_eq!(
        listener.listens(limits::HEARTBEAT_SILENCE_MAX / 2 + limits::HEARTBEAT_EVERY * 2),
        fell_silent(OTHER)
    );
    assert_eq!(listener.known.count(), 1);
}

#[test]
fn a_listener_that_slept_takes_nobody_for_dead() {
    let mut listener = Listener::new();
    listener.hears(OTHER, NodeState::Here);
    assert!(listener.turns(Duration::from_hours(1), true).is_empty());
    assert!(listener.listens(limits::HEARTBEAT_EVERY).is_empty());
    assert_eq!(listener.hears(OTHER, NodeState::Here), None);
}

#[test]
fn a_listener_that_cannot_keep_up_takes_nobody_for_dead() {
    let mut listener = Listener::new();
    listener.hears(OTHER, NodeState::Here);
    for _ in 0..100 {
        assert!(listener.turns(limits::HEARTBEAT_SILENCE_MAX, false).is_empty());
        listener.hears(OWN, NodeState::Here);
    }
    assert_eq!(listener.listens(limits::HEARTBEAT_SILENCE_MAX * 2), fell_silent(OTHER));
}

#[test]
fn a_topic_that_nobody_leads_makes_nobody_look_dead() {
    let mut listener = Listener::new();
    listener.hears(OTHER, NodeState::Here);
    for _ in 0..100 {
        assert!(listener.turns(TURN, true).is_empty());
    }
    assert!(listener.listens(limits::HEARTBEAT_EVERY).is_empty());
    assert_eq!(listener.hears(OTHER, NodeState::Here), None);
}

#[test]
fn a_node_that_dies_while_nobody_leads_the_topic_is_told_afterwards() {
    let mut listener = Listener::new();
    listener.hears(OTHER, NodeState::Here);
    for _ in 0..100 {
        assert!(listener.turns(TURN, true).is_empty());
    }
    assert_eq!(listener.listens(limits::HEARTBEAT_SILENCE_MAX * 2), fell_silent(OTHER));
}

#[test]
fn who_does_not_hear_itself_is_told_of_silence_as_long_as_it_hears_another() {
    let mut listener = Listener::new();
    listener.hears(OTHER, NodeState::Here);
    let mut news = Vec::new();
    for _ in 0..6 {
        listener.hears(3, NodeState::Here);
        for _ in 0..5 {
            news.extend(listener.turns(TURN, true));
        }
    }
    assert_eq!(news, fell_silent(OTHER));
}

#[test]
fn a_node_does_not_count_itself() {
    let mut listener = Listener::new();
    assert_eq!(listener.hears(OWN, NodeState::Here), None);
    assert_eq!(listener.hears(OWN, NodeState::Leaving), None);
    assert_eq!(listener.known.count(), 0);
}

#[test]
fn nodes_past_the_limit_are_let_go_until_there_is_room() {
    let mut listener = Listener::new();
    for node in 0..=limits::NODES_MAX as u128 {
        listener.hears(OTHER + node, NodeState::Here);
    }
    assert_eq!(listener.known.count(), limits::NODES_MAX);
    let last = OTHER + limits::NODES_MAX as u128;
    assert_eq!(listener.hears(last, NodeState::Here), None);
    listener.hears(OTHER, NodeState::Leaving);
    assert_eq!(listener.hears(last, NodeState::Here), Some(came(last)));
}
