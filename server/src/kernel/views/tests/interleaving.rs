//! Equal streams give equal rows.

use super::*;
use kafkatalk_protocol::{
    delete::MessageDeleted,
    edit::MessageEdited,
    member::{
        Added, ConversationNamed, GroupName, MemberLeft, MemberRemoved, MemberRoleSet, MembersAdded, Role,
    },
    reaction::ReactionSet,
};
use proptest::prelude::*;

/// Something that happens in the log.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Claim { person: u8, name: u8 },
    Create { conversation: u8, people: Vec<u8> },
    Say { conversation: u8, sender: u8, id: u32, reply_to: u64 },
    React { conversation: u8, person: u8, which: prop::sample::Index, id: u32, on: bool },
    Read { conversation: u8, reader: u8, offset: u64 },
    Start { session: u8, person: u8 },
    End { session: u8, person: u8 },
    Erase { conversation: u8, which: prop::sample::Index },
    Edit { conversation: u8, which: prop::sample::Index, id: u32, text: u8 },
    Delete { conversation: u8, which: prop::sample::Index, id: u32 },
    Add { conversation: u8, by: u8, people: Vec<u8>, sees_from: Option<u64> },
    Leave { conversation: u8, person: u8 },
    Remove { conversation: u8, by: u8, person: u8 },
    Give { conversation: u8, by: u8, person: u8, role: Role },
    Name { conversation: u8, by: u8, name: Option<u8> },
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    prop_oneof![4 => message_step(), 1 => member_step()]
}

fn member_step() -> impl Strategy<Value = Step> {
    let (person, place) = (0..5_u8, 0..3_u8);
    let people = prop::collection::vec(0..5_u8, 1..3);
    let role = prop_oneof![Just(Role::Member), Just(Role::Admin), Just(Role::Owner)];
    prop_oneof![
        4 => (place.clone(), person.clone(), people, prop::option::of(0..20_u64)).prop_map(
            |(conversation, by, people, sees_from)| Step::Add { conversation, by, people, sees_from }
        ),
        1 => (place.clone(), person.clone())
            .prop_map(|(conversation, person)| Step::Leave { conversation, person }),
        2 => (place.clone(), person.clone(), person.clone())
            .prop_map(|(conversation, by, person)| Step::Remove { conversation, by, person }),
        1 => (place.clone(), person.clone(), person.clone(), role)
            .prop_map(|(conversation, by, person, role)| Step::Give { conversation, by, person, role }),
        1 => (place, person, prop::option::of(0..2_u8))
            .prop_map(|(conversation, by, name)| Step::Name { conversation, by, name }),
    ]
}

fn message_step() -> impl Strategy<Value = Step> {
    let (person, place, people) = (0..5_u8, 0..3_u8, prop::collection::vec(0..5_u8, 1..5));
    prop_oneof![
        3 => (person.clone(), 0..5_u8).prop_map(|(person, name)| Step::Claim { person, name }),
        2 => (place.clone(), people).prop_map(|(conversation, people)| Step::Create { conversation, people }),
        // Few ids, so that many are said twice.
        9 => (place.clone(), person.clone(), 0..6_u32, 0..20_u64)
            .prop_map(|(conversation, sender, id, reply_to)| Step::Say { conversation, sender, id, reply_to }),
        3 => (place.clone(), person.clone(), any::<prop::sample::Index>(), 20..30_u32, any::<bool>())
            .prop_map(|(conversation, person, which, id, on)| Step::React { conversation, person, which, id, on }),
        3 => (place.clone(), person.clone(), 0..20_u64)
            .prop_map(|(conversation, reader, offset)| Step::Read { conversation, reader, offset }),
        1 => (0..4_u8, person.clone()).prop_map(|(session, person)| Step::Start { session, person }),
        1 => (0..4_u8, person).prop_map(|(session, person)| Step::End { session, person }),
        2 => (place.clone(), any::<prop::sample::Index>())
            .prop_map(|(conversation, which)| Step::Erase { conversation, which }),
        4 => (place.clone(), any::<prop::sample::Index>(), 10..20_u32, 0..3_u8)
            .prop_map(|(conversation, which, id, text)| Step::Edit { conversation, which, id, text }),
        2 => (place, any::<prop::sample::Index>(), 10..20_u32)
            .prop_map(|(conversation, which, id)| Step::Delete { conversation, which, id }),
    ]
}

/// A message that people may see: the first that its sender posted under its id.
struct Seen {
    offset: Offset,
    record: RecordId,
    sender: UserId,
    id: MessageId,
    at: Timestamp,
}

/// What clients may have been shown of a stream so far.
fn seen(entries: &[Entry]) -> Vec<Seen> {
    let mut seen: Vec<Seen> = Vec::new();
    for Entry { offset, record, .. } in entries {
        if let Some(Ok(MessagePosted { id, .. })) = record.event::<MessagePosted>() {
            let Some(sender) = record.author else { continue };
            if !seen.iter().any(|known| (known.sender, known.id) == (sender, id)) {
                seen.push(Seen { offset: *offset, record: record.id, sender, id, at: record.at });
            }
        } else if *record.kind == *Record::ERASED {
            seen.retain(|known| record.key.as_deref() != Some(&*known.record.to_string()));
        }
    }
    seen
}

/// The streams that these steps write, each in its order.
pub(super) fn streams(steps: &[Step]) -> Vec<Vec<Entry>> {
    let mut streams = Streams::default();
    let mut all: HashMap<Stream, Vec<Entry>> = HashMap::new();
    for step in steps {
        let so_far = |number: &u8| all.get(&Stream::Conversation(conversation(*number)));
        let entry = match step {
            Step::Claim { person, name: taken } => streams.claim_as(*person, name(*taken)),
            Step::Create { conversation, people } => streams.created(*conversation, people),
            Step::Say { conversation: number, sender, id, reply_to } => {
                let body = Body::parse("hello").unwrap();
                let posted = MessagePosted { id: message_id(*id), body, reply_to: Some(Offset(*reply_to)) };
                let record = streams.record(Some(user(*sender)), &posted);
                streams.append(Stream::Conversation(conversation(*number)), record)
            }
            Step::React { conversation: number, person, which, id, on } => {
                let seen = so_far(number).map(|entries| seen(entries)).unwrap_or_default();
                let Some(message) = (!seen.is_empty()).then(|| which.get(&seen)) else { continue };
                let emoji = "\u{1f44d}".parse().unwrap();
                let set = ReactionSet { id: message_id(*id), message: message.offset, emoji, on: *on };
                let record = streams.record(Some(user(*person)), &set);
                streams.append(Stream::Conversation(conversation(*number)), record)
            }
            Step::Read { conversation, reader, offset } => streams.read(*conversation, *reader, *offset),
            Step::Start { session, person } => streams.started(*session, *person),
            Step::End { session, person } => streams.ended(*session, *person),
            Step::Erase { conversation: number, which } => {
                // What holds a change is erased with its message alone.
                // What changes a group is never erased.
                let may =
                    |entry: &&Entry| [MessagePosted::KIND, Record::ERASED].contains(&&*entry.record.kind);
                let said: Vec<_> = so_far(number).into_iter().flatten().filter(may).collect();
                let Some(erased) = (!said.is_empty()).then(|| which.get(&said).record.id) else { continue };
                streams.erased(*number, erased)
            }
            Step::Edit { conversation: number, which, id, text } => {
                let seen = so_far(number).map(|entries| seen(entries)).unwrap_or_default();
                let Some(message) = (!seen.is_empty()).then(|| which.get(&seen)) else { continue };
                let body = Body::parse(&format!("edited {text}")).unwrap();
                let edited = MessageEdited { id: message_id(*id), message: message.offset, body };
                let record = streams.record(Some(message.sender), &edited);
                streams.append(Stream::Conversation(conversation(*number)), record)
            }
            Step::Delete { conversation: number, which, id } => {
                let seen = so_far(number).map(|entries| seen(entries)).unwrap_or_default();
                let Some(message) = (!seen.is_empty()).then(|| which.get(&seen)) else { continue };
                let deleted = MessageDeleted {
                    id: message_id(*id),
                    message: message.offset,
                    message_id: message.id,
                    sender: message.sender,
                    sent_at: message.at,
                };
                let record = streams.record(Some(message.sender), &deleted);
                streams.append(Stream::Conversation(conversation(*number)), record)
            }
            change => group_change(&mut streams, change),
        };
        all.entry(entry.stream).or_default().push(entry);
    }
    erase_what_was_deleted(&mut streams, &mut all);
    let mut all: Vec<_> = all.into_iter().collect();
    all.sort_by_key(|(stream, _)| *stream);
    all.into_iter().map(|(_, entries)| entries).collect()
}

/// Somebody changes a group, or tries to.
fn group_change(streams: &mut Streams, step: &Step) -> Entry {
    match step {
        Step::Add { conversation, by, people, sees_from } => {
            let added = |person: &u8| Added { user: user(*person), username: name(*person) };
            let members = people.iter().map(added).collect();
            let sees_from = sees_from.map(Offset);
            streams.changed_group(*conversation, *by, &MembersAdded { members, sees_from })
        }
        Step::Leave { conversation, person } => streams.changed_group(*conversation, *person, &MemberLeft {}),
        Step::Remove { conversation, by, person } => {
            streams.changed_group(*conversation, *by, &MemberRemoved { user: user(*person) })
        }
        Step::Give { conversation, by, person, role } => {
            let set = MemberRoleSet { user: user(*person), role: *role };
            streams.changed_group(*conversation, *by, &set)
        }
        Step::Name { conversation, by, name } => {
            let name = name.map(|name| GroupName::parse(&format!("name {name}")).unwrap());
            streams.changed_group(*conversation, *by, &ConversationNamed { name })
        }
        step => panic!("no change of a group: {step:?}"),
    }
}

/// As nodes do: the content of deleted messages is erased from the log.
fn erase_what_was_deleted(streams: &mut Streams, all: &mut HashMap<Stream, Vec<Entry>>) {
    let mut bench = Bench::new();
    let mut entries: Vec<Entry> = all.values().flatten().cloned().collect();
    entries.sort_by_key(|entry| (matches!(entry.stream, Stream::Conversation(_)), entry.offset));
    bench.apply(entries);
    let mut pending = bench.ask(|views| views.pending_erasures(None, Some(i64::MAX), usize::MAX >> 1));
    // The conversations come in no order.
    pending.sort_by_key(|(place, _)| *place);
    for (place, record) in pending {
        let number = (0..3).find(|number| conversation(*number) == place).unwrap();
        let erased = streams.erased(number, record);
        all.entry(erased.stream).or_default().push(erased);
    }
}

/// One of the orders in which a tail may hand the streams out.
pub(super) fn interleave(mut streams: Vec<Vec<Entry>>, mut choose: impl FnMut(usize) -> usize) -> Vec<Entry> {
    for stream in &mut streams {
        stream.reverse();
    }
    let mut order = Vec::new();
    while !streams.is_empty() {
        let which = choose(streams.len());
        match streams[which].pop() {
            Some(entry) => order.push(entry),
            None => drop(streams.swap_remove(which)),
        }
    }
    order
}

/// Crashes of one run, so that it comes to an end.
const CRASHES_MAX: usize = 20;

/// Applies in batches cut at random, committed at once or with later ones, with a crash after some.
pub(super) fn rows_of(order: &[Entry], mut choose: impl FnMut(usize) -> usize) -> String {
    let mut bench = Bench::new();
    let (mut applied, mut crashes) = (0, 0);
    while applied < order.len() {
        let rest = &order[applied..];
        let now = &rest[..=choose(rest.len().min(8))];
        applied += now.len();
        let progress = vec![("all".into(), applied as u64)];
        let batch = Batch { entries: now.to_vec(), progress, caught_up: true, lag: 0 };
        if choose(2) == 0 {
            bench.applier.apply(&batch).unwrap();
            assert_eq!(bench.applier.checkpoint().get("all"), Some(&(applied as u64)));
        } else {
            bench.applier.put(&batch).unwrap();
        }
        if choose(8) == 0 && crashes < CRASHES_MAX {
            crashes += 1;
            bench.reopen();
            let held = bench.applier.checkpoint().get("all").copied().unwrap_or(0);
            applied = usize::try_from(held).unwrap();
        }
    }
    bench.applier.commit().unwrap();
    bench.dump()
}

/// Without what was erased, as a log hands it out long after: a hole in its place.
pub(super) fn without_erased(streams: &[Vec<Entry>]) -> Vec<Vec<Entry>> {
    let erased: Vec<Box<str>> = streams
        .iter()
        .flatten()
        .filter(|entry| &*entry.record.kind == Record::ERASED)
        .filter_map(|entry| entry.record.key.clone())
        .collect();
    let stays = |entry: &&Entry| !erased.contains(&entry.record.id.to_string().into());
    streams.iter().map(|stream| stream.iter().filter(stays).cloned().collect()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_interleaving_in_any_batches_with_any_crashes_gives_the_same_rows(
        steps in prop::collection::vec(step(), 1..80),
        choices in prop::collection::vec(any::<prop::sample::Index>(), 64),
    ) {
        let streams = streams(&steps);
        let mut next = choices.iter().cycle();
        let mut choose = |of: usize| next.next().map_or(0, |choice| choice.index(of));

        let plain = rows_of(&interleave(streams.clone(), |_| 0), |of| of - 1);
        let mixed = rows_of(&interleave(streams.clone(), &mut choose), &mut choose);
        prop_assert_eq!(&plain, &mixed);
        let backwards = rows_of(&interleave(streams.clone(), |of| of - 1), |_| 0);
        prop_assert_eq!(&plain, &backwards);
        let later = rows_of(&interleave(without_erased(&streams), &mut choose), &mut choose);
        prop_assert_eq!(&plain, &later);
    }
}
