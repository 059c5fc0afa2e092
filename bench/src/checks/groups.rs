//! Whether a group was shown to whom it should be, and as its log has it: pure, like the other checks.

use super::{Check, Finding, Findings, Mismatch};
use crate::crash::groups::{oracle::Ledger, person::Told};
use crate::evidence::{Evidence, Line, Previous, Says, Witness};
use kafkatalk_protocol::{Offset, UserId};
use std::collections::BTreeSet;

/// A person of a group, member or not.
#[derive(Clone, Debug)]
pub(crate) struct Person<'a> {
    /// Who.
    pub(crate) user: UserId,
    /// What their device has to tell.
    pub(crate) told: &'a Told,
    /// The history as they read it afterwards; none where they were refused it.
    pub(crate) history: Option<Vec<Line>>,
}

/// Looks at a group. The first history of the evidence is of somebody who was always in it.
pub(crate) fn judge(findings: &mut Findings, evidence: &Evidence, ledger: &Ledger, people: &[Person<'_>]) {
    let mut check = Check { evidence, findings };
    check.run();
    let history = evidence.histories.first().map_or(&[][..], |(_, history)| history.as_slice());
    check.records(ledger, history);
    for person in people {
        check.person(ledger, history, person);
    }
}

/// What somebody sees of a history who sees it from there on.
fn seen_from(history: &[Line], sees_from: Offset) -> Vec<Line> {
    history.iter().filter(|line| line.offset >= sees_from).copied().collect()
}

/// The same, as if it began there.
fn as_beginning(mut lines: Vec<Line>, sees_from: Offset) -> Vec<Line> {
    if let Some(first) = lines.first_mut()
        && matches!(first.previous, Previous::Told(Some(previous)) if previous < sees_from)
    {
        first.previous = Previous::Told(None);
    }
    lines
}

impl Check<'_> {
    /// Everything that was done to the group has its line, and nobody wrote there who was out of it.
    fn records(&mut self, ledger: &Ledger, history: &[Line]) {
        for line in history.iter().filter(|line| line.says != Says::Notice) {
            if !ledger.was_for(line.sender, line.offset) {
                self.note(Mismatch::Foreign, None, Some(line));
            }
        }
        for offset in ledger.notices.keys() {
            if history.binary_search_by_key(offset, |line| line.offset).is_err() {
                self.note_at(Mismatch::LostChange, None, *offset);
            }
        }
    }

    fn note_at(&mut self, mismatch: Mismatch, member: Option<UserId>, offset: Offset) {
        let conversation = self.evidence.conversation;
        self.findings.note(Finding { mismatch, conversation, member, message: None, offset: Some(offset) });
    }

    fn person(&mut self, ledger: &Ledger, history: &[Line], person: &Person<'_>) {
        let (user, told) = (person.user, person.told);
        for offset in told.heard.iter().filter(|offset| !ledger.was_for(user, **offset)) {
            self.note_at(Mismatch::Forbidden, Some(user), *offset);
        }
        let sees_from = ledger.sees_from(user);
        match (&person.history, sees_from) {
            (None, None) => {}
            (Some(read), Some(sees_from)) => {
                if let Some(line) = read.iter().find(|line| !ledger.was_for(user, line.offset)) {
                    self.note(Mismatch::Forbidden, Some(user), Some(line));
                } else if *read != seen_from(history, sees_from) {
                    self.note(Mismatch::HistoriesDiffer, Some(user), None);
                }
            }
            (Some(_), None) => self.note(Mismatch::Forbidden, Some(user), None),
            (None, Some(_)) => self.note(Mismatch::HistoriesDiffer, Some(user), None),
        }
        match (&told.shown, sees_from) {
            (None, None) => {}
            (Some((from, lines, state)), Some(sees_from)) => {
                if *from != sees_from || *state != ledger.state() {
                    self.note(Mismatch::OtherMembers, Some(user), None);
                }
                let shown = as_beginning(lines.clone(), sees_from);
                let mine = as_beginning(seen_from(history, sees_from), sees_from);
                self.witness(&Witness { member: user, shown, own_shown: true }, &mine);
            }
            (Some(_), None) | (None, Some(_)) => self.note(Mismatch::OtherMembers, Some(user), None),
        }
        for shown in &told.retired {
            self.retired(user, shown, history);
        }
    }

    /// What was shown until somebody was out of the group is a part of its history without holes; they cannot have learnt
    /// of what changed since.
    fn retired(&mut self, member: UserId, shown: &[Line], history: &[Line]) {
        let Some((first, last)) = shown.first().zip(shown.last()) else { return };
        for pair in shown.windows(2).filter(|pair| pair[0].offset >= pair[1].offset) {
            self.note(Mismatch::ShownDisordered, Some(member), Some(&pair[1]));
        }
        let places =
            |lines: &[Line]| lines.iter().map(|line| (line.offset, line.id)).collect::<BTreeSet<_>>();
        let (there, known) = (places(shown), places(history));
        for line in shown.iter().filter(|line| !known.contains(&(line.offset, line.id))) {
            self.note(Mismatch::Ghost, Some(member), Some(line));
        }
        let between = history.iter().filter(|line| (first.offset..=last.offset).contains(&line.offset));
        for line in between.filter(|line| !there.contains(&(line.offset, line.id))) {
            self.note(Mismatch::Undelivered, Some(member), Some(line));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crash::groups::oracle::State;
    use crate::numbered::Numbering;
    use kafkatalk_log::{Entry, Record, Stream};
    use kafkatalk_protocol::{
        ConversationId, MessageId, Timestamp,
        event::Event,
        member::{Added, MemberRemoved, MembersAdded},
    };
    use std::{collections::BTreeMap, sync::Arc};
    use uuid::Uuid;

    const ANN: UserId = UserId(Uuid::from_u128(1));
    const BOB: UserId = UserId(Uuid::from_u128(2));
    const EVE: UserId = UserId(Uuid::from_u128(3));
    const GROUP: ConversationId = ConversationId(Uuid::from_u128(9));

    fn line(offset: u64, says: Says) -> Line {
        let id = match says {
            Says::Notice => MessageId(Uuid::from_u128(u128::from(offset))),
            _ => Numbering::new(7, 200).id(usize::try_from(offset).unwrap()),
        };
        let previous = Previous::Told(offset.checked_sub(1).map(Offset));
        Line { offset: Offset(offset), previous, id, sender: ANN, says, revision: Offset(offset) }
    }

    /// Ann writes at 0, removes Bob at 1, writes at 2, adds Eve at 3 without what was before, and writes at 4.
    fn lines() -> Vec<Line> {
        let notice = |offset| offset == 1 || offset == 3;
        (0..5).map(|offset| line(offset, if notice(offset) { Says::Notice } else { Says::Posted })).collect()
    }

    fn of<E: Event>(event: &E) -> Record {
        Record::of(Uuid::nil(), Some(ANN), Timestamp::default(), event)
    }

    fn ledger() -> Ledger {
        let entry = |offset, record: Record| Entry {
            stream: Stream::Conversation(GROUP),
            offset: Offset(offset),
            record: Arc::new(record),
        };
        let eve = Added { user: EVE, username: "eve".parse().unwrap() };
        let added = MembersAdded { members: vec![eve], sees_from: None };
        Ledger::new(ANN, &[BOB]).replay(&[entry(1, of(&MemberRemoved { user: BOB })), entry(3, of(&added))])
    }

    fn evidence() -> Evidence {
        let posted: Vec<_> = lines().into_iter().filter(|line| line.says == Says::Posted).collect();
        Evidence {
            said: posted.iter().map(|line| (line.id, ANN)).collect(),
            acks: posted.iter().map(|line| (line.id, line.offset)).collect(),
            notices: BTreeMap::from([(Offset(1), ANN), (Offset(3), ANN)]),
            histories: vec![(ANN, lines())],
            ..Evidence::new(GROUP)
        }
    }

    fn told(heard: &[u64], shown: Option<(u64, Vec<Line>)>) -> Told {
        Told {
            heard: heard.iter().copied().map(Offset).collect(),
            shown: shown.map(|(from, lines)| (Offset(from), lines, ledger().state())),
            ..Told::default()
        }
    }

    /// What Ann, Bob and Eve tell where all is well.
    fn sound() -> [Told; 3] {
        let bob = Told { retired: vec![lines()[..1].to_vec()], ..told(&[0], None) };
        let eve = told(&[3, 4], Some((3, lines()[3..].to_vec())));
        [told(&[0, 1, 2, 3, 4], Some((0, lines()))), bob, eve]
    }

    fn found(all: &[Told; 3], histories: [Option<Vec<Line>>; 3]) -> BTreeSet<Mismatch> {
        let mut findings = Findings::default();
        let people = [ANN, BOB, EVE].into_iter().zip(all).zip(histories);
        let people: Vec<_> = people.map(|((user, told), history)| Person { user, told, history }).collect();
        judge(&mut findings, &evidence(), &ledger(), &people);
        Mismatch::ALL.into_iter().filter(|mismatch| findings.count(*mismatch) > 0).collect()
    }

    fn histories() -> [Option<Vec<Line>>; 3] {
        [Some(lines()), None, Some(lines()[3..].to_vec())]
    }

    #[test]
    fn a_group_that_was_shown_as_its_log_has_it_is_sound() {
        assert_eq!(found(&sound(), histories()), BTreeSet::new());
    }

    #[test]
    fn what_was_said_after_somebody_was_removed_is_not_for_them() {
        let mut all = sound();
        all[1].heard.insert(Offset(2));
        assert_eq!(found(&all, histories()), [Mismatch::Forbidden].into());
        let [ann, _, eve] = histories();
        let bob = Some(lines()[..1].to_vec());
        assert_eq!(found(&sound(), [ann, bob, eve]), [Mismatch::Forbidden].into());
    }

    #[test]
    fn what_was_said_before_somebody_was_added_is_not_for_them() {
        let mut all = sound();
        all[2].heard.insert(Offset(0));
        assert_eq!(found(&all, histories()), [Mismatch::Forbidden].into());
        let [ann, bob, _] = histories();
        assert_eq!(found(&sound(), [ann, bob, Some(lines())]), [Mismatch::Forbidden].into());
    }

    #[test]
    fn a_device_that_shows_other_members_is_noticed() {
        let mut all = sound();
        let (_, _, state) = all[2].shown.as_mut().unwrap();
        *state = State { members: [ANN, BOB, EVE].into(), ..ledger().state() };
        assert_eq!(found(&all, histories()), [Mismatch::OtherMembers].into());
        let mut all = sound();
        all[1].shown = Some((Offset(0), lines()[..1].to_vec(), ledger().state()));
        assert_eq!(found(&all, histories()), [Mismatch::OtherMembers].into());
    }

    #[test]
    fn a_message_that_is_missing_on_a_device_is_noticed_whenever_it_was_a_members() {
        let mut all = sound();
        all[2].shown.as_mut().unwrap().1.pop();
        assert_eq!(found(&all, histories()), [Mismatch::Undelivered].into());
        let mut all = sound();
        all[0].retired.push(vec![lines()[0], lines()[2]]);
        assert_eq!(found(&all, histories()), [Mismatch::Undelivered].into());
    }

    #[test]
    fn a_line_that_no_record_of_the_log_made_is_foreign() {
        let mut evidence = evidence();
        evidence.notices.remove(&Offset(3));
        let mut findings = Findings::default();
        judge(&mut findings, &evidence, &ledger(), &[]);
        assert_eq!(findings.count(Mismatch::Foreign), 1);
    }
}
