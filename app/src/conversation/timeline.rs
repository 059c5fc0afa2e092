//! What a conversation shows, as plain data: days, groups, the state of each message.

use crate::ui::time::{Day, Zone};
use kafkatalk_protocol::{Body, Message, MessageId, Offset, Timestamp, User, UserId};
use std::sync::Arc;

/// Messages of one person follow each other within this time as one group.
pub const GROUP_MS: i64 = 5 * 60_000;

/// How far an own message has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Progress {
    /// In the outbox; goes out when there is a connection.
    Waiting,
    /// On its way.
    Sending,
    /// Durable in the log.
    Sent,
    /// The other person has read it.
    Read,
    /// The server refused it.
    Failed,
}

/// What names a message, from the moment that it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EntryKey {
    /// Who wrote it.
    pub sender: UserId,
    /// Their id for it.
    pub id: MessageId,
}

/// A message as the timeline has it, sent or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What names it.
    pub key: EntryKey,
    /// Who wrote it.
    pub sender: User,
    /// When the node took it in; when it was typed, as long as it is not sent.
    pub at: Timestamp,
    /// What it says.
    pub body: Body,
    /// Its position in the log, once it is there.
    pub offset: Option<Offset>,
    /// How far it has come, where it is the viewer's own.
    pub progress: Option<Progress>,
    /// Why it failed, in words.
    pub failure: Option<String>,
}

impl Entry {
    /// A message of the log.
    pub fn of_message(message: &Message, viewer: UserId) -> Self {
        Self {
            key: EntryKey { sender: message.sender.id, id: message.id },
            sender: message.sender.clone(),
            at: message.sent_at,
            body: message.body.clone(),
            offset: Some(message.offset),
            progress: (message.sender.id == viewer).then_some(Progress::Sent),
            failure: None,
        }
    }
}

/// A message in its place among the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The message.
    pub entry: Arc<Entry>,
    /// Whether it opens a group.
    pub opens: bool,
    /// Whether it ends a group: there the time stands.
    pub closes: bool,
}

/// A day and its messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayRows {
    /// The day, on the reader's calendar.
    pub day: Day,
    /// Its messages in order.
    pub rows: Vec<Row>,
}

/// Arranges messages by days and groups. They keep their order, whatever their times say: clocks of nodes may differ,
/// offsets do not. A message that seems older than the day shown above it stays under that day.
pub fn arrange(entries: &[Arc<Entry>], zone: Zone) -> Vec<DayRows> {
    let mut days: Vec<DayRows> = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let day = zone.at(entry.at).day;
        if days.last().is_none_or(|last| last.day < day) {
            days.push(DayRows { day, rows: Vec::new() });
        }
        let Some(last) = days.last_mut() else { continue };
        let opens = last.rows.is_empty()
            || !index.checked_sub(1).is_some_and(|before| joined(&entries[before], entry));
        if opens && let Some(row) = last.rows.last_mut() {
            row.closes = true;
        }
        last.rows.push(Row { entry: Arc::clone(entry), opens, closes: false });
    }
    for day in &mut days {
        if let Some(row) = day.rows.last_mut() {
            row.closes = true;
        }
    }
    days
}

fn joined(one: &Entry, next: &Entry) -> bool {
    one.key.sender == next.key.sender && (next.at.as_millis() - one.at.as_millis()).abs() < GROUP_MS
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    const UTC: Zone = Zone::Fixed { offset_minutes: 0 };
    const MINUTE: i64 = 60_000;

    fn entry(sender: u128, minute: i64) -> Arc<Entry> {
        let id = UserId(Uuid::from_u128(sender));
        Arc::new(Entry {
            key: EntryKey { sender: id, id: MessageId(Uuid::from_u128(u128::try_from(minute).unwrap())) },
            sender: User { id, username: format!("user{sender}").parse().unwrap() },
            at: Timestamp::from_millis(minute * MINUTE),
            body: "hello".parse().unwrap(),
            offset: None,
            progress: None,
            failure: None,
        })
    }

    fn shape(days: &[DayRows]) -> Vec<Vec<(bool, bool)>> {
        days.iter().map(|day| day.rows.iter().map(|row| (row.opens, row.closes)).collect()).collect()
    }

    #[test]
    fn messages_of_a_person_within_five_minutes_form_a_group() {
        let days = arrange(&[entry(1, 0), entry(1, 4), entry(1, 9), entry(2, 10)], UTC);
        assert_eq!(shape(&days), [[(true, false), (false, true), (true, true), (true, true)]]);
    }

    #[test]
    fn a_new_day_has_its_own_heading_and_group() {
        let days = arrange(&[entry(1, 24 * 60 - 1), entry(1, 24 * 60 + 1)], UTC);
        assert_eq!(shape(&days), [[(true, true)], [(true, true)]]);
        assert_eq!(days.iter().map(|day| day.day).collect::<Vec<_>>(), [Day(0), Day(1)]);
    }

    #[test]
    fn a_message_that_a_slow_clock_stamped_stays_in_its_place() {
        let days = arrange(&[entry(1, 24 * 60 + 1), entry(2, 24 * 60 - 1)], UTC);
        assert_eq!(shape(&days), [[(true, true), (true, true)]]);
    }

    proptest! {
        #[test]
        fn every_message_is_shown_once_in_order_and_each_group_opens_and_closes(
            messages in proptest::collection::vec((0..3_u128, 0..10_000_i64), 0..60),
        ) {
            let entries: Vec<_> = messages.iter().map(|(sender, minute)| entry(*sender, *minute)).collect();
            let days = arrange(&entries, UTC);
            let shown: Vec<_> = days.iter().flat_map(|day| &day.rows).map(|row| Arc::clone(&row.entry)).collect();
            prop_assert_eq!(shown, entries);
            prop_assert!(days.windows(2).all(|pair| pair[0].day < pair[1].day));
            for day in days {
                let mut open = false;
                for row in day.rows {
                    prop_assert_eq!(row.opens, !open);
                    open = !row.closes;
                }
                prop_assert!(!open);
            }
        }
    }
}
