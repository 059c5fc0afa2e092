//! Edits and deletions: what is lost, applied twice or left over is called what it is.

use super::*;
use crate::evidence::Change;

fn change(nth: usize) -> MessageId {
    Numbering::new(7, 200).change_of(id(0), nth).unwrap()
}

fn set(lines: &mut [Line], says: Says, revision: u64) {
    (lines[0].says, lines[0].revision) = (says, Offset(revision));
}

/// The first message was edited twice, by the records at 5 and 6; all see the second text.
fn edited(evidence: &mut Evidence) {
    for nth in 0..2 {
        evidence.changes.insert(change(nth), Change { message: id(0), deletes: false });
        evidence.change_acks.push((change(nth), Offset(5 + u64::try_from(nth).unwrap())));
    }
    everywhere(evidence, |lines| set(lines, Says::Edited(change(1)), 6));
}

/// And it was deleted then, by the record at 7.
fn deleted(evidence: &mut Evidence) {
    edited(evidence);
    evidence.changes.insert(change(2), Change { message: id(0), deletes: true });
    evidence.change_acks.push((change(2), Offset(7)));
    everywhere(evidence, |lines| set(lines, Says::Deleted, 7));
}

#[test]
fn a_message_that_is_as_its_last_change_made_it_is_no_mismatch() {
    for change in [edited, deleted] {
        let mut evidence = sound();
        change(&mut evidence);
        let findings = judge(&[evidence]);
        assert_eq!(findings.total(), 0, "{:?}", findings.examples());
    }
}

#[test]
fn a_change_that_was_asked_for_and_took_effect_before_its_ack_was_lost_is_no_mismatch() {
    let mut evidence = sound();
    edited(&mut evidence);
    evidence.change_acks.truncate(1);
    assert_eq!(judge(&[evidence]).total(), 0);
}

#[test]
fn an_acknowledged_change_that_is_not_in_history_is_lost() {
    for (says, revision) in [(Says::Posted, 0), (Says::Edited(change(0)), 5), (Says::Edited(change(1)), 6)] {
        let lost = only_mismatch(|evidence| {
            deleted(evidence);
            everywhere(evidence, |lines| set(lines, says, revision));
        });
        assert_eq!(lost, Mismatch::LostChange, "{says:?}");
    }
}

#[test]
fn a_change_that_a_member_was_not_shown_is_lost() {
    let lost = only_mismatch(|evidence| {
        edited(evidence);
        set(&mut evidence.witnesses[1].shown, Says::Edited(change(0)), 5);
    });
    assert_eq!(lost, Mismatch::LostChange);
}

#[test]
fn a_change_that_changed_the_message_and_no_revision_is_lost_to_the_members_who_were_not_told() {
    let lost = only_mismatch(|evidence| {
        edited(evidence);
        for witness in &mut evidence.witnesses {
            set(&mut witness.shown, Says::Edited(change(0)), 6);
        }
    });
    assert_eq!(lost, Mismatch::LostChange);
}

#[test]
fn a_change_that_was_acknowledged_as_two_records_was_applied_twice() {
    let twice = only_mismatch(|evidence| {
        edited(evidence);
        evidence.change_acks.push((change(0), Offset(7)));
    });
    assert_eq!(twice, Mismatch::ChangedTwice);
}

#[test]
fn an_older_text_that_came_back_over_a_newer_one_was_applied_twice() {
    let twice = only_mismatch(|evidence| {
        edited(evidence);
        everywhere(evidence, |lines| set(lines, Says::Edited(change(0)), 7));
    });
    assert_eq!(twice, Mismatch::ChangedTwice);
}

#[test]
fn a_member_who_was_shown_a_later_state_than_history_has_is_found() {
    let older = only_mismatch(|evidence| {
        edited(evidence);
        set(&mut evidence.witnesses[0].shown, Says::Edited(change(1)), 8);
    });
    assert_eq!(older, Mismatch::ChangedTwice);
}

#[test]
fn a_state_that_history_never_had_is_a_ghost() {
    let ghost = only_mismatch(|evidence| {
        edited(evidence);
        set(&mut evidence.witnesses[0].shown, Says::Other, 6);
    });
    assert_eq!(ghost, Mismatch::Ghost);
}

#[test]
fn a_change_that_nobody_asked_for_is_foreign() {
    for (says, revision) in [(Says::Edited(change(3)), 9), (Says::Deleted, 9), (Says::Posted, 9)] {
        let foreign = only_mismatch(|evidence| {
            edited(evidence);
            everywhere(evidence, |lines| set(lines, says, revision));
        });
        assert_eq!(foreign, Mismatch::Foreign, "{says:?}");
    }
}

#[test]
fn a_change_that_never_left_the_outbox_is_unresolved() {
    let unresolved = only_mismatch(|evidence| {
        edited(evidence);
        evidence.changes.insert(change(2), Change { message: id(0), deletes: true });
    });
    assert_eq!(unresolved, Mismatch::Unresolved);
}

#[test]
fn two_members_who_read_a_message_in_two_states_are_found() {
    let differ = only_mismatch(|evidence| {
        edited(evidence);
        set(&mut evidence.histories[1].1, Says::Edited(change(0)), 5);
    });
    assert_eq!(differ, Mismatch::HistoriesDiffer);
}
