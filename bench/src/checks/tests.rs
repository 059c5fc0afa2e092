//! The checker can fail: each broken history is called what it is.

use super::*;
use crate::evidence::Says;
use crate::numbered::Numbering;
use uuid::Uuid;

mod changes;

const ANN: UserId = UserId(Uuid::from_u128(1));
const BOB: UserId = UserId(Uuid::from_u128(2));

fn id(number: usize) -> MessageId {
    Numbering::new(7, 200).id(number)
}

fn line(number: usize, offset: u64, previous: Option<u64>) -> Line {
    Line {
        offset: Offset(offset),
        previous: Previous::Told(previous.map(Offset)),
        id: id(number),
        sender: if number.is_multiple_of(2) { ANN } else { BOB },
        says: Says::Posted,
        revision: Offset(offset),
    }
}

/// Four messages at the offsets 0, 1, 3 and 4: readers step over the hole at 2.
fn lines() -> Vec<Line> {
    vec![line(0, 0, None), line(1, 1, Some(0)), line(2, 3, Some(1)), line(3, 4, Some(3))]
}

fn sound() -> Evidence {
    Evidence {
        conversation: ConversationId::of_pair(ANN, BOB),
        said: lines().iter().map(|line| (line.id, line.sender)).collect(),
        acks: lines().iter().map(|line| (line.id, line.offset)).collect(),
        changes: BTreeMap::new(),
        change_acks: Vec::new(),
        notices: BTreeMap::new(),
        turned_away: BTreeSet::new(),
        histories: vec![(ANN, lines()), (BOB, lines())],
        witnesses: [ANN, BOB].map(|member| Witness { member, shown: lines(), own_shown: true }).into(),
    }
}

/// The only mismatch that the checks find once the evidence is broken like this.
fn only_mismatch(breaking: impl FnOnce(&mut Evidence)) -> Mismatch {
    let mut evidence = sound();
    breaking(&mut evidence);
    let findings = judge(&[evidence]);
    let found: Vec<Mismatch> =
        Mismatch::ALL.into_iter().filter(|mismatch| findings.count(*mismatch) > 0).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(findings.examples()[0].mismatch, found[0]);
    found[0]
}

fn in_both_histories(evidence: &mut Evidence, change: impl Fn(&mut Vec<Line>)) {
    evidence.histories.iter_mut().for_each(|(_, history)| change(history));
}

fn everywhere(evidence: &mut Evidence, change: impl Fn(&mut Vec<Line>)) {
    in_both_histories(evidence, &change);
    evidence.witnesses.iter_mut().for_each(|witness| change(&mut witness.shown));
}

#[test]
fn a_sound_history_has_no_mismatch_and_everything_is_counted() {
    let findings = judge(&[sound(), sound()]);
    assert_eq!(findings.total(), 0, "{:?}", findings.examples());
    let counts =
        (findings.said, findings.acknowledged, findings.in_history, findings.delivered, findings.overtaken);
    assert_eq!(counts, (8, 8, 8, 8, 0));
}

#[test]
fn an_acknowledged_message_that_is_gone_is_lost() {
    assert_eq!(only_mismatch(|evidence| everywhere(evidence, |lines| lines.truncate(3))), Mismatch::Lost);
}

#[test]
fn a_message_at_another_offset_than_acknowledged_has_moved() {
    assert_eq!(only_mismatch(|evidence| evidence.acks[3].1 = Offset(5)), Mismatch::Moved);
}

#[test]
fn a_message_acknowledged_at_two_offsets_has_moved() {
    assert_eq!(only_mismatch(|evidence| evidence.acks.insert(0, (id(3), Offset(9)))), Mismatch::Moved);
}

#[test]
fn a_message_that_stands_twice_is_doubled() {
    let again = |lines: &mut Vec<Line>| lines.push(line(3, 5, Some(4)));
    assert_eq!(only_mismatch(|evidence| everywhere(evidence, again)), Mismatch::Doubled);
}

#[test]
fn a_message_that_nobody_sent_is_foreign() {
    let stranger = |lines: &mut Vec<Line>| lines.push(line(8, 5, Some(4)));
    assert_eq!(only_mismatch(|evidence| everywhere(evidence, stranger)), Mismatch::Foreign);
}

#[test]
fn a_message_that_says_something_else_is_foreign() {
    assert_eq!(
        only_mismatch(|evidence| everywhere(evidence, |lines| lines[1].says = Says::Other)),
        Mismatch::Foreign
    );
}

#[test]
fn a_message_under_another_name_is_foreign() {
    assert_eq!(
        only_mismatch(|evidence| assert!(evidence.said.insert(id(1), ANN).is_some())),
        Mismatch::Foreign
    );
}

#[test]
fn a_history_that_goes_back_is_disordered() {
    let swapped = |lines: &mut Vec<Line>| {
        lines[2].previous = Previous::Told(Some(Offset(4)));
        lines[3].previous = Previous::Told(Some(Offset(1)));
        lines.swap(2, 3);
    };
    assert_eq!(only_mismatch(|evidence| in_both_histories(evidence, swapped)), Mismatch::HistoryDisordered);
}

#[test]
fn a_history_whose_previous_skips_one_is_not_chained() {
    let skipping = |lines: &mut Vec<Line>| lines[3].previous = Previous::Told(Some(Offset(1)));
    assert_eq!(only_mismatch(|evidence| in_both_histories(evidence, skipping)), Mismatch::HistoryChainBroken);
}

#[test]
fn two_members_who_read_different_histories_are_found() {
    assert_eq!(only_mismatch(|evidence| evidence.histories[1].1.truncate(3)), Mismatch::HistoriesDiffer);
}

#[test]
fn a_message_that_a_member_never_saw_is_undelivered() {
    assert_eq!(only_mismatch(|evidence| evidence.witnesses[1].shown.truncate(3)), Mismatch::Undelivered);
}

#[test]
fn a_message_that_a_member_saw_twice_is_found() {
    assert_eq!(
        only_mismatch(|evidence| evidence.witnesses[0].shown.push(line(3, 4, Some(3)))),
        Mismatch::ShownTwice
    );
}

#[test]
fn messages_that_a_member_saw_out_of_order_are_found() {
    let swapped = |evidence: &mut Evidence| {
        let shown = &mut evidence.witnesses[1].shown;
        shown.swap(2, 3);
        shown[2].previous = Previous::Told(Some(Offset(1)));
    };
    assert_eq!(only_mismatch(swapped), Mismatch::ShownDisordered);
}

#[test]
fn a_message_shown_after_one_that_it_does_not_follow_is_found() {
    let broken = |evidence: &mut Evidence| {
        evidence.witnesses[1].shown[2].previous = Previous::Told(Some(Offset(0)));
    };
    assert_eq!(only_mismatch(broken), Mismatch::ShownChainBroken);
}

#[test]
fn a_message_that_was_shown_and_is_not_in_history_is_a_ghost() {
    assert_eq!(
        only_mismatch(|evidence| evidence.witnesses[1].shown.push(line(4, 5, Some(4)))),
        Mismatch::Ghost
    );
}

#[test]
fn a_message_that_never_left_the_outbox_is_unresolved() {
    assert_eq!(
        only_mismatch(|evidence| assert!(evidence.said.insert(id(5), BOB).is_none())),
        Mismatch::Unresolved
    );
}

#[test]
fn a_message_whose_ack_was_lost_but_which_stands_in_history_is_no_mismatch() {
    let mut evidence = sound();
    evidence.acks.truncate(3);
    assert_eq!(judge(&[evidence]).total(), 0);
}

#[test]
fn own_messages_need_not_be_shown_where_acks_stand_for_them() {
    let mut evidence = sound();
    for witness in &mut evidence.witnesses {
        witness.own_shown = false;
        witness.shown.retain(|line| line.sender != witness.member);
    }
    assert_eq!(judge(&[evidence]).total(), 0);
}

#[test]
fn a_message_that_names_another_previous_than_history_does_is_found() {
    let broken = |evidence: &mut Evidence| {
        let witness = &mut evidence.witnesses[1];
        witness.own_shown = false;
        witness.shown.retain(|line| line.sender != witness.member);
        witness.shown[1].previous = Previous::Told(Some(Offset(0)));
    };
    assert_eq!(only_mismatch(broken), Mismatch::ShownChainBroken);
}

#[test]
fn a_message_that_stands_before_an_earlier_one_of_its_sender_is_reported_and_no_mismatch() {
    let mut evidence = sound();
    let swapped = |lines: &mut Vec<Line>| (lines[0].id, lines[2].id) = (id(2), id(0));
    everywhere(&mut evidence, swapped);
    (evidence.acks[0].0, evidence.acks[2].0) = (id(2), id(0));
    let findings = judge(&[evidence]);
    assert_eq!((findings.total(), findings.overtaken), (0, 1));
}
