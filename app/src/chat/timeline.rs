//! What a conversation shows, as plain data: days and groups.

use crate::client::Item;
use crate::ui::time::{Day, Zone};
use kafkatalk_protocol::Offset;

/// Messages of one person that follow each other within this time form one group.
pub const GROUP_MS: i64 = 5 * 60_000;

/// A message in its place among the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The message.
    pub item: Item,
    /// Whether it opens a group.
    pub opens: bool,
    /// Whether it ends a group: there the time stands.
    pub closes: bool,
    /// Whether what was new begins with it.
    pub new: bool,
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
pub fn arrange(items: &[Item], new_from: Option<Offset>, zone: Zone) -> Vec<DayRows> {
    let mut days: Vec<DayRows> = Vec::new();
    let mut before: Option<&Item> = None;
    for item in items {
        let day = zone.at(item.at()).day;
        if days.last().is_none_or(|last| last.day < day) {
            days.push(DayRows { day, rows: Vec::new() });
        }
        let Some(last) = days.last_mut() else { continue };
        let new = new_from.is_some() && item.offset() == new_from;
        let opens = new || last.rows.is_empty() || !before.is_some_and(|before| joined(before, item));
        if let Some(row) = last.rows.last_mut() {
            row.closes = opens;
        }
        last.rows.push(Row { item: item.clone(), opens, closes: true, new });
        before = Some(item);
    }
    days
}

fn joined(one: &Item, next: &Item) -> bool {
    let apart_ms = (next.at().as_millis() - one.at().as_millis()).abs();
    let messages = one.notice().is_none() && next.notice().is_none();
    messages && one.sender().id == next.sender().id && apart_ms < GROUP_MS
}

/// The first message of somebody else after what was read. None where everything is new or nothing is: a line between
/// old and new would say nothing there.
pub fn first_new(items: &[Item], read: Option<Offset>) -> Option<Offset> {
    let unread = |item: &Item| !item.own() && item.notice().is_none() && item.offset() > read;
    let first = items.iter().position(unread)?;
    if first == 0 { None } else { items[first].offset() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{Client, Features};
    use crate::page::{OpenModel, PageModel};
    use crate::ui::person::testing::user;
    use kafkatalk_protocol::{Conversation, ConversationId, Message, MessageId, Timestamp};
    use proptest::prelude::*;
    use uuid::Uuid;

    const UTC: Zone = Zone::Fixed { offset_minutes: 0 };
    const MINUTE_MS: i64 = 60_000;
    const DAY_MINUTES: i64 = 24 * 60;

    /// The messages of a conversation, as (sender, minute); person 0 is the one who looks.
    fn items(said: &[(u128, i64)]) -> Vec<Item> {
        let id = ConversationId(Uuid::from_u128(9));
        let message = |(offset, (sender, minute)): (usize, &(u128, i64))| {
            let offset = u64::try_from(offset).unwrap();
            let message_id = MessageId(Uuid::from_u128(u128::from(offset) + 1));
            let sent_at = Timestamp::from_millis(minute * MINUTE_MS);
            let body = "hello".parse().unwrap();
            Message {
                previous: offset.checked_sub(1).map(Offset),
                ..Message::new(id, Offset(offset), message_id, user(*sender), sent_at, body)
            }
        };
        let messages: Vec<_> = said.iter().enumerate().map(message).collect();
        let conversation = Conversation {
            last_message: messages.last().cloned(),
            ..Conversation::new(id, vec![user(0), user(1)], Timestamp::default())
        };
        let open = Some(OpenModel { conversation, messages, earlier: None });
        let model = PageModel { viewer: Some(user(0)), open, ..PageModel::default() };
        Client::new(&model, 0, Features::NONE).unwrap().chat(id).items
    }

    fn shape(days: &[DayRows]) -> Vec<Vec<(bool, bool)>> {
        days.iter().map(|day| day.rows.iter().map(|row| (row.opens, row.closes)).collect()).collect()
    }

    #[test]
    fn messages_of_a_person_within_five_minutes_form_a_group() {
        let days = arrange(&items(&[(1, 0), (1, 4), (1, 9), (0, 10)]), None, UTC);
        assert_eq!(shape(&days), [[(true, false), (false, true), (true, true), (true, true)]]);
    }

    #[test]
    fn a_new_day_has_its_own_heading_and_group() {
        let days = arrange(&items(&[(1, DAY_MINUTES - 1), (1, DAY_MINUTES + 1)]), None, UTC);
        assert_eq!(shape(&days), [[(true, true)], [(true, true)]]);
        assert_eq!(days.iter().map(|day| day.day).collect::<Vec<_>>(), [Day(0), Day(1)]);
    }

    #[test]
    fn a_message_that_a_slow_clock_stamped_stays_in_its_place() {
        let days = arrange(&items(&[(1, DAY_MINUTES + 1), (0, DAY_MINUTES - 1)]), None, UTC);
        assert_eq!(shape(&days), [[(true, true), (true, true)]]);
    }

    #[test]
    fn what_is_new_opens_a_group() {
        let days = arrange(&items(&[(1, 0), (1, 1), (1, 2)]), Some(Offset(1)), UTC);
        assert_eq!(shape(&days), [[(true, true), (true, false), (false, true)]]);
        assert_eq!(days[0].rows.iter().map(|row| row.new).collect::<Vec<_>>(), [false, true, false]);
    }

    #[test]
    fn what_is_new_begins_with_the_first_unread_message_of_somebody_else() {
        let items = items(&[(1, 0), (0, 1), (1, 2), (1, 3)]);
        assert_eq!(first_new(&items, Some(Offset(0))), Some(Offset(2)));
        assert_eq!(first_new(&items, Some(Offset(3))), None);
        assert_eq!(first_new(&items, None), None);
    }

    proptest! {
        #[test]
        fn every_message_is_shown_once_in_order_and_each_group_opens_and_closes(
            said in proptest::collection::vec((0..2_u128, 0..10_000_i64), 0..60),
        ) {
            let items = items(&said);
            let days = arrange(&items, None, UTC);
            let shown: Vec<_> = days.iter().flat_map(|day| &day.rows).map(|row| row.item.clone()).collect();
            prop_assert_eq!(shown, items);
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
