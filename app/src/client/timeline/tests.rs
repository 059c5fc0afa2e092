//! Whatever arrives in whatever order, the window is a part of the log, in a state that is not older than what counts as
//! applied.

use super::*;
use kafkatalk_protocol::{Body, ConversationId, MessageId, Timestamp, User, UserId};
use proptest::prelude::*;
use uuid::Uuid;

const AHEAD_MAX: usize = 3;
const WINDOW_MAX: usize = 12;
/// Pages of changes until everything must be there.
const FILL_PAGES: usize = 100;

/// A record that members see, with the message that it posted or changed, in its state of then.
struct Record {
    offset: Offset,
    previous: Option<Offset>,
    message: Arc<Message>,
}

/// A log whose offsets have gaps where nobody sees the records. A record posts, or changes the message of that index.
fn log(records: &[(u64, Option<usize>)]) -> Vec<Record> {
    let mut log: Vec<Record> = Vec::new();
    let mut messages: Vec<Arc<Message>> = Vec::new();
    for (gap, change) in records {
        let previous = log.last().map(|last| last.offset);
        let offset = Offset(previous.map_or(0, |previous| previous.0 + 1) + gap);
        let message = match change {
            Some(index) if !messages.is_empty() => {
                let index = index % messages.len();
                let body = Body::parse(&format!("changed by {offset}")).unwrap();
                let changed = Message { revision: Some(offset), body, ..(*messages[index]).clone() };
                messages[index] = Arc::new(changed);
                messages[index].clone()
            }
            _ => {
                let (conversation, id) =
                    (ConversationId(Uuid::nil()), MessageId(Uuid::from_u128(offset.0.into())));
                let sender = User { id: UserId(Uuid::nil()), username: "somebody".parse().unwrap() };
                let body = Body::parse("text").unwrap();
                let message = Message::new(conversation, offset, id, sender, Timestamp::default(), body);
                let before = messages.last().map(|last| last.offset);
                messages.push(Arc::new(Message { previous: before, ..message }));
                messages[messages.len() - 1].clone()
            }
        };
        log.push(Record { offset, previous, message });
    }
    log
}

/// The messages as they were when the log had that many records, in offset order.
fn state(log: &[Record], records: usize) -> Vec<Arc<Message>> {
    let mut messages = BTreeMap::new();
    for record in &log[..records] {
        messages.insert(record.message.offset, record.message.clone());
    }
    messages.into_values().collect()
}

/// The window is contiguous, of states that were, none of them older than what counts as applied, but for what is known
/// to be missing.
fn is_right(timeline: &Timeline, log: &[Record]) -> bool {
    let window = timeline.window();
    let now = state(log, log.len());
    let applied = log.partition_point(|record| Some(record.offset) <= timeline.chain().applied());
    let then = state(log, applied);
    let start =
        window.front().map_or(0, |first| now.partition_point(|message| message.offset < first.offset));
    window.iter().enumerate().all(|(index, message)| {
        let place = start + index;
        let was = log.iter().any(|record| record.message == *message);
        let present = &now[place];
        let fresh = then.get(place).is_none_or(|applied| applied.revision() <= message.revision());
        let to_come = Some(present.revision()) > timeline.chain().applied() && timeline.chain().has_gap();
        was && (fresh || to_come) && present.offset == message.offset
    })
}

/// Numbers stand for records: as many as these, counted round the log. Pages are read when the log ends there.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// The frame of a record arrives.
    Deliver(usize),
    /// A message arrives in the state that it has after so many records, without a link.
    Offer(usize, usize),
    HearOf(usize),
    Latest(usize, usize),
    After(usize, usize),
    Before(usize, usize),
    Around(usize, usize),
    Changes(usize, usize),
    Trim(bool),
    Restart,
    Seek(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let index = || 0..1_000_usize;
    prop_oneof![
        8 => index().prop_map(Step::Deliver),
        2 => (index(), index()).prop_map(|(then, which)| Step::Offer(then, which)),
        1 => index().prop_map(Step::HearOf),
        2 => (index(), 1..5_usize).prop_map(|(then, limit)| Step::Latest(then, limit)),
        3 => (index(), 1..5_usize).prop_map(|(then, limit)| Step::After(then, limit)),
        2 => (index(), 1..5_usize).prop_map(|(then, limit)| Step::Before(then, limit)),
        2 => (index(), 1..5_usize).prop_map(|(then, limit)| Step::Around(then, limit)),
        3 => (index(), 1..5_usize).prop_map(|(then, limit)| Step::Changes(then, limit)),
        1 => any::<bool>().prop_map(Step::Trim),
        1 => Just(Step::Restart),
        1 => index().prop_map(Step::Seek),
    ]
}

/// The messages when the log had some records, and the last of these records.
fn page(log: &[Record], then: usize) -> (Vec<Arc<Message>>, Option<Offset>) {
    let records = then % log.len() + 1;
    (state(log, records), Some(log[records - 1].offset))
}

fn take(timeline: &mut Timeline, log: &[Record], step: Step) {
    match step {
        Step::Deliver(index) => {
            let record = &log[index % log.len()];
            timeline.offer(record.message.clone(), AHEAD_MAX);
            timeline.link(record.offset, record.previous);
        }
        Step::Offer(then, which) => {
            let (messages, _) = page(log, then);
            timeline.offer(messages[which % messages.len()].clone(), AHEAD_MAX);
        }
        Step::HearOf(index) => timeline.heard_of(log[index % log.len()].message.offset),
        Step::Trim(at_end) => timeline.trim(WINDOW_MAX, at_end),
        Step::Restart => timeline.restart(),
        Step::Seek(index) => timeline.seek(log[index % log.len()].message.offset),
        Step::Latest(then, limit) => {
            let (messages, through) = page(log, then);
            if timeline.accepts(through) {
                let start = messages.len().saturating_sub(limit);
                timeline.place_latest(messages[start..].to_vec(), through);
            }
        }
        Step::After(then, limit) => {
            let (messages, through) = page(log, then);
            if timeline.loaded() && timeline.accepts(through) {
                let start = messages.partition_point(|message| Some(message.offset) <= timeline.last());
                let end = (start + limit).min(messages.len());
                timeline.place_after(messages[start..end].to_vec(), end == messages.len(), AHEAD_MAX);
            }
        }
        Step::Before(then, limit) => {
            let (messages, through) = page(log, then);
            if let Some(earlier) = timeline.earlier().filter(|_| timeline.accepts(through)) {
                let end = messages.partition_point(|message| message.offset < earlier);
                let page = messages[end.saturating_sub(limit)..end].to_vec();
                if !page.is_empty() {
                    timeline.place_before(page);
                }
                timeline.trim_end(WINDOW_MAX);
            }
        }
        Step::Around(then, limit) => {
            let (messages, through) = page(log, then);
            if let Some(Forward::Around(sought)) = timeline.wanted().filter(|_| timeline.accepts(through)) {
                let end = messages.partition_point(|message| message.offset <= sought);
                let end = (end + limit / 2).min(messages.len());
                timeline.place_around(messages[end.saturating_sub(limit)..end].to_vec(), through);
            }
        }
        Step::Changes(then, limit) => {
            let (mut messages, through) = page(log, then);
            if let Some(after) = timeline.changes_wanted() {
                messages.retain(|message| message.revision() > after);
                messages.sort_by_key(|message| message.revision());
                let more = messages.len() > limit;
                messages.truncate(limit);
                let next = messages.last().filter(|_| more).map(|last| last.revision());
                timeline.place_changes(messages, (next, through), AHEAD_MAX);
            }
        }
    }
}

fn records() -> impl Strategy<Value = Vec<(u64, Option<usize>)>> {
    prop::collection::vec((0..3_u64, prop::option::of(0..1_000_usize)), 1..40)
}

#[test]
fn a_message_that_comes_by_itself_in_an_old_state_is_brought_up_to_the_changes_that_came_before_it() {
    let records = [None, Some(0), Some(0), Some(0), None, Some(0), None, None, Some(143)];
    let log = log(&records.map(|change| (0, change)));
    let mut timeline = Timeline::default();
    for step in [
        Step::Deliver(978),
        Step::Latest(135, 1),
        Step::Deliver(98),
        Step::Offer(58, 691),
        Step::Latest(816, 1),
        Step::Deliver(619),
    ] {
        take(&mut timeline, &log, step);
        assert!(is_right(&timeline, &log), "after {step:?}: {:?}", timeline.window());
    }
}

proptest! {
    #[test]
    fn whatever_arrives_in_whatever_order_the_window_has_no_hole_and_no_change_is_missing(
        records in records(),
        steps in prop::collection::vec(step(), 0..60),
    ) {
        let log = log(&records);
        let mut timeline = Timeline::default();
        for step in steps {
            take(&mut timeline, &log, step);
            prop_assert!(is_right(&timeline, &log), "after {step:?}: {:?}", timeline.window());
            prop_assert!(timeline.ahead.len() <= AHEAD_MAX);
        }
    }

    #[test]
    fn fetching_what_is_wanted_leads_to_the_end_of_the_log_in_its_present_state(
        records in records(),
        steps in prop::collection::vec(step(), 0..60),
    ) {
        let log = log(&records);
        let mut timeline = Timeline::default();
        for step in steps {
            take(&mut timeline, &log, step);
        }
        timeline.restart();
        let end = log.len() - 1;
        take(&mut timeline, &log, Step::Deliver(end));
        timeline.heard_of(state(&log, log.len())[..].last().map_or(Offset(0), |last| last.offset));
        for _ in 0..FILL_PAGES {
            match timeline.wanted() {
                Some(Forward::Latest) => take(&mut timeline, &log, Step::Latest(end, 4)),
                Some(Forward::After(_)) => take(&mut timeline, &log, Step::After(end, 3)),
                Some(Forward::Around(_)) => prop_assert!(false, "restarting gives up what was sought"),
                None if timeline.changes_wanted().is_some() => {
                    take(&mut timeline, &log, Step::Changes(end, 2));
                }
                None => break,
            }
        }
        prop_assert!(timeline.whole());
        prop_assert_eq!(timeline.chain().applied(), Some(log[end].offset));
        let present = state(&log, log.len());
        let window: Vec<_> = timeline.window().iter().cloned().collect();
        prop_assert_eq!(&window[..], &present[present.len() - window.len()..]);
    }
}
