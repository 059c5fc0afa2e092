use super::*;
use crate::latency::Latencies;

const FOUND: Saturation = Saturation { rate: 2, at_least: false };
const AT_LEAST: Saturation = Saturation { rate: 2, at_least: true };

fn ladder(steps: Vec<Step>) -> Ladder {
    Ladder { log: LogKind::Kafka, nodes: 1, steps, ended: None, problems: Vec::new() }
}

fn at(rate: u32, arrived: u64, span_ms: u64, p99_ms: u64, late_ms: u64) -> AtRate {
    let all = |ms: u64| {
        let mut latencies = Latencies::new();
        latencies.record(ms * 1_000_000);
        latencies
    };
    AtRate {
        rate,
        end_to_end: all(p99_ms),
        to_ack: all(1),
        late: all(late_ms),
        cpu_us: 400.0,
        threads: Vec::new(),
        kafka_cpu_us: Some(500.0),
        load_cpu_us: 100.0,
        span: Duration::from_millis(span_ms),
        stolen_percent: 0.0,
        counts: [1_000, 1_000, arrived],
    }
}

#[test]
fn a_rate_is_sustained_when_all_arrives_in_time() {
    let held = |at: &AtRate| held(at, Duration::from_millis(100));
    assert_eq!(held(&at(100, 1_000, 10_000, 50, 1)), Held::Yes);
    assert_eq!(held(&at(100, 999, 10_000, 50, 1)), Held::Missing);
    assert_eq!(held(&at(100, 1_000, 11_000, 50, 1)), Held::Behind);
    assert_eq!(held(&at(100, 1_000, 10_000, 101, 1)), Held::Slow);
    assert_eq!(held(&at(100, 1_000, 10_000, 50, 60)), Held::Slow);
}

#[test]
fn saturation_is_the_last_rate_that_was_sustained() {
    assert_eq!(saturation(&[(1, true), (2, true), (3, false), (3, false)], false), Some(FOUND));
    assert_eq!(saturation(&[(1, false), (1, false)], false), None);
    assert_eq!(saturation(&[], true), None);
}

#[test]
fn a_rate_that_is_sustained_at_the_second_try_is_sustained() {
    assert_eq!(saturation(&[(1, true), (2, false), (2, true), (3, false), (3, false)], false), Some(FOUND));
}

#[test]
fn what_lies_beyond_a_rate_that_was_not_sustained_does_not_count() {
    let saturation = saturation(&[(1, true), (2, false), (2, false), (3, true)], false).unwrap();
    assert_eq!(saturation.rate, 1);
}

#[test]
fn a_knee_that_was_not_passed_is_the_least_that_it_is() {
    assert_eq!(saturation(&[(1, true), (2, true)], false), Some(AT_LEAST));
    // An error ended the search, between two rates or between two tries.
    assert_eq!(saturation(&[(1, true), (2, true)], true), Some(AT_LEAST));
    assert_eq!(saturation(&[(1, true), (2, true), (3, false)], true), Some(AT_LEAST));
    assert_eq!([FOUND, AT_LEAST].map(|saturation| saturation.to_string()), ["2", "at least 2"]);
}

#[test]
fn a_knee_is_as_many_times_another_as_is_known_of_both() {
    let found = Saturation { rate: 3, at_least: false };
    assert_eq!(times(found, FOUND), "1.50");
    assert_eq!(times(Saturation { at_least: true, ..found }, FOUND), "at least 1.50");
    assert_eq!(times(found, AT_LEAST), "at most 1.50");
    assert_eq!(times(Saturation { at_least: true, ..found }, AT_LEAST), "unknown");
}

#[test]
fn what_is_drawn_is_what_is_held_against_the_bound_and_nothing_that_is_incomplete() {
    let step = |at: AtRate| Step { held: held(&at, Duration::from_millis(100)), at };
    let steps = [
        at(100, 1_000, 10_000, 50, 20),
        at(200, 1_000, 5_000, 80, 60),
        at(200, 1_000, 5_000, 60, 60),
        at(300, 900, 5_000, 1, 1),
    ];
    let points = better(&steps.map(step));
    assert_eq!(points.iter().map(|(rate, _)| rate.round()).collect::<Vec<_>>(), [100.0, 200.0]);
    assert!(points.iter().zip([70.0, 120.0]).all(|((_, ms), expected)| (ms - expected).abs() < 1.0));
}

#[test]
fn a_server_with_a_problem_keeps_no_promise() {
    let mut ladders = [ladder(Vec::new())];
    assert_eq!(verdict(&ladders), Verdict::Kept);
    ladders[0].ended = Some("a client has ended".into());
    assert_eq!(verdict(&ladders), Verdict::Kept);
    ladders[0].problems.extend(run::refused(["too long"]));
    assert_eq!(verdict(&ladders), Verdict::Broken);
}

#[test]
fn cores_suffice_for_what_all_parts_together_leave() {
    let for_thousand = cores_for_thousand(&at(100, 1_000, 10_000, 1, 1));
    assert_eq!(for_thousand.map(short), ["0.400", "0.500", "0.100"]);
    assert!((ceiling(2, for_thousand) - 2_000.0).abs() < 1e-6);
}

#[test]
fn every_try_has_messages_of_its_own() {
    let parts = parts(&[10, 20], 3).unwrap();
    assert_eq!(parts.iter().map(|part| part.rate).collect::<Vec<_>>(), [10, 10, 10, 10, 20, 20, 20]);
    assert!(parts.is_sorted_by(|one, next| one.end == next.begin));
}
